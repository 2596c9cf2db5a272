// The peer of a socket pair is killed: end of file after its data, EPIPE, ECONNRESET where Linux says it, POLLHUP.
#include "process.h"
int main(void)
{
    int kinds[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    const char *names[] = {"stream", "seqpacket", "dgram"};
    handle(SIGPIPE, SIG_IGN, 0);
    for (int k = 0; k < 3; k++) {
        int s[2];
        char b[20];
        socketpair(AF_UNIX, kinds[k], 0, s);
        gate ready = new_gate();
        pid_t child = CHILD({
            close(s[0]);
            write(s[1], "data", 4);
            pass(ready);
            for (;;)
                pause();
        });
        close(s[1]);
        await(ready);
        if (k == 1)
            write(s[0], "unread", 6);
        kill(child, SIGKILL);
        reap(names[k], child);
        struct pollfd p = {s[0], POLLIN | POLLOUT | POLLRDHUP, 0};
        RET(poll(&p, 1, 0));
        say("revents %x", p.revents);
        fcntl(s[0], F_SETFL, O_NONBLOCK);
        for (int i = 0; i < 3; i++)
            RET(read(s[0], b, 20));
        RET(write(s[0], "x", 1));
        close(s[0]);
    }
    return 0;
}
