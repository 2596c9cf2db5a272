// A lock held by another thread at fork is held in the child for ever; pthread_atfork handlers keep it consistent.
#include "process.h"
static pthread_mutex_t kept = PTHREAD_MUTEX_INITIALIZER, left = PTHREAD_MUTEX_INITIALIZER;
static int counter, copy;
static void prepare(void) { pthread_mutex_lock(&kept); }
static void release(void) { pthread_mutex_unlock(&kept); }
static void *worker(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&kept);
        counter++, copy++;
        pthread_mutex_unlock(&kept);
    }
    return NULL;
}
static void *holder(void *g)
{
    pthread_mutex_lock(&left);
    pass(*(gate *)g);
    for (;;)
        pause();
    return NULL;
}
int main(void)
{
    gate g = new_gate();
    pthread_t t;
    pthread_atfork(prepare, release, release);
    pthread_create(&t, NULL, worker, NULL), pthread_create(&t, NULL, holder, &g);
    await(g);
    int good = 0;
    for (int i = 0; i < 20; i++) {
        pid_t child = CHILD({
            pthread_mutex_lock(&kept);
            _exit(counter == copy ? 0 : 1);
        });
        good += status_of(child) == 0;
    }
    say("%d children saw whole counters", good);
    reap("child", CHILD(ERR(pthread_mutex_trylock(&left))));
    return 0;
}
