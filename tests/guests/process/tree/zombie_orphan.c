// A zombie whose parent dies passes to the reaper, with its status.
#include "process.h"
int main(void)
{
    under_reaper();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t child = CHILD({
        pid_t grandchild = CHILD(_exit(44));
        settle_in(grandchild, 'Z');
        _exit(43);
    });
    int status, sum = 0;
    reap("child", child);
    RET(wait(&status) > 0);
    sum = WEXITSTATUS(status);
    say("grandchild %d", sum);
    RET(wait(&status));
    return 0;
}
