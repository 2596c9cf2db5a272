// A reader sees the end of file when the writer is killed, with what had been written before.
#include "process.h"
int main(void)
{
    int fd[2];
    char b[100] = {0};
    pipe(fd);
    gate ready = new_gate();
    pid_t child = CHILD({
        write(fd[1], "last words", 10);
        pass(ready);
        for (;;)
            pause();
    });
    close(fd[1]);
    await(ready);
    pid_t reader = CHILD({
        RET(read(fd[0], b, 100));
        say("%s", b);
        RET(read(fd[0], b, 100));
    });
    sleep_ms(10);
    kill(child, SIGKILL);
    int status = status_of(child);
    reap("reader", reader);
    say("writer: %s", status_name(status));
    return 0;
}
