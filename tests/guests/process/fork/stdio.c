// What stdio had buffered at fork is written by both; an empty buffer is written once. exit flushes, _exit does not.
// variants: static musl
#include "process.h"
int main(void)
{
    FILE *f = fopen("f", "w");
    fprintf(f, "once;");
    fflush(f);
    fprintf(f, "twice;");
    pid_t child = fork();
    if (!child) {
        fprintf(f, "child;");
        exit(0);
    }
    reap("child", child);
    child = fork();
    if (!child) {
        fprintf(f, "lost;");
        _exit(0);
    }
    reap("child", child);
    fprintf(f, "parent;");
    fclose(f);
    char b[200] = {0};
    int fd = open("f", O_RDONLY);
    read(fd, b, 199);
    say("%s", b);
    return 0;
}
