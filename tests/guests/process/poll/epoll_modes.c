// Edge-triggered and one-shot interest in a shared epoll: one of the waiters is told.
#include "process.h"
#include <sys/epoll.h>
static void run(const char *what, uint32_t flags)
{
    int ep = epoll_create1(0), a[2], *got = shared_page(PAGE);
    struct epoll_event in = {.events = EPOLLIN | flags};
    pipe(a);
    epoll_ctl(ep, EPOLL_CTL_ADD, a[0], &in);
    pid_t child[3];
    for (int i = 0; i < 3; i++)
        child[i] = CHILD({
            struct epoll_event e;
            if (epoll_wait(ep, &e, 1, 1000) == 1)
                __sync_fetch_and_add(got, 1);
        });
    for (int i = 0; i < 3; i++)
        settle(child[i]);
    sleep_ms(5);
    write(a[1], "x", 1);
    for (int i = 0; i < 3; i++)
        status_of(child[i]);
    say("%s: told %d", what, *got);
    struct epoll_event e;
    RET(epoll_wait(ep, &e, 1, 0));
    write(a[1], "y", 1);
    RET(epoll_wait(ep, &e, 1, 0));
    close(ep), close(a[0]), close(a[1]);
}
int main(void)
{
    run("edge-triggered", EPOLLET);
    run("one-shot", EPOLLONESHOT);
    run("edge-triggered one-shot", EPOLLET | EPOLLONESHOT);
    return 0;
}
