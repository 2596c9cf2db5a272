// PR_SET_CHILD_SUBREAPER: orphans of all depths come to it, also those made before; it is not inherited.
#include "process.h"
int main(void)
{
    under_reaper();
    pid_t me = getpid();
    gate go = new_gate();
    int on = -1;
    RET(prctl(PR_GET_CHILD_SUBREAPER, &on));
    say("inherited: %d", on);
    pid_t child = CHILD({
        CHILD({
            CHILD(await(go); _exit(getppid() == me ? 21 : 22));
            _exit(11);
        });
        waitpid(-1, NULL, 0);
        _exit(1);
    });
    RET(prctl(PR_SET_CHILD_SUBREAPER, 1));
    // The grandchild may have been orphaned before or after: only what follows is certain.
    reap("child", child);
    pid_t second = CHILD({
        CHILD({
            CHILD({
                await(go);
                for (int i = 0; i < 3000 && getppid() != me; i++)
                    sleep_ms(1);
                _exit(getppid() == me ? 31 : 32);
            });
            _exit(0);
        });
        _exit(2);
    });
    reap("second", second);
    pass(go), pass(go);
    int status, found = 0, zero = 0;
    while (wait(&status) > 0) {
        found += WEXITSTATUS(status) == 31;
        zero += WEXITSTATUS(status) == 0;
    }
    say("grandchild %d, its parent %d, then %s", found, zero, error_name(errno));
    RET(prctl(PR_SET_CHILD_SUBREAPER, 0));
    RET(prctl(PR_GET_CHILD_SUBREAPER, &on));
    say("off: %d", on);
    RET(prctl(PR_GET_CHILD_SUBREAPER, 8));
    return 0;
}
