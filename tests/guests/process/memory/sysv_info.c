// System V IPC as ipcs(1) asks: limits, what is in use, objects by their place; in the process that made them and in a child.
#include "process.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static int shm, sem, msg;

static void look(void)
{
    struct seminfo semaphores;
    struct shminfo segments;
    struct shm_info used;
    struct msginfo queues;
    struct shmid_ds segment;
    struct semid_ds set;
    struct msqid_ds queue;
    int found = 0;
    int highest = semctl(0, 0, IPC_INFO, &semaphores);
    say("semaphores %d %d %d", highest >= 0, semaphores.semvmx, semaphores.semmsl >= 250);
    say("in use %d %d", semctl(0, 0, SEM_INFO, &semaphores) == highest, semaphores.semusz >= 1 && semaphores.semaem >= 3);
    for (int place = 0; place <= highest; place++)
        found += semctl(place, 0, SEM_STAT, &set) == sem && set.sem_nsems == 3;
    say("found %d", found);
    highest = shmctl(0, IPC_INFO, (void *)&segments);
    say("segments %d %lu", highest >= 0, segments.shmmin);
    say("in use %d %d", shmctl(0, SHM_INFO, (void *)&used) == highest, used.used_ids >= 1 && used.shm_tot >= 2);
    found = 0;
    for (int place = 0; place <= highest; place++)
        found += shmctl(place, SHM_STAT, &segment) == shm && segment.shm_segsz == 5000;
    say("found %d", found);
    highest = msgctl(0, IPC_INFO, (void *)&queues);
    say("queues %d %d", highest >= 0, queues.msgmax >= 8192);
    say("in use %d %d", msgctl(0, MSG_INFO, (void *)&queues) == highest, queues.msgpool >= 1 && queues.msgmap >= 1 && queues.msgtql >= 4);
    found = 0;
    for (int place = 0; place <= highest; place++)
        found += msgctl(place, MSG_STAT, &queue) == msg && queue.msg_qnum == 1 && queue.__msg_cbytes == 4;
    say("found %d", found);
    say("no place %d", semctl(30000, 0, SEM_STAT, &set) < 0 && errno == EINVAL);
}

int main(void)
{
    struct { long type; char text[4]; } message = {1, "abc"};
    shm = shmget(IPC_PRIVATE, 5000, 0600);
    sem = semget(IPC_PRIVATE, 3, 0600);
    msg = msgget(IPC_PRIVATE, 0600);
    MUST(msgsnd(msg, &message, 4, 0));
    look();
    reap("child", CHILD(look()));
    shmctl(shm, IPC_RMID, NULL);
    semctl(sem, 0, IPC_RMID);
    msgctl(msg, IPC_RMID, NULL);
    return 0;
}
