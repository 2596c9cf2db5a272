// pthread_cancel: in blocked calls, deferred, disabled, asynchronous, with cleanup handlers.
// variants: static musl pie
#include "guest.h"
#include <sys/socket.h>
static int pipes[2];
static volatile int ready;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static void cleanup(void *text) { say("cleanup %s", (char *)text); }
static void unlock(void *unused) { (void)unused, pthread_mutex_unlock(&lock); }
static void *in_read(void *unused)
{
    char c;
    (void)unused;
    pthread_cleanup_push(cleanup, "read");
    ready = 1;
    read(pipes[0], &c, 1);
    pthread_cleanup_pop(0);
    return NULL;
}
static void *in_sleep(void *unused)
{
    (void)unused;
    pthread_cleanup_push(cleanup, "sleep");
    ready = 1;
    sleep(100);
    pthread_cleanup_pop(0);
    return NULL;
}
static void *in_pause(void *unused)
{
    (void)unused;
    pthread_cleanup_push(cleanup, "pause");
    ready = 1;
    pause();
    pthread_cleanup_pop(0);
    return NULL;
}
static void *in_condition(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    pthread_cleanup_push(unlock, 0);
    ready = 1;
    pthread_cond_wait(&condition, &lock);
    pthread_cleanup_pop(0);
    return NULL;
}
static void *computing(void *unused)
{
    (void)unused;
    ready = 1;
    for (volatile long i = 0; i < 20000000; i++)
        ;
    pthread_cleanup_push(cleanup, "deferred until a cancellation point");
    pthread_testcancel();
    pthread_cleanup_pop(0);
    return NULL;
}
static void *disabled(void *unused)
{
    char c;
    (void)unused;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, 0);
    ready = 1;
    long n = read(pipes[0], &c, 1);
    say("disabled: read %ld", n);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, 0);
    pthread_testcancel();
    say("not reached");
    return NULL;
}
static void *asynchronous(void *unused)
{
    (void)unused;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
    ready = 1;
    for (;;)
        __asm__ volatile("");
    return NULL;
}
static void *before(void *unused)
{
    char c;
    (void)unused;
    while (!ready)
        sched_yield();
    read(pipes[0], &c, 1);
    say("not reached");
    return NULL;
}
static void test(const char *name, void *(*function)(void *), int wait, bool feed)
{
    pthread_t t;
    void *r = NULL;
    ready = 0;
    pthread_create(&t, 0, function, 0);
    while (!ready && function != before)
        sched_yield();
    if (wait)
        sleep_ms(wait);
    pthread_cancel(t);
    if (function == before)
        ready = 1;
    if (feed)
        sleep_ms(10), write(pipes[1], "x", 1);
    pthread_join(t, &r);
    say("%s: %s", name, r == PTHREAD_CANCELED ? "cancelled" : "ended on its own");
}
int main(void)
{
    pipe(pipes);
    test("blocked in read", in_read, 20, false);
    test("blocked in read, at once", in_read, 0, false);
    test("blocked in sleep", in_sleep, 10, false);
    test("blocked in pause", in_pause, 10, false);
    test("blocked in a condition", in_condition, 10, false);
    test("computing", computing, 0, false);
    test("disabled", disabled, 10, true);
    test("asynchronous", asynchronous, 10, false);
    test("cancelled before it blocks", before, 0, false);
    for (int i = 0; i < 200; i++) {
        pthread_t t;
        void *r;
        ready = 0;
        pthread_create(&t, 0, in_condition, 0);
        if (i % 2)
            while (!ready)
                sched_yield();
        pthread_cancel(t);
        pthread_join(t, &r);
        if (r != PTHREAD_CANCELED)
            say("round %d not cancelled", i);
    }
    say("lock free again: %d", pthread_mutex_trylock(&lock));
    return 0;
}
