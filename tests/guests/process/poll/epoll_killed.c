// An epoll's creator is killed; the other holders use it on; a private one of each child works on shared objects.
#include "process.h"
#include <sys/epoll.h>
int main(void)
{
    under_reaper();
    int a[2];
    pipe(a);
    gate ready = new_gate(), go = new_gate(), done = new_gate();
    pid_t creator = CHILD({
        int ep = epoll_create1(0);
        struct epoll_event in = {.events = EPOLLIN, .data.u64 = 3};
        epoll_ctl(ep, EPOLL_CTL_ADD, a[0], &in);
        CHILD({
            struct epoll_event e;
            pass(ready), await(go);
            int n = epoll_wait(ep, &e, 1, 5000);
            say("holder: %d, data %d", n, (int)e.data.u64);
            pass(done);
        });
        for (;;)
            pause();
    });
    await(ready);
    kill(creator, SIGKILL);
    reap("creator", creator);
    pass(go);
    sleep_ms(5);
    write(a[1], "x", 1);
    await(done);
    reap("own instance in a child", CHILD({
        int ep = epoll_create1(0);
        struct epoll_event in = {.events = EPOLLIN, .data.u64 = 4};
        epoll_ctl(ep, EPOLL_CTL_ADD, a[0], &in);
        RET(epoll_wait(ep, &in, 1, 1000));
    }));
    return 0;
}
