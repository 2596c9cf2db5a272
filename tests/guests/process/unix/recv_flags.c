// MSG_PEEK, MSG_DONTWAIT, MSG_TRUNC, MSG_WAITALL, timeouts and FIONREAD between processes.
#include "process.h"
#include <sys/ioctl.h>
int main(void)
{
    int s[2], n;
    char b[100] = {0};
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    RET(recv(s[0], b, 10, MSG_DONTWAIT));
    gate go = new_gate();
    pid_t child = CHILD({
        write(s[1], "first", 5);
        await(go);
        sleep_ms(5);
        write(s[1], "sec", 3);
        sleep_ms(5);
        write(s[1], "ond", 3);
    });
    RET(recv(s[0], b, 10, MSG_PEEK));
    RET(recv(s[0], b, 10, MSG_PEEK));
    RET(ioctl(s[0], FIONREAD, &n));
    say("waiting %d", n);
    RET(recv(s[0], b, 10, 0));
    pass(go);
    RET(recv(s[0], b, 6, MSG_WAITALL));
    say("%.6s", b);
    reap("child", child);
    struct timeval t = {0, 20000};
    RET(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    RET(recv(s[0], b, 10, 0));
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    reap("child", CHILD(send(s[1], "0123456789", 10, 0); send(s[1], "abc", 3, 0)));
    RET(recv(s[0], b, 4, MSG_TRUNC | MSG_PEEK));
    RET(recv(s[0], b, 4, 0));
    RET(recv(s[0], b, 4, 0));
    return 0;
}
