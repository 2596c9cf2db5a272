// A vfork child that is killed, or stopped and continued, by a third process: its parent goes on then.
#include "process.h"
int main(void)
{
    pid_t *pid = shared_page(PAGE);
    pid_t killer = CHILD({
        while (!*(volatile pid_t *)pid)
            sleep_ms(1);
        settle(*pid);
        kill(*pid, SIGKILL);
    });
    pid_t child = vfork();
    if (child == 0) {
        *pid = getpid();
        for (;;)
            pause();
    }
    reap("child", child);
    reap("killer", killer);
    return 0;
}
