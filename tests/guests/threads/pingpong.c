// Two threads wake each other in turn, by futex, pipe, eventfd and condition variable, thousands of times.
// variants: static musl
#include "guest.h"
#include <linux/futex.h>
#include <sys/eventfd.h>
#define N 3000
static int turn, pipes[2][2], events[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int state;
static void futex_side(int me)
{
    for (int i = 0; i < N; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) != me)
            syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1 - me, 0);
        __atomic_store_n(&turn, 1 - me, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
    }
}
static long pipe_side(int me)
{
    long sum = 0;
    for (int i = 0; i < N; i++) {
        int v = i;
        if (me == 0)
            write(pipes[0][1], &v, sizeof v), read(pipes[1][0], &v, sizeof v);
        else
            read(pipes[0][0], &v, sizeof v), v *= 2, write(pipes[1][1], &v, sizeof v);
        sum += v;
    }
    return sum;
}
static void event_side(int me)
{
    uint64_t v = 1;
    for (int i = 0; i < N; i++) {
        if (me == 0)
            write(events[0], &v, 8), read(events[1], &v, 8);
        else
            read(events[0], &v, 8), write(events[1], &v, 8);
    }
}
static void condition_side(int me)
{
    for (int i = 0; i < N; i++) {
        pthread_mutex_lock(&lock);
        while (state != me)
            pthread_cond_wait(&condition, &lock);
        state = 1 - me;
        pthread_cond_signal(&condition);
        pthread_mutex_unlock(&lock);
    }
}
static void *other(void *unused)
{
    (void)unused;
    futex_side(1);
    pipe_side(1);
    event_side(1);
    condition_side(1);
    return NULL;
}
int main(void)
{
    pthread_t t;
    pipe(pipes[0]), pipe(pipes[1]);
    events[0] = eventfd(0, 0), events[1] = eventfd(0, 0);
    pthread_create(&t, 0, other, 0);
    futex_side(0);
    say("futex");
    say("pipe %ld", pipe_side(0));
    event_side(0);
    say("eventfd");
    condition_side(0);
    say("condition");
    pthread_join(t, 0);
    return 0;
}
