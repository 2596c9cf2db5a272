// Interval timers, alarm and POSIX timers are not the child's; a timerfd is.
#include "process.h"
#include <sys/time.h>
#include <sys/timerfd.h>
static volatile int alarms;
static void handler(int number) { (void)number; alarms++; }
int main(void)
{
    handle(SIGALRM, handler, SA_RESTART), handle(SIGUSR1, handler, SA_RESTART);
    struct itimerval real = {{0, 20000}, {0, 20000}}, seen;
    struct itimerval cpu = {{0, 0}, {1000, 0}};
    setitimer(ITIMER_REAL, &real, NULL), setitimer(ITIMER_VIRTUAL, &cpu, NULL), setitimer(ITIMER_PROF, &cpu, NULL);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec spec = {{0, 0}, {1000, 0}};
    MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
    timer_settime(timer, 0, &spec, NULL);
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    timerfd_settime(fd, 0, &spec, NULL);
    reap("child", CHILD({
        alarms = 0;
        for (int which = 0; which < 3; which++) {
            getitimer(which, &seen);
            say("timer %d: %s", which, seen.it_value.tv_sec || seen.it_value.tv_usec ? "runs" : "off");
        }
        struct itimerspec left;
        RET(timer_gettime(timer, &left));
        RET(timer_delete(timer));
        RET(timerfd_gettime(fd, &left));
        YES(left.it_value.tv_sec > 900);
        sleep_ms(60);
        say("child: %d alarms", alarms);
        say("alarm(0) of the child: %u", alarm(0));
    }));
    YES(alarms > 0);
    struct itimerspec left;
    RET(timer_gettime(timer, &left));
    YES(left.it_value.tv_sec > 900);
    return 0;
}
