// The first process is stopped and continued by its child.
#include "process.h"
int main(void)
{
    pid_t me = getpid();
    pid_t child = CHILD({
        kill(me, SIGSTOP);
        settle_in(me, 'T');
        say("parent is %c", state_of(me));
        kill(me, SIGCONT);
    });
    reap("child", child);
    return 0;
}
