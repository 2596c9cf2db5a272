// Unnamed process-shared and named semaphores between processes: values, waiting, timeouts, unlinking.
// variants: static musl
#include "process.h"
#include <semaphore.h>
int main(void)
{
    sem_t *s = shared_page(PAGE);
    int value;
    RET(sem_init(s, 1, 0));
    pid_t child = CHILD(sem_wait(s); sem_wait(s); _exit(5));
    settle(child);
    sem_post(s), sem_post(s);
    reap("child", child);
    RET(sem_getvalue(s, &value));
    say("value %d", value);
    RET(sem_trywait(s));
    static char name[80];
    strcpy(name, unique("/"));
    sem_t *n = sem_open(name, O_CREAT | O_EXCL, 0600, 3);
    YES(n != SEM_FAILED);
    YES(sem_open(name, O_CREAT | O_EXCL, 0600, 3) == SEM_FAILED && errno == EEXIST);
    reap("sibling", CHILD({
        sem_t *own = sem_open(name, 0);
        sem_wait(own), sem_wait(own);
        sem_getvalue(own, &value);
        say("value %d", value);
        sem_close(own);
    }));
    sem_getvalue(n, &value);
    say("value %d", value);
    sem_wait(n);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    RET(sem_timedwait(n, &t));
    child = CHILD(sem_wait(n); _exit(6));
    settle(child);
    RET(sem_unlink(name));
    YES(sem_open(name, 0) == SEM_FAILED && errno == ENOENT);
    sem_post(n);
    reap("waits on after unlink", child);
    child = CHILD(sem_wait(n));
    settle(child);
    kill(child, SIGKILL);
    reap("killed waiter", child);
    sem_post(n);
    RET(sem_trywait(n));
    return 0;
}
