// PR_SET_PDEATHSIG: sent when the parent dies, by exit or by a kill; not inherited; errors.
#include "process.h"
static gate *told;
static void handler(int number) { say("%s for %s", signal_name(number), "the child"); pass(*told); _exit(0); }
static void run(bool killed)
{
    gate ready = new_gate(), done = new_gate();
    told = &done;
    pid_t parent = CHILD({
        CHILD({
            handle(SIGUSR2, handler, 0);
            prctl(PR_SET_PDEATHSIG, SIGUSR2);
            int signal = 0;
            prctl(PR_GET_PDEATHSIG, &signal);
            say("set %s", signal_name(signal));
            CHILD({
                int inherited = -1;
                prctl(PR_GET_PDEATHSIG, &inherited);
                _exit(inherited);
            });
            int status;
            wait(&status);
            say("grandchild has %d", WEXITSTATUS(status));
            pass(ready);
            for (;;)
                pause();
        });
        await(ready);
        if (killed)
            kill(getpid(), SIGKILL);
    });
    int status = status_of(parent);
    await(done);
    say("parent: %s", status_name(status));
}
int main(void)
{
    under_reaper();
    run(false);
    run(true);
    RET(prctl(PR_SET_PDEATHSIG, 65));
    RET(prctl(PR_SET_PDEATHSIG, -1));
    RET(prctl(PR_SET_PDEATHSIG, 0));
    RET(prctl(PR_GET_PDEATHSIG, 8));
    return 0;
}
