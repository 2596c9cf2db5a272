// poll and select on pipes whose other end is another process: data, room, hang-up, error; the waiter is woken.
// variants: static musl
#include "process.h"
#include <sys/select.h>
int main(void)
{
    int a[2], b[2];
    char buffer[100];
    static char big[1 << 17];
    gate go = new_gate(), done = new_gate();
    pipe(a), pipe(b);
    fcntl(b[1], F_SETFL, O_NONBLOCK);
    write(b[1], big, sizeof big);
    pid_t child = CHILD({
        close(a[0]), close(b[1]);
        await(go);
        sleep_ms(5);
        write(a[1], "x", 1);
        await(go);
        sleep_ms(5);
        for (int i = 0; i < 16; i++)
            read(b[0], big, 4096);
        pass(done);
        await(go);
        sleep_ms(5);
    });
    close(a[1]), close(b[0]);
    struct pollfd p[2] = {{a[0], POLLIN, 0}, {b[1], POLLOUT, 0}};
    RET(poll(p, 2, 0));
    pass(go);
    RET(poll(p, 2, 5000));
    say("%x %x", p[0].revents, p[1].revents);
    read(a[0], buffer, 100);
    pass(go), await(done);
    RET(poll(p, 2, 5000));
    say("%x %x", p[0].revents, p[1].revents);
    pass(go);
    p[1].fd = -1;
    RET(poll(p, 2, 5000));
    say("%x %x", p[0].revents, p[1].revents);
    reap("child", child);
    p[1].fd = b[1];
    RET(poll(p, 2, 5000));
    say("%x %x", p[0].revents, p[1].revents);
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(a[0], &in);
    FD_SET(b[1], &out);
    RET(select(20, &in, &out, NULL, NULL));
    say("%d %d", FD_ISSET(a[0], &in) != 0, FD_ISSET(b[1], &out) != 0);
    return 0;
}
