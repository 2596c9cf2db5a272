// A writer of more than fits sleeps until all is taken, and returns the whole count.
#include "process.h"
int main(void)
{
    int fd[2];
    static char b[300000];
    pipe(fd);
    pid_t child = CHILD(_exit(write(fd[1], b, sizeof b) == sizeof b ? 3 : 4));
    settle(child);
    RET(waitpid(child, NULL, WNOHANG));
    long total = 0, n;
    while (total < (long)sizeof b && (n = read(fd[0], b, 5000)) > 0)
        total += n;
    say("%ld", total);
    reap("child", child);
    return 0;
}
