// Signals that arrive around an exec are taken by the old program or by the new one, never lost, and exec succeeds.
// slow
#include "process.h"
static void handler(int number) { (void)number; }
int main(void)
{
    int ended = 0, killed = 0;
    for (int i = 0; i < 20; i++) {
        gate ready = new_gate();
        pid_t child = CHILD({
            handle(SIGUSR1, handler, SA_RESTART);
            pass(ready);
            execl("/bin/sleep", "sleep", "100", NULL);
        });
        await(ready);
        nanosleep(&(struct timespec){0, (i * 7 % 20) * 50000}, NULL);
        for (int status, k = 0; k < 1000; k++) {
            kill(child, SIGUSR1);
            pid_t got = waitpid(child, &status, WNOHANG);
            if (got == child) {
                killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1;
                ended++;
                break;
            }
            sleep_ms(1);
        }
        close(ready.fd[0]), close(ready.fd[1]);
    }
    say("ended %d, by the signal %d", ended, killed);
    return 0;
}
