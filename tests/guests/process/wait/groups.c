// Waiting for a group: 0, -pgid; children that are in other groups are not seen.
#include "process.h"
int main(void)
{
    int status;
    gate go = new_gate();
    pid_t leader = CHILD(await(go); _exit(1));
    setpgid(leader, leader);
    pid_t member = CHILD(await(go); _exit(2));
    setpgid(member, leader);
    pid_t mine = CHILD(await(go); _exit(3));
    RET(waitpid(-leader, &status, WNOHANG));
    RET(waitpid(0, &status, WNOHANG));
    RET(waitpid(-(1 << 21), &status, WNOHANG));
    pass(go), pass(go), pass(go);
    RET(waitpid(0, &status, 0) == mine);
    say("%s", status_name(status));
    RET(waitpid(0, &status, 0));
    int sum = 0;
    RET(waitpid(-leader, &status, 0) > 0);
    sum += WEXITSTATUS(status);
    RET(waitpid(-leader, &status, 0) > 0);
    sum += WEXITSTATUS(status);
    RET(waitpid(-leader, &status, 0));
    say("sum %d", sum);
    return 0;
}
