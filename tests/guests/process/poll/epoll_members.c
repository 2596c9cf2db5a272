// An epoll instance over everything, made before the first fork: what was told of an edge is not told again after it, what was disarmed stays
// so, and each kind of member tells both holders; an instance in an instance; a signalfd tells each process of its own signals.
// variants: static musl
#include "process.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
static int ep;
static void add(int fd, uint32_t events, uint64_t name)
{
    struct epoll_event e = {.events = events, .data.u64 = name};
    MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
}
static int order(const void *a, const void *b)
{
    const struct epoll_event *x = a, *y = b;
    return (x->data.u64 > y->data.u64) - (x->data.u64 < y->data.u64);
}
static void show(const char *when)
{
    struct epoll_event e[16];
    int n = epoll_wait(ep, e, 16, 0);
    qsort(e, n > 0 ? n : 0, sizeof *e, order);
    char text[300] = "";
    for (int i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " %d:%x", (int)e[i].data.u64, e[i].events);
    say("%s: %d%s", when, n, text);
}
int main(void)
{
    int edge[2], once[2], s[2], level[2];
    ep = epoll_create1(0);
    pipe(edge), pipe(once), pipe(level);
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
    int counter = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_NONBLOCK);
    int inner = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0};
    epoll_ctl(inner, EPOLL_CTL_ADD, level[0], &e);
    add(edge[0], EPOLLIN | EPOLLET, 1);
    add(once[0], EPOLLIN | EPOLLONESHOT, 2);
    add(s[0], EPOLLIN, 3);
    add(counter, EPOLLIN, 4);
    add(timer, EPOLLIN, 5);
    add(signals, EPOLLIN, 6);
    add(inner, EPOLLIN, 7);
    write(edge[1], "e", 1), write(once[1], "o", 1);
    show("edges");
    show("told");
    gate go = new_gate(), back = new_gate();
    pid_t child = CHILD({
        show("child, after the fork");
        pass(back), await(go);
        show("child, everything");
        uint64_t v;
        RET(read(counter, &v, 8));
        RET(read(counter, &v, 8));
        RET(read(counter, &v, 8));
        RET(read(timer, &v, 8));
        char b[10];
        RET(read(s[0], b, 10));
        RET(read(level[0], b, 10));
        show("child, all read but its signal");
        struct signalfd_siginfo info;
        RET(read(signals, &info, sizeof info));
        show("child, all read");
        pass(back), await(go);
        show("child, the edge is the parent's");
        e = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 2};
        RET(epoll_ctl(ep, EPOLL_CTL_MOD, once[0], &e));
        show("child, armed");
    });
    await(back);
    show("parent, after the fork");
    uint64_t two = 2;
    write(counter, &two, 8);
    struct itimerspec soon = {{0, 0}, {0, 1}};
    timerfd_settime(timer, 0, &soon, NULL);
    write(s[1], "s", 1), write(level[1], "l", 1);
    kill(child, SIGUSR1);
    sleep_ms(20);
    show("parent, no signal");
    pass(go), await(back);
    write(edge[1], "f", 1);
    show("parent, the edge");
    pass(go);
    reap("child", child);
    show("parent, disarmed again");
    return 0;
}
