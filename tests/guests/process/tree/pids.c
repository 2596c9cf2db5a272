// Pids are unique among the living, positive, and not that of a group that still has members.
#include "process.h"
int main(void)
{
    enum { N = 50 };
    pid_t pid[N];
    gate go = new_gate();
    for (int i = 0; i < N; i++)
        pid[i] = CHILD(await(go));
    int twice = 0, negative = 0;
    for (int i = 0; i < N; i++) {
        negative += pid[i] <= 0 || pid[i] == getpid();
        for (int k = 0; k < i; k++)
            twice += pid[i] == pid[k];
    }
    say("twice %d, wrong %d", twice, negative);
    for (int i = 0; i < N; i++)
        pass(go);
    for (int i = 0; i < N; i++)
        status_of(pid[i]);
    RET(wait(NULL));
    return 0;
}
