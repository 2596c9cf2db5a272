// Shared memory whose creator, or a holder, is killed: what was written stays for the others.
#include "process.h"
int main(void)
{
    under_reaper();
    int fd[2];
    gate ready = new_gate(), go = new_gate();
    pipe(fd);
    pid_t creator = CHILD({
        char *p = shared_page(2 * PAGE);
        pid_t pids[2];
        strcpy(p, "by the creator");
        for (int i = 0; i < 2; i++)
            pids[i] = CHILD({
                pass(ready);
                await(go);
                p[PAGE + i] = 'a' + i;
                say("holder sees %s", p);
                pass(ready);
                for (;;)
                    pause();
            });
        write(fd[1], pids, sizeof pids);
        for (;;)
            pause();
    });
    pid_t pids[2];
    read(fd[0], pids, sizeof pids);
    await(ready), await(ready);
    kill(creator, SIGKILL);
    reap("creator", creator);
    pass(go), pass(go);
    await(ready), await(ready);
    kill(pids[0], SIGKILL), kill(pids[1], SIGKILL);
    return 0;
}
