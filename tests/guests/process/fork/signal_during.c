// Signals that arrive while forking: each is handled once, by the parent, and fork still succeeds.
#include "process.h"
#include <sys/time.h>
static volatile int count;
static void handler(int number) { (void)number; count++; }
int main(void)
{
    handle(SIGALRM, handler, SA_RESTART);
    struct itimerval fast = {{0, 2000}, {0, 2000}}, off = {0};
    setitimer(ITIMER_REAL, &fast, NULL);
    int good = 0;
    for (int i = 0; i < 40; i++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (!child) {
            int before = count;
            for (volatile int n = 0; n < 100000; n++)
                ;
            _exit(count == before ? 0 : 1);
        }
        good += status_of(child) == 0;
    }
    setitimer(ITIMER_REAL, &off, NULL);
    say("%d children without the parent's alarms", good);
    return 0;
}
