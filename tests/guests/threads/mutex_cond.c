// Mutex kinds, condition variables, timed waits, under contention.
// variants: static musl
#include "guest.h"
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static int ring[8], head, count;
static long produced, consumed;
static void *producer(void *unused)
{
    (void)unused;
    for (int i = 1; i <= 3000; i++) {
        pthread_mutex_lock(&lock);
        while (count == 8)
            pthread_cond_wait(&not_full, &lock);
        ring[(head + count++) % 8] = i;
        produced += i;
        pthread_cond_signal(&not_empty);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}
static void *consumer(void *unused)
{
    (void)unused;
    for (int i = 1; i <= 3000; i++) {
        pthread_mutex_lock(&lock);
        while (!count)
            pthread_cond_wait(&not_empty, &lock);
        consumed += ring[head];
        head = (head + 1) % 8, count--;
        pthread_cond_broadcast(&not_full);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}
static long plain;
static pthread_spinlock_t spin;
static long spun;
static void *contend(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20000; i++) {
        pthread_mutex_lock(&lock);
        plain++;
        pthread_mutex_unlock(&lock);
        if (i % 10 == 0) {
            pthread_spin_lock(&spin);
            spun++;
            pthread_spin_unlock(&spin);
        }
    }
    return NULL;
}
static struct timespec in_ms(clockid_t clock, int ms)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += ms * 1000000l;
    if (t.tv_nsec < 0)
        t.tv_nsec += 1000000000, t.tv_sec--;
    t.tv_sec += t.tv_nsec / 1000000000, t.tv_nsec %= 1000000000;
    return t;
}
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static void *try_held(void *unused)
{
    (void)unused;
    ERR(pthread_mutex_trylock(&held));
    struct timespec t = in_ms(CLOCK_REALTIME, 20);
    ERR(pthread_mutex_timedlock(&held, &t));
    return NULL;
}
int main(void)
{
    pthread_t t[8];
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], 0, producer, 0), pthread_create(&t[i + 3], 0, consumer, 0);
    for (int i = 0; i < 6; i++)
        pthread_join(t[i], 0);
    say("produced %ld consumed %ld", produced, consumed);
    pthread_spin_init(&spin, 0);
    for (int i = 0; i < 6; i++)
        pthread_create(&t[i], 0, contend, 0);
    for (int i = 0; i < 6; i++)
        pthread_join(t[i], 0);
    say("counted %ld %ld", plain, spun);
    pthread_mutex_lock(&held);
    pthread_create(&t[0], 0, try_held, 0);
    pthread_join(t[0], 0);
    pthread_mutexattr_t kind;
    pthread_mutex_t m;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&m, &kind);
    ERR(pthread_mutex_lock(&m));
    ERR(pthread_mutex_lock(&m));
    ERR(pthread_mutex_unlock(&m));
    ERR(pthread_mutex_unlock(&m));
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&m, &kind);
    ERR(pthread_mutex_lock(&m));
    ERR(pthread_mutex_lock(&m));
    ERR(pthread_mutex_unlock(&m));
    ERR(pthread_mutex_unlock(&m));
    pthread_condattr_t attribute;
    pthread_cond_t c;
    pthread_condattr_init(&attribute);
    pthread_condattr_setclock(&attribute, CLOCK_MONOTONIC);
    pthread_cond_init(&c, &attribute);
    pthread_mutex_lock(&lock);
    int64_t start = now_ms();
    struct timespec end = in_ms(CLOCK_MONOTONIC, 30);
    ERR(pthread_cond_timedwait(&c, &lock, &end));
    YES(now_ms() - start >= 29 && now_ms() - start < 1000);
    end = in_ms(CLOCK_REALTIME, -5);
    ERR(pthread_cond_timedwait(&not_empty, &lock, &end));
    pthread_mutex_unlock(&lock);
    return 0;
}
