// Timers on CPU time run only while the program computes.
#include "guest.h"
static volatile int count;
static void handler(int number) { (void)number, count++; }
int main(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    clockid_t clocks[] = {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    signal(SIGUSR1, handler);
    for (int i = 0; i < 2; i++) {
        timer_t timer;
        struct itimerspec t = {{0}, {0, 100000000}};
        count = 0;
        MUST(timer_create(clocks[i], &event, &timer));
        MUST(timer_settime(timer, 0, &t, 0));
        sleep_ms(150);
        say("after sleeping: %d", count);
        int64_t end = now_ms() + 1500;
        while (!count && now_ms() < end)
            ;
        say("after computing: %d", count);
        timer_delete(timer);
    }
    return 0;
}
