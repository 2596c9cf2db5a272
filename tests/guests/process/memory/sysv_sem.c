// SysV semaphores: operations in sets, waiting for zero, SEM_UNDO at exit and at a kill, GETPID, timeouts, removal.
// optional: the VM may be without SysV objects
#include "process.h"
#include <sys/ipc.h>
#include <sys/sem.h>
static int id;
static int op(int n, int value, int flags) { return semop(id, &(struct sembuf){n, value, flags}, 1); }
int main(void)
{
    id = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
    if (id < 0 && errno == ENOSYS) {
        say("absent");
        return 0;
    }
    RET(semctl(id, 0, SETVAL, 2));
    RET(op(0, -3, IPC_NOWAIT));
    pid_t child = CHILD(_exit(op(0, -3, 0) == 0 ? 10 : errno));
    settle(child);
    RET(semctl(id, 0, GETNCNT));
    RET(op(0, 1, 0));
    reap("waiter", child);
    YES(semctl(id, 0, GETPID) == child);
    child = CHILD(op(1, 5, SEM_UNDO); op(2, 3, 0); RET(semctl(id, 1, GETVAL)));
    reap("undo at exit", child);
    say("%d %d", semctl(id, 1, GETVAL), semctl(id, 2, GETVAL));
    gate ready = new_gate();
    child = CHILD(op(2, -2, SEM_UNDO); pass(ready); for (;;) pause());
    await(ready);
    RET(semctl(id, 2, GETVAL));
    pid_t waiter = CHILD(_exit(op(2, -3, 0) == 0 ? 11 : errno));
    settle(waiter);
    kill(child, SIGKILL);
    reap("undo at a kill", child);
    reap("woken by it", waiter);
    RET(semctl(id, 0, SETVAL, 1));
    child = CHILD(_exit(op(0, 0, 0) == 0 ? 12 : errno));
    settle(child);
    RET(semctl(id, 0, GETZCNT));
    RET(op(0, -1, 0));
    reap("waits for zero", child);
    struct sembuf both[] = {{0, 1, 0}, {1, -1, IPC_NOWAIT}};
    RET(semop(id, both, 2));
    RET(semctl(id, 0, GETVAL));
    RET(semtimedop(id, &(struct sembuf){0, -1, 0}, 1, &(struct timespec){0, 5000000}));
    child = CHILD(_exit(op(0, -1, 0) == 0 ? 13 : errno == EIDRM ? 14 : 15));
    settle(child);
    RET(semctl(id, 0, IPC_RMID));
    reap("removed under it", child);
    RET(op(0, 1, 0));
    return 0;
}
