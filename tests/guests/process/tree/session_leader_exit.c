// When a session leader without a terminal ends, its session goes on.
#include "process.h"
int main(void)
{
    under_reaper();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    gate go = new_gate();
    pid_t *member = shared_page(PAGE);
    pid_t leader = CHILD({
        setsid();
        pid_t me = getpid();
        *member = CHILD({
            await(go);
            YES(getsid(0) == me && getpgrp() == me);
            RET(setpgid(0, 0));
            RET(getpgid(me));
            RET(kill(-me, 0));
        });
    });
    reap("leader", leader);
    pass(go);
    reap("member", *member);
    return 0;
}
