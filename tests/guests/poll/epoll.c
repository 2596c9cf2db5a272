// epoll: level, edge and one-shot triggers, nested, closed descriptors, wake-ups between threads, errors.
// variants: static musl
#include "guest.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
static int ep, pipes[2];
static struct epoll_event ev[10];
static void wait_now(const char *what)
{
    int n = epoll_wait(ep, ev, 10, 0);
    char line[200] = {0};
    for (int i = 0; i < n; i++)
        snprintf(line + strlen(line), 200 - strlen(line), " [%llu %x]", (unsigned long long)ev[i].data.u64, ev[i].events);
    say("%s: %d%s", what, n, line);
}
static int control(int op, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event e = {.events = events, .data.u64 = data};
    return epoll_ctl(ep, op, fd, &e);
}
static void *late(void *unused)
{
    (void)unused;
    sleep_ms(20);
    write(pipes[1], "x", 1);
    return NULL;
}
int main(void)
{
    char b[100];
    ep = MUST(epoll_create1(EPOLL_CLOEXEC));
    pipe(pipes);
    RET(control(EPOLL_CTL_ADD, pipes[0], EPOLLIN, 1));
    RET(control(EPOLL_CTL_ADD, pipes[0], EPOLLIN, 1));
    wait_now("empty");
    write(pipes[1], "abc", 3);
    wait_now("level"), wait_now("level again");
    RET(control(EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLET, 2));
    wait_now("edge"), wait_now("edge again");
    write(pipes[1], "d", 1);
    wait_now("edge after a write");
    read(pipes[0], b, 2);
    wait_now("edge after a read");
    RET(control(EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLONESHOT, 3));
    wait_now("oneshot"), wait_now("oneshot again");
    RET(control(EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLONESHOT, 4));
    wait_now("rearmed");
    read(pipes[0], b, 100);
    RET(control(EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLOUT, 5));
    wait_now("empty");
    RET(control(EPOLL_CTL_ADD, pipes[1], EPOLLOUT, 6));
    wait_now("writable");
    int event = eventfd(0, EFD_NONBLOCK);
    RET(control(EPOLL_CTL_ADD, event, EPOLLIN | EPOLLOUT, 7));
    eventfd_write(event, 1);
    int n = epoll_wait(ep, ev, 1, 0);
    say("at most one: %d", n);
    n = epoll_wait(ep, ev, 10, 0);
    uint64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += ev[i].data.u64 * 100 + ev[i].events;
    say("%d, sum %lu", n, sum);
    RET(control(EPOLL_CTL_DEL, event, 0, 0));
    RET(control(EPOLL_CTL_DEL, event, 0, 0));
    RET(control(EPOLL_CTL_MOD, event, EPOLLIN, 0));
    // Nested.
    int inner = ep, outer = MUST(epoll_create(5));
    ep = outer;
    RET(control(EPOLL_CTL_ADD, inner, EPOLLIN, 8));
    wait_now("inner ready");
    RET(control(EPOLL_CTL_ADD, outer, EPOLLIN, 9));
    ep = inner;
    RET(control(EPOLL_CTL_ADD, outer, EPOLLIN, 9));
    RET(control(EPOLL_CTL_DEL, pipes[1], 0, 0));
    ep = outer;
    wait_now("inner not ready");
    close(outer);
    ep = inner;
    // Hang-up and error.
    close(pipes[1]);
    wait_now("writer gone");
    close(pipes[0]);
    wait_now("reader closed: removed");
    pipe(pipes);
    RET(control(EPOLL_CTL_ADD, pipes[1], EPOLLOUT, 10));
    close(pipes[0]);
    wait_now("reader gone");
    close(pipes[1]);
    // A duplicate keeps the registration.
    pipe(pipes);
    RET(control(EPOLL_CTL_ADD, pipes[0], EPOLLIN, 11));
    int copy = dup(pipes[0]);
    close(pipes[0]);
    write(pipes[1], "x", 1);
    wait_now("closed, with a duplicate");
    close(copy);
    wait_now("duplicate closed");
    // Waking a waiter, also for what is added while it waits.
    close(pipes[1]);
    pipe(pipes);
    control(EPOLL_CTL_ADD, pipes[0], EPOLLIN | EPOLLET, 12);
    pthread_t t;
    pthread_create(&t, 0, late, 0);
    RET(epoll_wait(ep, ev, 10, 2000));
    pthread_join(t, 0);
    int64_t start = now_ms();
    RET(epoll_wait(ep, ev, 10, 30));
    YES(now_ms() - start >= 29 && now_ms() - start < 1000);
    // Errors.
    put_file("f", "", 0);
    int file = open("f", O_RDONLY);
    RET(control(EPOLL_CTL_ADD, file, EPOLLIN, 0));
    RET(control(EPOLL_CTL_ADD, open(".", O_RDONLY), EPOLLIN, 0));
    RET(control(EPOLL_CTL_ADD, 99, EPOLLIN, 0));
    RET(control(EPOLL_CTL_ADD, ep, EPOLLIN, 0));
    RET(control(99, pipes[1], EPOLLIN, 0));
    RET(epoll_ctl(file, EPOLL_CTL_ADD, pipes[1], ev));
    RET(epoll_ctl(99, EPOLL_CTL_ADD, pipes[1], ev));
    RET(epoll_ctl(ep, EPOLL_CTL_ADD, pipes[1], (void *)8));
    RET(epoll_wait(ep, ev, 0, 0));
    RET(epoll_wait(ep, ev, -1, 0));
    RET(epoll_wait(file, ev, 1, 0));
    RET(epoll_wait(99, ev, 1, 0));
    RET(epoll_create(0));
    RET(epoll_create1(1));
    write(pipes[1], "x", 1);
    RET(epoll_wait(ep, (void *)8, 1, 0));
    sigset_t set;
    sigemptyset(&set);
    RET(epoll_pwait(ep, ev, 10, 0, &set));
    RET(syscall(SYS_epoll_pwait, ep, ev, 10, 0, &set, 3));
    RET(syscall(SYS_epoll_pwait2, ep, ev, 10, &(struct timespec){0, 1000000}, 0, 8));
    return 0;
}
