// Which calls go on after a handler with SA_RESTART, and which give EINTR; partial results.
// variants: static musl
#include "guest.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
static volatile int handled;
static pthread_t main_thread;
static int pipes[2], word;
static void handler(int number) { (void)number, handled++; }
static void *sender(void *argument)
{
    sleep_ms(15);
    pthread_kill(main_thread, SIGUSR1);
    sleep_ms(15);
    if ((long)argument == 1)
        write(pipes[1], "data", 4);
    else if ((long)argument == 2)
        syscall(SYS_futex, &word, 129, 1);
    else
        pthread_kill(main_thread, SIGUSR1);
    return NULL;
}
static void set(int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(SIGUSR1, &action, 0);
    handled = 0;
}
#define CASE(flags, with_data, call)                                                              \
    do {                                                                                          \
        pthread_t t;                                                                              \
        sigset_t usr1;                                                                            \
        sigemptyset(&usr1), sigaddset(&usr1, SIGUSR1);                                            \
        set(flags);                                                                               \
        pthread_create(&t, 0, sender, (void *)(long)(with_data));                                 \
        errno = 0;                                                                                \
        long r = call;                                                                            \
        int e = errno;                                                                            \
        say(#call " %s: %ld %s", (flags) ? "SA_RESTART" : "-", r, r < 0 ? error_name(e) : "");    \
        pthread_join(t, 0);                                                                       \
        char rest[8];                                                                             \
        fcntl(pipes[0], F_SETFL, O_NONBLOCK);                                                     \
        while (read(pipes[0], rest, 8) > 0)                                                       \
            ;                                                                                     \
        fcntl(pipes[0], F_SETFL, 0);                                                              \
    } while (0)
int main(void)
{
    char buffer[100];
    main_thread = pthread_self();
    pipe(pipes);
    struct pollfd poll_fd = {pipes[0], POLLIN, 0};
    int epoll = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &ev);
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct timespec forever = {5, 0};
    CASE(0, 1, read(pipes[0], buffer, 100));
    CASE(SA_RESTART, 1, read(pipes[0], buffer, 100));
    CASE(0, 1, poll(&poll_fd, 1, 5000));
    CASE(SA_RESTART, 1, poll(&poll_fd, 1, 5000));
    CASE(SA_RESTART, 1, epoll_wait(epoll, &ev, 1, 5000));
    CASE(SA_RESTART, 1, select(0, 0, 0, 0, &(struct timeval){5, 0}));
    CASE(SA_RESTART, 1, nanosleep(&forever, 0));
    CASE(SA_RESTART, 1, pause());
    CASE(SA_RESTART, 2, syscall(SYS_futex, &word, 128, 0, 0));
    CASE(0, 0, syscall(SYS_futex, &word, 128, 0, 0));
    CASE(0, 0, syscall(SYS_futex, &word, 128, 0, &(struct timespec){5, 0}));
    CASE(SA_RESTART, 0, syscall(SYS_futex, &word, 128, 0, &(struct timespec){5, 0}));
    CASE(0, 0, recv(pair[0], buffer, 10, 0));
    CASE(SA_RESTART, 1, sigsuspend(&(sigset_t){0}));
    // A write interrupted midway gives what was written.
    char *big = calloc(1, 1 << 20);
    CASE(0, 0, write(pipes[1], big, 1 << 20));
    return 0;
}
