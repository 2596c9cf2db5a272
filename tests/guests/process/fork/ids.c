// What is copied: session, group, user ids, nice value, dumpable, name, no_new_privs; what is not: parent-death signal.
#include "process.h"
int main(void)
{
    setpriority(PRIO_PROCESS, 0, 5);
    prctl(PR_SET_NAME, "a name"), prctl(PR_SET_PDEATHSIG, SIGUSR1), prctl(PR_SET_DUMPABLE, 0), prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), prctl(PR_SET_TIMERSLACK, 70000);
    pid_t group = getpgrp(), session = getsid(0);
    setresgid(10, 11, 12), setresuid(20, 21, 0);
    reap("child", CHILD({
        char name[20] = {0};
        int death = -1;
        int subreaper = -1;
        prctl(PR_GET_NAME, name), prctl(PR_GET_PDEATHSIG, &death), prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
        YES(getpgrp() == group && getsid(0) == session);
        say("name %s, death signal %d, dumpable %d, no new privileges %d, subreaper %d, slack %d", name, death, prctl(PR_GET_DUMPABLE),
            prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), subreaper, prctl(PR_GET_TIMERSLACK));
        uid_t r; uid_t e; uid_t s;
        getresuid(&r, &e, &s);
        say("uids %d %d %d", r, e, s);
        getresgid(&r, &e, &s);
        say("gids %d %d %d, nice %d", r, e, s, getpriority(PRIO_PROCESS, 0));
        setresuid(0, 0, 0);
        say("child %d", getuid());
    }));
    say("parent %d", getuid());
    return 0;
}
