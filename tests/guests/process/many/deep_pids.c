// 40 generations one after the other, each orphaned: the last tells; statuses of the orphans reach the reaper.
#include "process.h"
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static void next(int n, int fd)
{
    if (n == 40) {
        write(fd, "end", 3);
        _exit(n);
    }
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0)
        next(n + 1, fd);
    _exit(n);
}
int main(void)
{
    under_reaper();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int fd[2], sum = 0, count = 0, status;
    char b[10] = {0};
    pipe(fd);
    CHILD(next(0, fd[1]));
    read(fd[0], b, 3);
    while (wait(&status) > 0)
        sum += WEXITSTATUS(status), count++;
    say("%s, %d processes, sum %d", b, count, sum);
    return 0;
}
