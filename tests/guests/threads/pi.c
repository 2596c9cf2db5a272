// Priority-inheriting mutexes work, or say honestly that they do not.
#include "guest.h"
static pthread_mutex_t lock;
static long count;
static void *work(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&lock);
        long n = count;
        if (i % 100 == 0)
            sched_yield();
        count = n + 1;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}
int main(void)
{
    pthread_mutexattr_t inherit;
    pthread_mutexattr_init(&inherit);
    int r = pthread_mutexattr_setprotocol(&inherit, PTHREAD_PRIO_INHERIT);
    if (r == 0)
        r = pthread_mutex_init(&lock, &inherit);
    if (r) {
        say("pi mutex: %s", error_name(r));
        say("absent");
        return 0;
    }
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], 0, work, 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], 0);
    say("pi mutex: count %ld", count);
    return 0;
}
