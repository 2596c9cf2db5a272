// An orphan's parent becomes the nearest subreaper; the subreaper waits for it.
#include "process.h"
int main(void)
{
    pid_t reaper = under_reaper();
    int *seen = shared_page(PAGE);
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        pid_t me = getpid();
        CHILD({
            seen[0] = getppid() == me;
            pass(done);
            await(go);
            seen[1] = getppid() == reaper;
            pass(done);
        });
        await(done);
    });
    reap("child", child);
    pass(go);
    await(done);
    say("parent before %d, reaper after %d", seen[0], seen[1]);
    RET(waitpid(-1, NULL, WNOHANG));
    return 0;
}
