// signalfd: reading pending signals, nonblocking, changing the mask, poll, values.
#include "guest.h"
#include <poll.h>
#include <sys/signalfd.h>
int main(void)
{
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, 0);
    int fd = MUST(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    struct signalfd_siginfo info[4];
    RET(read(fd, info, sizeof info));
    RET(read(fd, info, 10));
    RET(write(fd, "x", 1));
    struct pollfd p = {fd, POLLIN, 0};
    RET(poll(&p, 1, 0));
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 6});
    RET(poll(&p, 1, 0));
    say("revents %x", p.revents);
    long n = read(fd, info, sizeof info);
    say("read %ld infos", n / (long)sizeof info[0]);
    for (int i = 0; i < n / (long)sizeof info[0]; i++)
        say("%s value %d code %d pid own %d", info[i].ssi_signo == SIGUSR1 ? "USR1" : "RTMIN", info[i].ssi_int,
            info[i].ssi_code, info[i].ssi_pid == (unsigned)getpid());
    RET(read(fd, info, sizeof info));
    sigset_t other;
    sigemptyset(&other), sigaddset(&other, SIGUSR2);
    sigprocmask(SIG_BLOCK, &other, 0);
    RET(signalfd(fd, &other, 0) == fd);
    kill(getpid(), SIGUSR1), kill(getpid(), SIGUSR2);
    RET(read(fd, info, sizeof info) / (long)sizeof info[0]);
    say("%s", signal_name(info[0].ssi_signo));
    RET(signalfd(0, &set, 0));
    RET(signalfd(-1, &set, 1));
    RET(syscall(SYS_signalfd4, -1, &set, 4, 0));
    RET(syscall(SYS_signalfd4, -1, 8, 8, 0));
    // A blocking read is woken by the signal.
    int blocking = MUST(signalfd(-1, &set, 0));
    read(blocking, info, sizeof info); // USR1 from above
    struct timespec soon = {0, 10000000};
    struct itimerspec t = {{0}, soon};
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 9};
    MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
    MUST(timer_settime(timer, 0, &t, 0));
    RET(read(blocking, info, sizeof info) / (long)sizeof info[0]);
    say("timer: code %d value %d", info[0].ssi_code, info[0].ssi_int);
    return 0;
}
