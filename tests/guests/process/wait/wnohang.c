// WNOHANG: 0 while the child runs, its pid once it has ended, ECHILD after.
// variants: static musl
#include "process.h"
int main(void)
{
    int status = -5;
    gate go = new_gate();
    RET(waitpid(-1, &status, WNOHANG));
    pid_t child = CHILD(await(go); _exit(9));
    RET(waitpid(-1, &status, WNOHANG));
    RET(waitpid(child, &status, WNOHANG));
    RET(waitpid(0, &status, WNOHANG));
    say("status untouched: %d", status);
    pass(go);
    settle_in(child, 'Z');
    RET(waitpid(child, &status, WNOHANG) == child);
    say("%s", status_name(status));
    RET(waitpid(child, &status, WNOHANG));
    RET(waitpid(-1, &status, WNOHANG));
    RET(waitpid(1 << 21, &status, 0));
    RET(waitpid(getpid(), &status, 0));
    RET(waitpid(INT_MIN, &status, 0));
    RET(wait4(-1, &status, 0x100, NULL));
    RET(wait4(-1, &status, WNOWAIT, NULL));
    return 0;
}
