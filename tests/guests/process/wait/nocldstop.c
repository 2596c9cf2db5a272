// SA_NOCLDSTOP: no SIGCHLD for stops and continuations, but wait still tells of them.
#include "process.h"
static volatile int count;
static void handler(int number) { (void)number; count++; }
static void round_trip(const char *what, int flags)
{
    int status;
    count = 0;
    handle(SIGCHLD, handler, flags | SA_RESTART);
    pid_t child = CHILD(for (;;) pause());
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    for (int i = 0; i < 20 && count < 1; i++)
        sleep_ms(1);
    int after_stop = count;
    kill(child, SIGCONT);
    waitpid(child, &status, WCONTINUED);
    for (int i = 0; i < 20 && count < 2; i++)
        sleep_ms(1);
    int after_continue = count;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    for (int i = 0; i < 1000 && count < after_continue + 1; i++)
        sleep_ms(1);
    say("%s: %d after the stop, %d after SIGCONT, %d at the end", what, after_stop, after_continue, count);
}
int main(void)
{
    round_trip("with", SA_NOCLDSTOP);
    round_trip("without", 0);
    return 0;
}
