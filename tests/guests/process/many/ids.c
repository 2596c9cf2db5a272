// Threads and children that come and go, thousands of them in one process: ids are used, and given back.
// slow
#include "process.h"
static void *nothing(void *none) { return none; }
static int threads(int count)
{
    int made = 0;
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0)
            made++;
    }
    return made;
}
int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return 0;
    reap("a child in a VM of its own", CHILD(_exit(1)));
    say("threads %d", threads(3000));
    int ended = 0, own = 0;
    for (int i = 0; i < 3000; i++) {
        pid_t child = vfork();
        if (child == 0)
            _exit(i % 100);
        ended += child > 0 && WEXITSTATUS(status_of(child)) == i % 100;
    }
    say("children %d", ended);
    // Each child takes one number out of the middle of those that are there for threads.
    for (volatile int i = 0; i < 80; i++) {
        pid_t child = vfork();
        if (child == 0) {
            execl("/proc/self/exe", "ids", "child", NULL);
            _exit(99);
        }
        own += threads(1) == 1 && WEXITSTATUS(status_of(child)) == 0;
    }
    say("programs %d", own);
    pid_t child = fork();
    if (child == 0)
        _exit(threads(100) == 100);
    reap("threads in a child", child);
    return 0;
}
