// poll, ppoll, select, pselect: events of each kind of descriptor, timeouts, signals, masks, errors.
// variants: static musl
#include "guest.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
static volatile int handled;
static void handler(int number) { (void)number, handled++; }
static void *late(void *fd)
{
    sleep_ms(20);
    write((int)(long)fd, "12345678", 8);
    return NULL;
}
static void one(const char *what, int fd, short events)
{
    struct pollfd p = {fd, events, 77};
    int n = poll(&p, 1, 0);
    say("%s: %d revents %x", what, n, p.revents);
}
int main(void)
{
    int a[2], b[2], pair[2];
    pipe(a), pipe(b), socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    put_file("f", "", 0);
    int all = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDHUP;
    one("empty pipe", a[0], all), one("its writing end", a[1], all);
    write(a[1], "x", 1);
    one("pipe with bytes", a[0], all);
    close(a[1]);
    one("writer gone", a[0], all);
    char c;
    read(a[0], &c, 1);
    one("writer gone, empty", a[0], all), one("nothing asked", a[0], 0);
    close(b[0]);
    one("reader gone", b[1], all);
    one("file", open("f", O_RDONLY), all);
    one("directory", open(".", O_RDONLY), all);
    one("null", open("/dev/null", O_RDWR), all);
    one("closed", 99, all), one("negative", -1, all);
    one("eventfd 0", eventfd(0, 0), all), one("eventfd 1", eventfd(1, 0), all);
    one("socket", pair[0], all);
    write(pair[1], "x", 1);
    one("socket with bytes", pair[0], all);
    shutdown(pair[1], SHUT_WR);
    one("other end shut for writing", pair[0], all);
    close(pair[1]);
    one("other end closed", pair[0], all);
    // Several, and waking.
    pipe(a), pipe(b);
    struct pollfd p[4] = {{a[0], POLLIN, 0}, {-5, POLLIN, 9}, {b[0], POLLIN, 0}, {a[1], POLLOUT, 0}};
    RET(poll(p, 4, 0));
    say("%x %x %x %x", p[0].revents, p[1].revents, p[2].revents, p[3].revents);
    pthread_t t;
    pthread_create(&t, 0, late, (void *)(long)b[1]);
    RET(poll(p, 3, 2000));
    say("%x %x", p[0].revents, p[2].revents);
    pthread_join(t, 0);
    int64_t start = now_ms();
    RET(poll(p, 1, 30));
    YES(now_ms() - start >= 29 && now_ms() - start < 1000);
    start = now_ms();
    RET(poll(0, 0, 20));
    RET(ppoll(p, 1, &(struct timespec){0, 20000000}, 0));
    YES(now_ms() - start >= 39);
    RET(ppoll(p, 1, &(struct timespec){0, 1000000000}, 0));
    RET(ppoll(p, 1, &(struct timespec){-1, 0}, 0));
    RET(poll((void *)8, 1, 0));
    RET(poll(p, 100000, 0));
    RET(syscall(SYS_ppoll, p, 1, 8, 0, 8));
    RET(syscall(SYS_ppoll, p, 1, 0, p, 3));
    // The mask of ppoll lets a pending signal in.
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, 0);
    sigset_t set, none;
    sigemptyset(&none), sigemptyset(&set), sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    raise(SIGUSR1);
    RET(ppoll(p, 1, &(struct timespec){2, 0}, &none));
    say("handled %d", handled);
    sigprocmask(SIG_BLOCK, 0, &none);
    YES(sigismember(&none, SIGUSR1));
    sigemptyset(&none);
    raise(SIGUSR1);
    // Ready beats the signal? Linux delivers it all the same, after the result is known.
    write(a[1], "x", 1);
    RET(ppoll(p, 1, 0, &none));
    say("handled %d", handled);
    sigprocmask(SIG_UNBLOCK, &set, 0);
    say("handled %d", handled);
    // select.
    fd_set r, w, x;
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_ZERO(&x);
    FD_SET(a[0], &r), FD_SET(b[0], &r), FD_SET(a[1], &w), FD_SET(a[0], &x);
    char drain[8];
    read(b[0], drain, 8);
    RET(select(b[1] + 1, &r, &w, &x, &(struct timeval){0}));
    say("%d %d %d %d", FD_ISSET(a[0], &r), FD_ISSET(b[0], &r), FD_ISSET(a[1], &w), FD_ISSET(a[0], &x));
    struct timeval tv = {0, 20000};
    FD_ZERO(&r);
    FD_SET(b[0], &r);
    start = now_ms();
    RET(select(b[0] + 1, &r, 0, 0, &tv));
    YES(now_ms() - start >= 19 && tv.tv_sec == 0 && tv.tv_usec == 0 && !FD_ISSET(b[0], &r));
    tv = (struct timeval){5, 0};
    FD_SET(a[0], &r);
    RET(select(b[0] + 1, &r, 0, 0, &tv));
    YES(tv.tv_sec == 4 && tv.tv_usec > 0);
    FD_ZERO(&r);
    FD_SET(50, &r);
    RET(select(51, &r, 0, 0, &tv));
    RET(select(-1, 0, 0, 0, &tv));
    RET(select(5, (void *)8, 0, 0, &tv));
    RET(select(0, 0, 0, 0, &(struct timeval){0, -1}));
    handled = 0;
    sigprocmask(SIG_BLOCK, &set, 0);
    raise(SIGUSR1);
    RET(pselect(0, 0, 0, 0, &(struct timespec){2, 0}, &none));
    say("handled %d", handled);
    return 0;
}
