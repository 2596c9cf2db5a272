// The double fork of daemons, and daemon(3).
#include "process.h"
int main(void)
{
    pid_t reaper = under_reaper();
    int fd[2];
    pipe(fd);
    reap("first", CHILD({
        setsid();
        CHILD({
            for (int i = 0; i < 2000 && getppid() != reaper; i++)
                sleep_ms(1);
            dprintf(fd[1], "parent is the reaper %d, leads its session %d;", getppid() == reaper, getsid(0) == getpid());
        });
    }));
    char b[200] = {0};
    read(fd[0], b, 199);
    say("%s", b);
    reap("daemon(3)'s parent", CHILD({
        if (daemon(0, 0) == 0) {
            char path[100];
            char *cwd = getcwd(path, 100);
            dprintf(fd[1], "cwd %s, leads its session %d, tty %d", cwd, getsid(0) == getpid(), isatty(1));
        }
    }));
    memset(b, 0, 200);
    read(fd[0], b, 199);
    say("%s", b);
    return 0;
}
