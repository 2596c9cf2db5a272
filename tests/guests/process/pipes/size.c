// F_SETPIPE_SZ and F_GETPIPE_SZ by either process; how much fits; EBUSY; FIONREAD.
#include "process.h"
#include <sys/ioctl.h>
int main(void)
{
    int fd[2], n;
    static char b[1 << 18];
    pipe(fd);
    RET(fcntl(fd[0], F_GETPIPE_SZ));
    reap("child", CHILD(RET(fcntl(fd[1], F_SETPIPE_SZ, 10000))));
    RET(fcntl(fd[0], F_GETPIPE_SZ));
    fcntl(fd[1], F_SETFL, O_NONBLOCK);
    reap("child fills", CHILD({
        RET(write(fd[1], b, sizeof b));
        RET(write(fd[1], b, 1));
    }));
    RET(ioctl(fd[0], FIONREAD, &n));
    say("waiting %d", n);
    RET(fcntl(fd[0], F_SETPIPE_SZ, 4096));
    RET(fcntl(fd[0], F_SETPIPE_SZ, 1 << 17));
    reap("child writes more", CHILD(RET(write(fd[1], b, 1 << 17))));
    RET(read(fd[0], b, sizeof b));
    RET(fcntl(fd[0], F_SETPIPE_SZ, 1));
    RET(fcntl(fd[0], F_SETPIPE_SZ, -1));
    return 0;
}
