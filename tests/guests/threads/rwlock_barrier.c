// Read-write locks, barriers, semaphores, once, keys with destructors.
// variants: static musl
#include "guest.h"
#include <semaphore.h>
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static int a, b, torn;
static pthread_barrier_t barrier;
static int serial;
static sem_t semaphore;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int initialised;
static pthread_key_t key;
static int destroyed;
static void initialise(void) { initialised++; }
static void destroy(void *value) { (void)value, __atomic_add_fetch(&destroyed, 1, __ATOMIC_SEQ_CST); }
static void *work(void *argument)
{
    pthread_once(&once, initialise);
    pthread_setspecific(key, argument);
    for (int i = 0; i < 2000; i++) {
        if (i % 10 == (long)argument) {
            pthread_rwlock_wrlock(&lock);
            a++;
            if (i % 50 == 0)
                sched_yield();
            b++;
        } else {
            pthread_rwlock_rdlock(&lock);
            torn += a != b;
        }
        pthread_rwlock_unlock(&lock);
    }
    for (int i = 0; i < 50; i++)
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            serial++;
    sem_wait(&semaphore);
    return NULL;
}
int main(void)
{
    pthread_t t[5];
    pthread_barrier_init(&barrier, 0, 5);
    sem_init(&semaphore, 0, 0);
    pthread_key_create(&key, destroy);
    for (long i = 0; i < 5; i++)
        pthread_create(&t[i], 0, work, (void *)(i + 1));
    for (int i = 0; i < 5; i++)
        sem_post(&semaphore);
    for (int i = 0; i < 5; i++)
        pthread_join(t[i], 0);
    say("a %d b %d torn %d serial %d once %d destroyed %d", a, b, torn, serial, initialised, destroyed);
    RET(sem_trywait(&semaphore));
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    RET(sem_timedwait(&semaphore, &now));
    return 0;
}
