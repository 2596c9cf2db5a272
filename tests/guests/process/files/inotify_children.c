// inotify: what children do is told in the same words as what the process itself does, to an instance made before the fork.
#include "../../inotify.h"
#include "process.h"
static void there(void (*step)(void)) { reap("step", CHILD(step())); }
int main(void)
{
    int fd = inotify_init1(IN_NONBLOCK);
    exercise(fd, there);
    return 0;
}
