// fork: what it returns on both sides, that pids differ and that the child knows its parent.
// variants: static pie musl
#include "process.h"
int main(void)
{
    pid_t me = getpid(), seen[2];
    int fd[2];
    MUST(pipe(fd));
    pid_t child = fork();
    if (child == 0) {
        seen[0] = getpid(), seen[1] = getppid();
        write(fd[1], seen, sizeof seen);
        _exit(0);
    }
    if (child < 0)
        die("fork");
    YES(child > 0);
    YES(child != me);
    MUST(read(fd[0], seen, sizeof seen));
    YES(seen[0] == child);
    YES(seen[1] == me);
    YES(getpid() == me);
    reap("child", child);
    return 0;
}
