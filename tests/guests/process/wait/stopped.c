// WUNTRACED and WCONTINUED: each stop and continuation is told once; without the flags not at all.
// variants: static musl
#include "process.h"
int main(void)
{
    int status;
    pid_t child = CHILD(for (;;) pause());
    int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    setpgid(child, child); // a group is orphaned where only its session's leader has a parent: SIGTSTP would stop nobody
    for (size_t i = 0; i < COUNT(stops); i++) {
        kill(child, stops[i]);
        RET(waitpid(child, &status, WUNTRACED) == child);
        say("%s", status_name(status));
        RET(waitpid(child, &status, WUNTRACED | WNOHANG));
        RET(waitpid(child, &status, WCONTINUED | WNOHANG));
        kill(child, SIGCONT);
        RET(waitpid(child, &status, WCONTINUED) == child);
        say("%s", status_name(status));
        RET(waitpid(child, &status, WCONTINUED | WNOHANG));
    }
    kill(child, SIGSTOP);
    settle_in(child, 'T');
    RET(waitpid(child, &status, WNOHANG));
    RET(waitpid(child, &status, WCONTINUED | WNOHANG));
    kill(child, SIGTERM);
    sleep_ms(5);
    RET(waitpid(child, &status, WNOHANG));
    kill(child, SIGCONT);
    reap("the SIGTERM of meanwhile", child);
    child = CHILD(for (;;) pause());
    kill(child, SIGSTOP);
    settle_in(child, 'T');
    kill(child, SIGKILL);
    RET(waitpid(child, &status, WUNTRACED) == child);
    say("killed while stopped: %s", status_name(status));
    return 0;
}
