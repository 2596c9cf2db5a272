// A signal reaches a thread that computes without system calls, and the handler may leave by siglongjmp.
#include "guest.h"
#include <setjmp.h>
#include <sys/time.h>
static sigjmp_buf back;
static volatile int jumps;
static volatile unsigned long counter;
static void handler(int number)
{
    (void)number;
    jumps++;
    siglongjmp(back, 1);
}
static void *spinner(void *unused)
{
    (void)unused;
    while (jumps < 10)
        counter++;
    return NULL;
}
static volatile int seen;
static void mark(int number) { (void)number, seen = 1; }
static void *deaf(void *unused)
{
    (void)unused;
    while (!seen)
        ;
    return NULL;
}
int main(void)
{
    pthread_t t;
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, 0);
    pthread_create(&t, 0, spinner, 0);
    sigprocmask(SIG_UNBLOCK, &set, 0);
    signal(SIGALRM, handler);
    struct itimerval timer = {{0, 5000}, {0, 5000}};
    // The first alarm may come at once.
    if (sigsetjmp(back, 1) == 0)
        setitimer(ITIMER_REAL, &timer, 0);
    while (jumps < 10)
        ;
    timer.it_value.tv_usec = 0;
    setitimer(ITIMER_REAL, &timer, 0);
    pthread_join(t, 0);
    say("%s jumps, the other thread ran: %s", jumps >= 10 ? "enough" : "few", counter > 0 ? "yes" : "no");
    signal(SIGUSR1, mark);
    pthread_create(&t, 0, deaf, 0);
    sleep_ms(5);
    pthread_kill(t, SIGUSR1);
    pthread_join(t, 0);
    say("spinning thread saw its signal");
    return 0;
}
