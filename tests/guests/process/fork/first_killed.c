// The first process is killed by its child: the program ends so.
#include "process.h"
int main(void)
{
    pid_t me = getpid();
    CHILD(say("killing"); kill(me, SIGTERM); for (;;) pause());
    for (;;)
        pause();
}
