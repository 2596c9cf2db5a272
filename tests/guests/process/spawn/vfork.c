// vfork: the parent waits until the child has ended or become another program, and sees what it wrote to memory.
// variants: static pie musl
#include "process.h"
static volatile int shared;
int main(void)
{
    volatile int local = 1;
    pid_t me = getpid();
    pid_t child = vfork();
    if (child == 0) {
        shared = 5, local = 6;
        if (getppid() == me && getpid() != me)
            shared++;
        sleep_ms(20);
        shared *= 2;
        _exit(3);
    }
    say("shared %d, local %d", shared, local);
    reap("child", child);
    child = vfork();
    if (child == 0) {
        char *argv[] = {"true", NULL};
        execv("/bin/true", argv);
        _exit(9);
    }
    reap("true", child);
    child = vfork();
    if (child == 0) {
        char *argv[] = {"none", NULL};
        execv("/none", argv);
        shared = errno;
        _exit(127);
    }
    say("%s", error_name(shared));
    reap("none", child);
    return 0;
}
