// setitimer, getitimer, alarm: real, virtual and profiling timers.
// variants: static musl
#include "guest.h"
#include <sys/time.h>
static volatile int counts[65];
static void handler(int number) { counts[number]++; }
static void burn(int number, int wanted)
{
    int64_t end = now_ms() + 1500;
    while (counts[number] < wanted && now_ms() < end)
        ;
    say("%s: %s", signal_name(number), counts[number] >= wanted ? "came" : "did not come");
}
int main(void)
{
    struct itimerval t = {{0, 5000}, {0, 5000}}, old;
    signal(SIGALRM, handler), signal(SIGVTALRM, handler), signal(SIGPROF, handler);
    RET(setitimer(ITIMER_REAL, &t, &old));
    say("old %ld", (long)old.it_value.tv_usec);
    burn(SIGALRM, 5);
    RET(getitimer(ITIMER_REAL, &old));
    YES(old.it_interval.tv_usec == 5000 && old.it_value.tv_usec <= 5000 && old.it_value.tv_sec == 0);
    memset(&t, 0, sizeof t);
    RET(setitimer(ITIMER_REAL, &t, &old));
    YES(old.it_interval.tv_usec == 5000);
    counts[SIGALRM] = 0;
    sleep_ms(20);
    say("stopped: %d", counts[SIGALRM]);
    t.it_value.tv_usec = 5000, t.it_interval.tv_usec = 5000;
    RET(setitimer(ITIMER_VIRTUAL, &t, 0));
    burn(SIGVTALRM, 3);
    RET(setitimer(ITIMER_PROF, &t, 0));
    burn(SIGPROF, 3);
    t = (struct itimerval){0};
    setitimer(ITIMER_VIRTUAL, &t, 0), setitimer(ITIMER_PROF, &t, 0);
    RET(alarm(10));
    RET(alarm(0));
    RET(alarm(0));
    t.it_value.tv_usec = 10000;
    setitimer(ITIMER_REAL, &t, 0);
    RET(pause());
    say("one shot: %d", counts[SIGALRM]);
    RET(setitimer(7, &t, 0));
    RET(getitimer(7, &t));
    RET(setitimer(ITIMER_REAL, (void *)8, 0));
    RET(getitimer(ITIMER_REAL, (void *)8));
    t.it_value.tv_usec = 1000000;
    RET(setitimer(ITIMER_REAL, &t, 0));
    t.it_value.tv_usec = -1;
    RET(setitimer(ITIMER_REAL, &t, 0));
    RET(ualarm(5000, 0));
    RET(pause());
    return 0;
}
