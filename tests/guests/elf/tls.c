// Thread-local storage: initial values, alignment, a fresh copy per thread.
// variants: static static-pie pie nonpie musl musl-pie
#include "guest.h"
static __thread int counter = 41;
static __thread char zero[3000];
static __thread struct {
    char bytes[64];
} __attribute__((aligned(64))) aligned = {{1, 2, 3}};
static __thread long double wide = 1.5L;
static void *work(void *argument)
{
    int index = (int)(long)argument;
    bool clean = counter == 41 && aligned.bytes[2] == 3 && wide == 1.5L;
    for (size_t i = 0; i < sizeof zero; i++)
        clean &= !zero[i];
    for (int i = 0; i < 1000; i++) {
        counter += index;
        zero[i] = (char)index;
        wide += index;
        if (i % 100 == 0)
            sched_yield();
    }
    bool mine = counter == 41 + 1000 * index && wide == 1.5L + 1000.0L * index;
    return (void *)(long)(clean && mine && (uintptr_t)&aligned % 64 == 0);
}
int main(void)
{
    pthread_t thread[8];
    say("main: %d %d, aligned %s", counter, aligned.bytes[1], (uintptr_t)&aligned % 64 ? "no" : "yes");
    counter = -1;
    for (long i = 0; i < 8; i++)
        pthread_create(&thread[i], 0, work, (void *)i);
    for (int i = 0; i < 8; i++) {
        void *result;
        pthread_join(thread[i], &result);
        say("thread %d: %s", i, result ? "right" : "wrong");
    }
    say("main after: %d", counter);
    return 0;
}
