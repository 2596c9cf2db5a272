// timerfd: counting expirations, absolute and periodic, nonblocking, poll, errors.
#include "guest.h"
#include <poll.h>
#include <sys/timerfd.h>
int main(void)
{
    uint64_t n = 0;
    struct itimerspec t = {{0}, {0, 10000000}}, now;
    int fd = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    RET(read(fd, &n, 8));
    RET(timerfd_settime(fd, 0, &t, 0));
    RET(read(fd, &n, 8));
    struct pollfd p = {fd, POLLIN, 0};
    RET(poll(&p, 1, 1000));
    RET(read(fd, &n, 8));
    say("%lu", n);
    RET(read(fd, &n, 8));
    t.it_interval.tv_nsec = 5000000;
    RET(timerfd_settime(fd, 0, &t, 0));
    sleep_ms(60);
    RET(read(fd, &n, 4));
    RET(read(fd, &n, 100));
    YES(n >= 8 && n <= 200);
    RET(timerfd_gettime(fd, &now));
    YES(now.it_interval.tv_nsec == 5000000 && now.it_value.tv_nsec <= 5000000);
    RET(fcntl(fd, F_SETFL, 0));
    RET(read(fd, &n, 8));
    YES(n >= 1);
    clock_gettime(CLOCK_MONOTONIC, &t.it_value);
    t.it_interval.tv_nsec = 0;
    RET(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, &now));
    YES(now.it_interval.tv_nsec == 5000000);
    RET(read(fd, &n, 8));
    say("%lu", n);
    RET(timerfd_gettime(fd, &now));
    say("%ld %ld", now.it_value.tv_nsec, now.it_interval.tv_nsec);
    t = (struct itimerspec){{0}, {0, 20000000}};
    RET(timerfd_settime(fd, 0, &t, 0));
    t = (struct itimerspec){0};
    RET(timerfd_settime(fd, 0, &t, &now));
    YES(now.it_value.tv_nsec > 0);
    p.revents = 0;
    RET(poll(&p, 1, 40));
    RET(timerfd_create(77, 0));
    RET(timerfd_create(CLOCK_MONOTONIC, 1));
    RET(timerfd_settime(0, 0, &t, 0));
    RET(timerfd_settime(99, 0, &t, 0));
    RET(timerfd_settime(fd, 0, (void *)8, 0));
    RET(timerfd_settime(fd, 0x100, &t, 0));
    t.it_value.tv_nsec = 1000000000;
    RET(timerfd_settime(fd, 0, &t, 0));
    RET(write(fd, &n, 8));
    RET(lseek(fd, 0, SEEK_SET));
    int real = OK(timerfd_create(CLOCK_REALTIME, 0));
    t.it_value = (struct timespec){0, 5000000};
    RET(timerfd_settime(real, 0, &t, 0));
    RET(read(real, &n, 8));
    OK(timerfd_create(CLOCK_BOOTTIME, 0));
    return 0;
}
