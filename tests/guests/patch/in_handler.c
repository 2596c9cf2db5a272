// Sites first passed inside a signal handler, and sites interrupted by a handler that passes the same site.
#include "guest.h"
#define SITE(name, body) __asm__(".text\n.globl " #name "\n" #name ":\n" body "\nret\n"); long name(void)
SITE(only_in_handler, "mov $39, %eax\nsyscall");
SITE(both, "mov $39, %eax\nsyscall");
SITE(both_no_mov, "push $39\npop %rax\nsyscall");
static volatile long wrong, handled;
static void handler(int number)
{
    (void)number;
    handled++;
    long pid = only_in_handler();
    wrong += both() != pid || both_no_mov() != pid;
}
int main(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, 0);
    sigaction(SIGUSR1, &action, 0);
    long pid = getpid();
    raise(SIGUSR1);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;
    MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec t = {{0, 200000}, {0, 200000}};
    MUST(timer_settime(timer, 0, &t, 0));
    for (long i = 0; handled < 1000; i++)
        wrong += both() != pid || both_no_mov() != pid;
    say("%ld wrong", wrong);
    return 0;
}
