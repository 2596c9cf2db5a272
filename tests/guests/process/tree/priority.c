// setpriority of children, of a group, of a user; nice is inherited.
#include "process.h"
int main(void)
{
    gate go = new_gate();
    pid_t a = CHILD(await(go)), b = CHILD(await(go));
    setpgid(a, a), setpgid(b, a);
    RET(setpriority(PRIO_PROCESS, a, 3));
    RET(getpriority(PRIO_PROCESS, a));
    RET(getpriority(PRIO_PROCESS, b));
    RET(setpriority(PRIO_PGRP, a, 7));
    RET(getpriority(PRIO_PROCESS, b));
    RET(getpriority(PRIO_PGRP, a));
    RET(setpriority(PRIO_PROCESS, b, 100));
    RET(getpriority(PRIO_PROCESS, b));
    RET(getpriority(PRIO_PGRP, a));
    RET(setpriority(PRIO_PROCESS, 99999, 1));
    RET(setpriority(PRIO_PGRP, 99999, 1));
    RET(setpriority(9, 0, 1));
    RET(getpriority(PRIO_PROCESS, 0));
    pass(go), pass(go);
    reap("a", a), reap("b", b);
    return 0;
}
