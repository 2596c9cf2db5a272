// The smallest: a child that exits at once, a parent that waits for it. Nothing else.
// variants: static musl pie
#include "process.h"
int main(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(42);
    int status = 0;
    pid_t got = child < 0 ? -1 : waitpid(child, &status, 0);
    say("%s, %s", child < 0 ? error_name(errno) : "forked", got == child ? status_name(status) : error_name(errno));
    return 0;
}
