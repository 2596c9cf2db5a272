// SIGTSTP, SIGTTIN and SIGTTOU do not stop a member of an orphaned group; SIGSTOP does.
#include "process.h"
int main(void)
{
    int status;
    pid_t child = CHILD({
        setsid();
        raise(SIGTSTP), raise(SIGTTIN), raise(SIGTTOU);
        say("not stopped");
        raise(SIGSTOP);
        say("stopped and continued");
    });
    RET(waitpid(child, &status, WUNTRACED) == child);
    say("%s", status_name(status));
    kill(child, SIGCONT);
    reap("child", child);
    return 0;
}
