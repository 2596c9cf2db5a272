// __WNOTHREAD: a thread that waits so does not see the children of the others; they pass on when their thread ends.
#include "process.h"
static pid_t child;
static gate made, end;
static void *maker(void *unused)
{
    (void)unused;
    child = CHILD(_exit(6));
    pass(made);
    await(end);
    return NULL;
}
int main(void)
{
    pthread_t t;
    int status;
    made = new_gate(), end = new_gate();
    pthread_create(&t, NULL, maker, NULL);
    await(made);
    RET(waitpid(child, &status, __WNOTHREAD));
    pass(end);
    pthread_join(t, NULL);
    reap("child of a thread that has ended", child);
    return 0;
}
