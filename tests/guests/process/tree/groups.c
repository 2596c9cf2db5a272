// setpgid: who may put whom where, and the errors; getpgid, getpgrp.
// variants: static musl
#include "process.h"
int main(void)
{
    gate go = new_gate();
    pid_t me = getpid();
    YES(getpgrp() == me && getsid(0) == me);
    RET(setpgid(0, 0));
    pid_t a = CHILD(await(go)), b = CHILD(await(go));
    YES(getpgid(a) == me);
    RET(setpgid(a, a));
    RET(setpgid(b, a));
    YES(getpgid(b) == a);
    RET(setpgid(b, b));
    RET(setpgid(b, me));
    YES(getpgid(b) == me);
    RET(setpgid(b, 0));
    YES(getpgid(b) == b);
    RET(setpgid(a, 99999));
    RET(setpgid(a, -1));
    RET(setpgid(-1, a));
    RET(setpgid(99999, 0));
    RET(getpgid(99999));
    RET(getpgid(-1));
    RET(getsid(-1));
    pass(go), pass(go);
    reap("a", a), reap("b", b);
    RET(setpgid(a, a));
    pid_t c = CHILD({
        RET(setpgid(0, me));
        RET(setpgid(0, 0));
        YES(getpgrp() == getpid());
        RET(setpgid(me, me));
        RET(setpgid(getppid(), 0));
        pid_t grandchild = CHILD(await(go); YES(getpgrp() == getppid()));
        pass(go);
        reap("grandchild", grandchild);
    });
    reap("c", c);
    return 0;
}
