// No reader left: SIGPIPE kills; ignored it is EPIPE; a reader that is killed counts as gone; blocked writers wake.
// variants: static musl
#include "process.h"
int main(void)
{
    int fd[2];
    static char big[1 << 18];
    pipe(fd);
    pid_t child = CHILD({
        close(fd[0]);
        write(fd[1], big, sizeof big);
        for (;;)
            write(fd[1], big, sizeof big);
    });
    close(fd[1]);
    settle(child);
    close(fd[0]);
    reap("blocked writer", child);
    pipe(fd);
    child = CHILD({
        handle(SIGPIPE, SIG_IGN, 0);
        close(fd[0]);
        say("cut short: %d", write(fd[1], big, sizeof big) < (long)sizeof big);
        RET(write(fd[1], big, sizeof big));
    });
    pid_t reader = CHILD({
        close(fd[1]);
        read(fd[0], big, 10);
        for (;;)
            pause();
    });
    close(fd[0]), close(fd[1]);
    settle(reader), settle(child);
    kill(reader, SIGKILL);
    int status = status_of(reader);
    reap("writer", child);
    say("reader: %s", status_name(status));
    pipe(fd);
    close(fd[0]);
    reap("write to nobody", CHILD(write(fd[1], "x", 1)));
    reap("empty write to nobody", CHILD(RET(write(fd[1], "", 0))));
    handle(SIGPIPE, SIG_IGN, 0);
    reap("ignored by inheritance", CHILD(RET(write(fd[1], "x", 1))));
    return 0;
}
