// SysV shared memory: attach, inherit, IPC_STAT, IPC_RMID while attached, between siblings, errors.
// optional: the VM may be without SysV objects
#include "process.h"
#include <sys/ipc.h>
#include <sys/shm.h>
int main(void)
{
    struct shmid_ds ds;
    int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
    if (id < 0 && errno == ENOSYS) {
        say("absent");
        return 0;
    }
    char *p = shmat(id, NULL, 0);
    strcpy(p, "parent");
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        say("inherited: %s", p);
        char *q = shmat(id, NULL, SHM_RDONLY);
        say("attached again: %s", q);
        strcpy(p + 2 * PAGE, "child");
        shmctl(id, IPC_STAT, &ds);
        say("attached %ld, size %zu, mode %o, creator is the parent %d", (long)ds.shm_nattch, ds.shm_segsz, ds.shm_perm.mode & 07777, ds.shm_cpid == getppid());
        RET(shmdt(q));
        RET(shmdt(q));
        pass(done), await(go);
        say("after removal: %s", p);
    });
    await(done);
    say("%s", p + 2 * PAGE);
    RET(shmctl(id, IPC_RMID, NULL));
    strcpy(p, "removed");
    pass(go);
    reap("child", child);
    shmctl(id, IPC_STAT, &ds);
    say("attached %ld", (long)ds.shm_nattch);
    RET(shmdt(p));
    RET(shmctl(id, IPC_STAT, &ds));
    id = shmget(4711, 100, IPC_CREAT | IPC_EXCL | 0600);
    reap("sibling", CHILD({
        YES(shmget(4711, 0, 0) == id);
        char *q = shmat(id, NULL, 0);
        strcpy(q, "sibling");
        raise(SIGKILL);
    }));
    RET(shmget(4711, 100, IPC_CREAT | IPC_EXCL | 0600));
    RET(shmget(4711, 5000, 0));
    p = shmat(id, NULL, 0);
    say("after the sibling was killed: %s", p);
    shmctl(id, IPC_STAT, &ds);
    say("attached %ld", (long)ds.shm_nattch);
    shmctl(id, IPC_RMID, NULL);
    RET(shmget(4711, 0, 0));
    RET(shmget(IPC_PRIVATE, 0, IPC_CREAT));
    YES(shmat(-1, NULL, 0) == (void *)-1);
    return 0;
}
