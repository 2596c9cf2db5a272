// A process is killed while it forks: its children are all whole or not there, and end when told.
// slow
#include "process.h"
int main(void)
{
    under_reaper();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int rounds = 0, strange = 0;
    for (int i = 0; i < 30; i++) {
        int fd[2];
        pipe(fd);
        pid_t forker = CHILD({
            setpgid(0, 0);
            for (int n = 0; n < 30; n++)
                CHILD(write(fd[1], "c", 1); for (;;) pause());
            for (;;)
                pause();
        });
        setpgid(forker, forker);
        char c;
        read(fd[0], &c, 1);
        nanosleep(&(struct timespec){0, (i * 13 % 30) * 50000}, NULL);
        kill(forker, SIGKILL);
        status_of(forker);
        kill(-forker, SIGKILL);
        int status;
        while (wait(&status) > 0)
            strange += !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        close(fd[1]);
        while (read(fd[0], &c, 1) == 1)
            ;
        close(fd[0]);
        rounds++;
    }
    say("rounds %d, strange ends %d", rounds, strange);
    return 0;
}
