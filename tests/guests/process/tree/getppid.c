// getppid of a child of a child; it follows when the middle one goes, and fork keeps it.
#include "process.h"
int main(void)
{
    pid_t reaper = under_reaper(), me = getpid();
    YES(getppid() == reaper);
    reap("child", CHILD({
        YES(getppid() == me);
        pid_t child = getpid();
        reap("grandchild", CHILD(YES(getppid() == child)));
        reap("exec", CHILD({
            char text[200];
            snprintf(text, sizeof text, "test $PPID = %d && echo the shell agrees", child);
            execl("/bin/sh", "sh", "-c", text, NULL);
        }));
    }));
    return 0;
}
