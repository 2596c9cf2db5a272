// A signal to a group reaches also the child that a member is just making: nobody of the group is left.
// slow
#include "process.h"
int main(void)
{
    under_reaper();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int left = 0;
    for (int i = 0; i < 15; i++) {
        pid_t leader = CHILD({
            setpgid(0, 0);
            for (int n = 0; n < 12; n++)
                CHILD(for (;;) pause());
            for (;;)
                pause();
        });
        setpgid(leader, leader);
        nanosleep(&(struct timespec){0, (i * 17 % 15) * 100000}, NULL);
        kill(-leader, SIGKILL);
        status_of(leader);
        while (wait(NULL) > 0)
            ;
        left += kill(-leader, 0) == 0;
    }
    say("left %d", left);
    return 0;
}
