// kill(-1): everybody but the sender and the first process; without a receiver ESRCH.
#include "process.h"
int main(void)
{
    under_reaper();
    handle(SIGUSR1, SIG_IGN, 0);
    RET(kill(-1, 0) == 0 || errno == ESRCH);
    gate ready = new_gate();
    pid_t child[5];
    for (int i = 0; i < 5; i++)
        child[i] = CHILD({
            handle(SIGUSR1, SIG_DFL, 0);
            if (i == 3)
                setsid();
            if (i == 4)
                handle(SIGUSR1, SIG_IGN, 0);
            pass(ready);
            for (;;)
                pause();
        });
    for (int i = 0; i < 5; i++)
        await(ready);
    handle(SIGUSR1, SIG_DFL, 0);
    RET(kill(-1, SIGUSR1));
    say("the sender lives");
    for (int i = 0; i < 4; i++)
        reap("child", child[i]);
    RET(kill(child[4], 0));
    kill(child[4], SIGKILL);
    reap("the one that ignores it", child[4]);
    return 0;
}
