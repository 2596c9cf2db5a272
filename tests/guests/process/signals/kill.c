// kill: who gets it for a pid, 0, -group; errors; signal 0; permissions between users.
// variants: static musl
#include "process.h"
static volatile int got;
static void handler(int number) { (void)number; got++; }
static pid_t waiter(gate ready)
{
    return CHILD({
        handle(SIGUSR1, SIG_DFL, 0);
        pass(ready);
        for (;;)
            pause();
    });
}
int main(void)
{
    gate ready = new_gate();
    pid_t a = waiter(ready);
    await(ready);
    RET(kill(a, 0));
    RET(kill(a, 65));
    RET(kill(a, -1));
    RET(kill(a, SIGUSR1));
    reap("a", a);
    RET(kill(a, SIGUSR1));
    RET(kill(99999, 0));
    RET(kill(-99999, 0));
    RET(kill(INT_MIN, SIGTERM));
    handle(SIGUSR1, handler, 0);
    a = waiter(ready);
    pid_t b = waiter(ready), c = waiter(ready);
    await(ready), await(ready), await(ready);
    setpgid(c, c);
    RET(kill(0, SIGUSR1));
    say("the sender too: %d", got);
    reap("a", a), reap("b", b);
    RET(waitpid(c, NULL, WNOHANG));
    pid_t d = waiter(ready);
    await(ready);
    setpgid(d, c);
    RET(kill(-c, SIGTERM));
    reap("c", c), reap("d", d);
    say("got %d", got);
    RET(kill(-c, SIGTERM));
    RET(killpg(1, 0) < 0 ? errno == ESRCH || errno == EPERM : 1);
    RET(killpg(-5, 0));
    return 0;
}
