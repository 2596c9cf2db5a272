// Robust mutexes: the owner dies with the lock held; process-shared kind; list errors.
// variants: static musl
#include "guest.h"
#include <linux/futex.h>
static pthread_mutex_t lock, second;
static void *die_holding(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&second);
    return NULL;
}
static void *wait_for(void *unused)
{
    (void)unused;
    int r = pthread_mutex_lock(&lock);
    if (r == EOWNERDEAD)
        pthread_mutex_consistent(&lock);
    pthread_mutex_unlock(&lock);
    return (void *)(long)r;
}
static volatile int go;
static void *hold_until(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    go = 1;
    sleep_ms(30);
    return NULL;
}
int main(void)
{
    pthread_mutexattr_t robust;
    pthread_t t, u;
    void *r;
    pthread_mutexattr_init(&robust);
    pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&lock, &robust);
    pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&second, &robust);
    pthread_create(&t, 0, die_holding, 0);
    pthread_join(t, 0);
    ERR(pthread_mutex_lock(&lock));
    ERR(pthread_mutex_consistent(&lock));
    ERR(pthread_mutex_unlock(&lock));
    ERR(pthread_mutex_lock(&lock));
    ERR(pthread_mutex_unlock(&lock));
    ERR(pthread_mutex_trylock(&second));
    ERR(pthread_mutex_unlock(&second)); // without being made consistent
    ERR(pthread_mutex_lock(&second));
    // A waiter is woken when the owner dies.
    pthread_create(&t, 0, hold_until, 0);
    while (!go)
        sched_yield();
    pthread_create(&u, 0, wait_for, 0);
    pthread_join(t, 0);
    pthread_join(u, &r);
    say("waiter got %s", error_name((int)(long)r));
    RET(syscall(SYS_set_robust_list, 0, 7));
    void *head;
    size_t length = 0;
    RET(syscall(SYS_get_robust_list, 0, &head, &length));
    say("length %zu", length);
    RET(syscall(SYS_get_robust_list, 0, 8, &length));
    RET(syscall(SYS_get_robust_list, 0x7ffffff0, &head, &length));
    return 0;
}
