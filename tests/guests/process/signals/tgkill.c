// tgkill and tkill to threads of another process: that thread takes it; wrong pairs give ESRCH.
#include "process.h"
static volatile int handled_by;
static void handler(int number) { (void)number; handled_by = gettid(); }
static gate ready;
static pid_t *tids;
static void *thread(void *index)
{
    tids[(long)index] = gettid();
    pass(ready);
    while (handled_by != gettid())
        sleep_ms(1);
    say("thread %ld took it itself: %d", (long)index, handled_by == gettid());
    pass(ready);
    return NULL;
}
int main(void)
{
    ready = new_gate();
    tids = shared_page(PAGE);
    pid_t child = CHILD({
        pthread_t t;
        handle(SIGUSR1, handler, 0);
        for (long i = 1; i < 4; i++)
            pthread_create(&t, NULL, thread, (void *)i);
        for (;;)
            pause();
    });
    await(ready), await(ready), await(ready);
    for (int i = 3; i > 0; i--) {
        long result = syscall(SYS_tgkill, child, tids[i], SIGUSR1);
        await(ready);
        say("%ld", result);
    }
    RET(syscall(SYS_tgkill, getpid(), child, 0));
    RET(syscall(SYS_tgkill, child, getpid(), 0));
    RET(syscall(SYS_tgkill, child, 0, 0));
    RET(syscall(SYS_tgkill, -1, child, 0));
    RET(syscall(SYS_tkill, child, 0));
    RET(syscall(SYS_tkill, 99999, 0));
    RET(syscall(SYS_tkill, child, SIGTERM));
    reap("child", child);
    return 0;
}
