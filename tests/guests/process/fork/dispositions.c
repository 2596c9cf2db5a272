// Signal dispositions are copied and then apart: handler, ignored, default.
// variants: static musl
#include "process.h"
static volatile int count;
static void handler(int number) { (void)number; count++; }
static void other(int number) { (void)number; count += 100; }
static const char *kind(int number)
{
    struct sigaction a;
    sigaction(number, NULL, &a);
    return a.sa_handler == SIG_DFL ? "default" : a.sa_handler == SIG_IGN ? "ignored" : a.sa_handler == handler ? "handler" : "other";
}
static void show(const char *who) { say("%s: USR1 %s, USR2 %s, TERM %s", who, kind(SIGUSR1), kind(SIGUSR2), kind(SIGTERM)); }
int main(void)
{
    handle(SIGUSR1, handler, 0), handle(SIGUSR2, SIG_IGN, 0);
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        show("child");
        raise(SIGUSR1), raise(SIGUSR2);
        say("child: %d", count);
        handle(SIGUSR1, SIG_DFL, 0), handle(SIGUSR2, other, 0), handle(SIGTERM, SIG_IGN, 0);
        pass(done);
        await(go);
        show("child");
    });
    await(done);
    show("parent");
    raise(SIGUSR1), raise(SIGUSR2);
    say("parent: %d", count);
    handle(SIGUSR2, SIG_DFL, 0);
    pass(go);
    reap("child", child);
    return 0;
}
