// O_NONBLOCK between processes: EAGAIN, partial writes above PIPE_BUF, none below; a full pipe becomes writable.
#include "process.h"
int main(void)
{
    int fd[2];
    static char b[1 << 18];
    pipe2(fd, O_NONBLOCK);
    reap("child", CHILD(RET(read(fd[0], b, 10))));
    RET(write(fd[1], b, 100000));
    RET(write(fd[1], b, 4096));
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        await(go);
        RET(read(fd[0], b, 4095));
        pass(done), await(go);
        RET(read(fd[0], b, 4097));
        pass(done);
    });
    struct pollfd p = {fd[1], POLLOUT, 0};
    RET(poll(&p, 1, 0));
    pass(go), await(done);
    RET(write(fd[1], b, 4096));
    pass(go), await(done);
    RET(poll(&p, 1, 1000));
    RET(write(fd[1], b, 4096));
    reap("child", child);
    return 0;
}
