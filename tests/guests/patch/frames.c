// What signal frames show around system calls: the site itself, the number again where the call is restarted, and
// never an address that is not the program's.
#include "guest.h"
#include <sys/time.h>
#include <ucontext.h>
extern char __executable_start[], etext[];
static volatile long relation, rax, outside, kicks;
static volatile int restarting;
extern char site_read[], site_read_no_mov[];
static int pipes[2];
__asm__(".text\n.globl call_read\ncall_read:\nmov $0, %eax\n.globl site_read\nsite_read:\nsyscall\nret\n"
        ".globl call_read_no_mov\ncall_read_no_mov:\nxor %eax, %eax\n.globl site_read_no_mov\nsite_read_no_mov:\nsyscall\nret\n"
        ".globl tight\ntight:\n1: mov $39, %eax\nsyscall\nmov $110, %eax\nsyscall\ndec %edi\njnz 1b\nret\n");
long call_read(int fd, void *buffer, long size);
long call_read_no_mov(int fd, void *buffer, long size);
void tight(int rounds);
static char *site;
static void handler(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)number, (void)info;
    relation = u->uc_mcontext.gregs[REG_RIP] - (long)site;
    rax = u->uc_mcontext.gregs[REG_RAX];
    if (restarting)
        write(pipes[1], "x", 1);
}
static void kick(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)number, (void)info;
    char *rip = (char *)u->uc_mcontext.gregs[REG_RIP];
    kicks++;
    if (rip < __executable_start || rip >= etext)
        outside++;
}
static void *sender(void *thread)
{
    sleep_ms(20);
    pthread_kill(*(pthread_t *)thread, SIGUSR1);
    return NULL;
}
int main(void)
{
    pthread_t self = pthread_self(), t;
    char b[4];
    pipe(pipes);
    for (int kind = 0; kind < 4; kind++) {
        struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | (kind & 1 ? SA_RESTART : 0)};
        restarting = kind & 1;
        sigaction(SIGUSR1, &action, 0);
        for (int round = 0; round < 3; round++) {
            site = kind & 2 ? site_read_no_mov : site_read;
            pthread_create(&t, 0, sender, &self);
            long r = kind & 2 ? call_read_no_mov(pipes[0], b, 1) : call_read(pipes[0], b, 1);
            pthread_join(t, 0);
            say("%s, %s: read %ld, frame at site%+ld, rax %ld", kind & 2 ? "no mov" : "mov", restarting ? "restart" : "interrupt", r,
                relation, rax);
        }
    }
    struct sigaction action = {.sa_sigaction = kick, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGALRM, &action, 0);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;
    MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec period = {{0, 150000}, {0, 150000}};
    MUST(timer_settime(timer, 0, &period, 0));
    while (kicks < 2000)
        tight(500);
    say("instruction pointers outside of the program: %ld", outside);
    return 0;
}
