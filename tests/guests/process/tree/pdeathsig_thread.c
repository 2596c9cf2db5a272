// The parent-death signal is sent when the thread that forked ends, not the process.
#include "process.h"
static gate ready, end;
static pid_t child;
static void *maker(void *unused)
{
    (void)unused;
    child = CHILD({
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        pass(ready);
        for (;;)
            pause();
    });
    await(end);
    return NULL;
}
int main(void)
{
    pthread_t t;
    ready = new_gate(), end = new_gate();
    pthread_create(&t, NULL, maker, NULL);
    await(ready);
    RET(kill(child, 0));
    pass(end);
    pthread_join(t, NULL);
    reap("child", child);
    return 0;
}
