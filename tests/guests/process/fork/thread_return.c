// The child of a fork in a thread ends with that thread: returning from the start routine ends the process, atexit runs.
#include "process.h"
static pid_t child;
static void bye(void) { say("atexit in the %s", child ? "parent" : "child"); }
static void *forker(void *unused)
{
    (void)unused;
    child = fork();
    return NULL;
}
int main(void)
{
    pthread_t t;
    atexit(bye);
    pthread_create(&t, NULL, forker, NULL);
    pthread_join(t, NULL);
    reap("child", child);
    return 0;
}
