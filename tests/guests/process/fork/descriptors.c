// The descriptor table is copied: what one closes or opens is the other's no more; close-on-exec flags are copied.
#include "process.h"
int main(void)
{
    put_file("f", "abc", 3);
    int a = open("f", O_RDONLY), b = open("f", O_RDONLY | O_CLOEXEC);
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        say("child: %d %d", fcntl(a, F_GETFD), fcntl(b, F_GETFD));
        close(a);
        fcntl(b, F_SETFD, 0);
        int c = dup2(b, 100);
        YES(c == 100);
        pass(done);
        await(go);
        RET(fcntl(a, F_GETFD));
        RET(fcntl(b, F_GETFD));
    });
    await(done);
    RET(fcntl(a, F_GETFD));
    RET(fcntl(b, F_GETFD));
    RET(fcntl(100, F_GETFD));
    close(b);
    pass(go);
    reap("child", child);
    return 0;
}
