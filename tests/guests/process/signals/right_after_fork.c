// Signals to a child in the first instant of its life: inherited handler, default, ignored, SIGKILL, SIGSTOP.
#include "process.h"
static void handler(int number) { _exit(100 + number); }
int main(void)
{
    int handled = 0, killed = 0, stopped = 0, ignored = 0, status;
    for (int i = 0; i < 25; i++) {
        handle(SIGUSR1, handler, 0);
        pid_t child = CHILD(for (;;) pause());
        kill(child, SIGUSR1);
        handled += WEXITSTATUS(status_of(child)) == 100 + SIGUSR1;
        child = CHILD(for (;;));
        kill(child, SIGKILL);
        status = status_of(child);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        child = CHILD(_exit(5));
        kill(child, SIGSTOP);
        if (waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status)) {
            kill(child, SIGCONT);
            status = status_of(child);
        }
        stopped += WIFEXITED(status) && WEXITSTATUS(status) == 5;
        handle(SIGUSR1, SIG_IGN, 0);
        child = CHILD(_exit(6));
        kill(child, SIGUSR1);
        ignored += WEXITSTATUS(status_of(child)) == 6;
    }
    say("handled %d, killed %d, stopped %d, ignored %d", handled, killed, stopped, ignored);
    return 0;
}
