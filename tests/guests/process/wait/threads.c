// Every thread may wait for the children of all threads; of several waiters for one child one gets it.
#include "process.h"
static pid_t child;
static gate go;
static volatile int got, failed;
static void *waiter(void *unused)
{
    (void)unused;
    if (waitpid(child, NULL, 0) == child)
        __sync_fetch_and_add(&got, 1);
    else if (errno == ECHILD)
        __sync_fetch_and_add(&failed, 1);
    return NULL;
}
int main(void)
{
    pthread_t t, w[3];
    go = new_gate();
    child = CHILD(_exit(1));
    pthread_create(&t, NULL, waiter, NULL), pthread_join(t, NULL);
    say("waited in another thread: %d", got);
    got = 0;
    child = CHILD(await(go));
    for (int i = 0; i < 3; i++)
        pthread_create(&w[i], NULL, waiter, NULL);
    sleep_ms(10);
    pass(go);
    for (int i = 0; i < 3; i++)
        pthread_join(w[i], NULL);
    say("three waiters: %d got it, %d did not", got, failed);
    RET(waitpid(-1, NULL, WNOHANG));
    return 0;
}
