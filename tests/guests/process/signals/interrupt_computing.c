// A signal reaches a child that only computes: handler, stop, continue, kill.
#include "process.h"
static volatile int got;
static void handler(int number) { got = number; }
int main(void)
{
    volatile unsigned long *steps = shared_page(PAGE);
    gate ready = new_gate();
    pid_t child = CHILD({
        handle(SIGUSR1, handler, 0);
        pass(ready);
        while (!got)
            steps[0]++;
        steps[1] = got;
        for (;;)
            steps[0]++;
    });
    int status;
    await(ready);
    kill(child, SIGUSR1);
    for (int i = 0; i < 5000 && !steps[1]; i++)
        sleep_ms(1);
    say("handled %d", steps[1] == SIGUSR1);
    kill(child, SIGSTOP);
    RET(waitpid(child, &status, WUNTRACED) == child);
    unsigned long before = steps[0];
    sleep_ms(20);
    say("stands still: %d", steps[0] == before);
    kill(child, SIGCONT);
    for (int i = 0; i < 5000 && steps[0] == before; i++)
        sleep_ms(1);
    say("goes on: %d", steps[0] != before);
    kill(child, SIGKILL);
    reap("child", child);
    return 0;
}
