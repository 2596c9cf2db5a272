// Threads: results, detached ones, exit of the main thread, 200 at once, stack attributes.
// variants: static static-pie pie musl
#include "guest.h"
#include <sys/prctl.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long sum;
static void *work(void *argument)
{
    pthread_mutex_lock(&lock);
    sum += (long)argument;
    pthread_mutex_unlock(&lock);
    return (void *)((long)argument * 2);
}
static volatile int detached_ran;
static void *detached(void *unused) { (void)unused, detached_ran = 1; return NULL; }
static void *leave(void *argument) { pthread_exit(argument); }
static void *identity(void *out)
{
    *(pid_t *)out = (pid_t)syscall(SYS_gettid);
    YES(getpid() != *(pid_t *)out);
    YES(kill(getpid(), 0) == 0 && syscall(SYS_tgkill, getpid(), *(pid_t *)out, 0) == 0);
    prctl(PR_SET_NAME, "a-name-that-is-too-long");
    char name[17] = {0};
    prctl(PR_GET_NAME, name);
    say("name %s", name);
    return NULL;
}
static void *last(void *main_thread)
{
    pthread_join(*(pthread_t *)main_thread, 0);
    say("main thread joined");
    exit(17);
}
int main(void)
{
    static pthread_t t[200];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    long results = 0;
    for (long i = 0; i < 200; i++)
        if (pthread_create(&t[i], &small, work, (void *)i))
            say("create failed");
    for (int i = 0; i < 200; i++) {
        void *r;
        pthread_join(t[i], &r);
        results += (long)r;
    }
    say("sum %ld results %ld", sum, results);
    void *r;
    pthread_create(&t[0], 0, leave, (void *)5);
    pthread_join(t[0], &r);
    say("pthread_exit %ld", (long)r);
    pid_t tid;
    pthread_create(&t[0], 0, identity, &tid);
    pthread_join(t[0], 0);
    YES(syscall(SYS_tgkill, getpid(), tid, 0) == -1 && errno == ESRCH);
    YES(syscall(SYS_gettid) == getpid());
    pthread_create(&t[0], 0, detached, 0);
    pthread_detach(t[0]);
    while (!detached_ran)
        sched_yield();
    for (int round = 0; round < 500; round++) {
        pthread_create(&t[0], &small, work, 0);
        pthread_join(t[0], 0);
    }
    say("500 one after another");
    static pthread_t self;
    self = pthread_self();
    pthread_create(&t[0], 0, last, &self);
    pthread_exit(0);
}
