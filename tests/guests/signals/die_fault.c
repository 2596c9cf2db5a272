// Death by each kind of fault without a handler, also when the signal is blocked or ignored.
// args: null
// args: null ignore
// args: null block
// args: ud2
// args: int3
// args: divide
// args: divide ignore
// args: hlt
// args: noncanonical
// args: kernel
// args: stack
// args: abort
// args: thread
// args: badstack
// args: badframe
#include "guest.h"
static volatile int zero;
static void *crash(void *unused)
{
    (void)unused;
    *(volatile int *)16 = 1;
    return NULL;
}
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int down(volatile char *p)
{
    volatile char frame[4096];
    frame[0] = p[0];
    return down(frame) + frame[1];
}
static void handler(int number) { say("handled %d", number); }
int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "", *more = argc > 2 ? argv[2] : "";
    int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS};
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < COUNT(signals); i++)
        if (!strcmp(more, "ignore"))
            signal(signals[i], SIG_IGN);
    if (!strcmp(more, "block"))
        sigprocmask(SIG_SETMASK, &set, 0);
    say("%s %s", how, more);
    if (!strcmp(how, "null"))
        *(volatile int *)0 = 1;
    if (!strcmp(how, "ud2"))
        __asm__ volatile("ud2");
    if (!strcmp(how, "int3"))
        __asm__ volatile("int3");
    if (!strcmp(how, "divide"))
        zero = 1 / zero;
    if (!strcmp(how, "hlt"))
        __asm__ volatile("hlt");
    if (!strcmp(how, "noncanonical"))
        zero = *(volatile int *)0x8000000000000000;
    if (!strcmp(how, "kernel"))
        zero = *(volatile int *)0xffff900000000000;
    if (!strcmp(how, "stack"))
        zero = down((char *)how);
    if (!strcmp(how, "abort"))
        abort();
    if (!strcmp(how, "thread")) {
        pthread_t t;
        pthread_create(&t, 0, crash, 0);
        pthread_join(t, 0);
    }
    if (!strcmp(how, "badstack")) {
        // No room for a signal frame: SIGSEGV, without a handler for that.
        signal(SIGUSR1, handler);
        __asm__ volatile("mov $39, %%eax\n syscall\n mov %%eax, %%edi\n mov $10, %%esi\n mov $62, %%eax\n"
                         "mov $0x1000, %%rsp\n syscall\n" ::: "memory");
    }
    if (!strcmp(how, "badframe")) {
        // sigreturn from a frame that is not one.
        __asm__ volatile("mov $0x1000, %%rsp\n mov $15, %%eax\n syscall\n" ::: "memory");
    }
    say("alive");
    return 0;
}
