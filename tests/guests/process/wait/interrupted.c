// A wait that is interrupted by a handler: EINTR, or goes on with SA_RESTART; SIGCHLD's own handler may wait.
// variants: static musl
#include "process.h"
static volatile int alarms, reaped;
static void on_alarm(int number) { (void)number; alarms++; }
static void on_child(int number)
{
    (void)number;
    int saved = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        reaped++;
    errno = saved;
}
int main(void)
{
    gate go = new_gate();
    pid_t me = getpid();
    pid_t child = CHILD(await(go));
    handle(SIGUSR1, on_alarm, 0);
    pid_t other = CHILD({
        settle(me);
        kill(me, SIGUSR1);
    });
    RET(waitpid(child, NULL, 0));
    reap("sender", other);
    handle(SIGUSR1, on_alarm, SA_RESTART);
    other = CHILD({
        settle(me);
        kill(me, SIGUSR1);
        pass(go);
    });
    RET(waitpid(child, NULL, 0) == child);
    reap("sender", other);
    say("handled %d", alarms);
    handle(SIGCHLD, on_child, SA_RESTART);
    for (int i = 0; i < 10; i++)
        CHILD(_exit(0));
    while (reaped < 10)
        sleep_ms(1);
    RET(waitpid(-1, NULL, 0));
    return 0;
}
