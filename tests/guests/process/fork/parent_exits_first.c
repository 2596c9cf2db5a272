// The first process ends while its child still runs: the program's status is the first one's.
#include "process.h"
int main(void)
{
    pid_t child = CHILD(for (;;) pause());
    settle(child);
    say("going");
    return 17;
}
