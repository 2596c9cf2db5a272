// setsid: a new session and group; refused for leaders of groups; a session's members in other sessions' groups.
// variants: static musl
#include "process.h"
int main(void)
{
    pid_t me = getpid();
    RET(setsid());
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        YES(setsid() == getpid());
        YES(getpgrp() == getpid() && getsid(0) == getpid());
        RET(setsid());
        RET(setpgid(0, 0));
        RET(setpgid(0, me));
        pid_t grandchild = CHILD({
            YES(getsid(0) == getppid() && getpgrp() == getppid());
            RET(setpgid(0, me));
            YES(setsid() == getpid());
        });
        reap("grandchild", grandchild);
        pass(done);
        await(go);
    });
    await(done);
    YES(getsid(child) == child && getpgid(child) == child);
    RET(setpgid(child, me));
    RET(setpgid(child, child));
    pass(go);
    reap("child", child);
    // A group leader that is no session leader may not; after it has left its group it may.
    reap("leader", CHILD({
        RET(setpgid(0, 0));
        RET(setsid());
        pid_t other = CHILD(setpgid(0, 0); pass(done); await(go));
        await(done);
        RET(setpgid(0, other));
        YES(setsid() == getpid());
        pass(go);
        reap("other", other);
    }));
    return 0;
}
