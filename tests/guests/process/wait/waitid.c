// waitid: all kinds of ids, what is in siginfo, WNOWAIT, and errors.
// variants: static musl
#include "process.h"
static siginfo_t info;
static pid_t expected;
static void show(const char *what, long result)
{
    const char *codes[] = {"-", "EXITED", "KILLED", "DUMPED", "TRAPPED", "STOPPED", "CONTINUED"};
    say("%s: %s, pid right %d, signal %d, code %s, status %d, uid %d", what, result < 0 ? error_name(errno) : "0", info.si_pid == expected, info.si_signo,
        info.si_code >= 0 && info.si_code < 7 ? codes[info.si_code] : "?", info.si_status, info.si_uid);
    memset(&info, 0, sizeof info);
}
int main(void)
{
    gate go = new_gate();
    setresuid(0, 0, 0);
    expected = CHILD(await(go); _exit(300));
    pid_t child = expected;
    show("nothing yet (the id is left alone)", waitid(P_ALL, 0, &info, WEXITED | WNOHANG));
    kill(child, SIGSTOP);
    show("stopped, not taken", waitid(P_PID, child, &info, WSTOPPED | WNOWAIT));
    show("stopped", waitid(P_PID, child, &info, WSTOPPED));
    kill(child, SIGCONT);
    show("continued, not taken", waitid(P_ALL, 0, &info, WCONTINUED | WNOWAIT));
    show("continued", waitid(P_ALL, 0, &info, WCONTINUED));
    pass(go);
    show("exited, not taken", waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    show("exited, not taken again", waitid(P_PGID, getpgrp(), &info, WEXITED | WNOWAIT));
    show("stopped or continued only", waitid(P_PID, child, &info, WSTOPPED | WCONTINUED | WNOHANG));
    show("exited", waitid(P_PGID, 0, &info, WEXITED));
    show("none left", waitid(P_ALL, 0, &info, WEXITED));
    expected = child = CHILD(for (;;) pause());
    kill(child, SIGTERM);
    show("killed", waitid(P_ALL, 0, &info, WEXITED));
    child = CHILD(setresuid(77, 77, 77); _exit(1));
    expected = child;
    show("other user", waitid(P_ALL, 0, &info, WEXITED));
    child = expected = CHILD(_exit(4));
    long result = waitid(P_ALL, 0, NULL, WEXITED);
    show("without a place for the answer", result);
    child = CHILD(for (;;) pause());
    show("no flags", waitid(P_ALL, 0, &info, 0));
    show("WNOHANG alone", waitid(P_ALL, 0, &info, WNOHANG));
    show("unknown flag", waitid(P_ALL, 0, &info, WEXITED | 0x100));
    show("unknown kind", waitid(9, 0, &info, WEXITED));
    show("pid 0", waitid(P_PID, 0, &info, WEXITED));
    show("negative pid", waitid(P_PID, -5, &info, WEXITED));
    show("group of others", waitid(P_PGID, child, &info, WEXITED));
    show("negative group", waitid(P_PGID, -5, &info, WEXITED));
    show("bad descriptor", waitid(P_PIDFD, 99, &info, WEXITED));
    show("no pidfd", waitid(P_PIDFD, 1, &info, WEXITED));
    show("bad address", syscall(SYS_waitid, P_ALL, 0, 8, WEXITED | WNOHANG, 0));
    kill(child, SIGKILL);
    reap("last", child);
    return 0;
}
