// A descriptor in a shared epoll that one holder has closed goes on to be reported while the other holds it.
#include "process.h"
#include <sys/epoll.h>
int main(void)
{
    int ep = epoll_create1(0), a[2];
    struct epoll_event e[5], in = {.events = EPOLLIN, .data.u64 = 7};
    pipe(a);
    epoll_ctl(ep, EPOLL_CTL_ADD, a[0], &in);
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        await(go);
        int n = epoll_wait(ep, e, 5, 5000);
        say("child: %d, data %d", n, (int)e[0].data.u64);
        pass(done), await(go);
        close(a[0]);
        pass(done), await(go);
        RET(epoll_wait(ep, e, 5, 0));
    });
    close(a[0]); // the child holds the description
    write(a[1], "x", 1);
    int n = epoll_wait(ep, e, 5, 1000);
    say("parent: %d, data %d, events %x", n, (int)e[0].data.u64, e[0].events);
    RET(epoll_ctl(ep, EPOLL_CTL_DEL, a[0], NULL)); // it cannot name it any more
    pass(go), await(done);
    pass(go), await(done);
    RET(epoll_wait(ep, e, 5, 0)); // the last descriptor is closed
    pass(go);
    reap("child", child);
    return 0;
}
