// SysV semaphores and queues whose maker or user is killed: undone operations, waiters woken by removal, messages that stay.
// optional: the VM may be without SysV objects
#include "process.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
static int change(int id, int number, int by, int flags)
{
    struct sembuf one = {number, by, flags};
    return semop(id, &one, 1);
}
int main(void)
{
    under_reaper();
    int *ids = shared_page(PAGE);
    gate go = new_gate(), done = new_gate();
    pid_t creator = CHILD({
        ids[0] = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
        ids[1] = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
        semctl(ids[0], 0, SETVAL, 1);
        struct { long type; char text[20]; } message = {7, "left behind"};
        RET(msgsnd(ids[1], &message, 12, 0));
        pass(done);
        for (;;)
            pause();
    });
    await(done);
    pid_t holder = CHILD({
        RET(change(ids[0], 0, -1, SEM_UNDO));
        pass(done);
        for (;;)
            pause();
    });
    await(done);
    pid_t waiter = CHILD({
        int got = change(ids[0], 0, -1, 0);
        pass(done), await(go);
        say("waiter got it: %d", got);
        pass(done);
        RET(change(ids[0], 1, -1, 0));
    });
    settle(waiter);
    RET(semctl(ids[0], 0, GETVAL));
    RET(semctl(ids[0], 0, GETNCNT));
    kill(creator, SIGKILL);
    reap("creator", creator);
    kill(holder, SIGKILL);
    reap("holder", holder);
    await(done);
    struct { long type; char text[20]; } message;
    RET(msgrcv(ids[1], &message, 20, 7, 0));
    say("%s", message.text);
    pass(go), await(done);
    pid_t reader = CHILD(pass(done); RET(msgrcv(ids[1], &message, 20, 0, 0)));
    await(done);
    settle(reader);
    sleep_ms(50);
    kill(reader, SIGKILL);
    reap("reader", reader);
    reader = CHILD(pass(done); RET(msgrcv(ids[1], &message, 20, 0, 0)));
    await(done);
    settle(reader);
    sleep_ms(50);
    msgctl(ids[1], IPC_RMID, NULL);
    reap("reader", reader);
    semctl(ids[0], 0, IPC_RMID);
    reap("waiter", waiter);
    struct timespec soon = {0, 2000000};
    int id = semget(IPC_PRIVATE, 1, 0600);
    struct sembuf down = {0, -1, 0};
    RET(semtimedop(id, &down, 1, &soon));
    RET(semctl(id, 0, GETNCNT));
    semctl(id, 0, IPC_RMID);
    return 0;
}
