// siglongjmp out of handlers restores masks; raise inside, handlers across threads keep their own masks.
#include "guest.h"
#include <setjmp.h>
static sigjmp_buf back;
static void jump(int number) { siglongjmp(back, number); }
static __thread int mine;
static volatile int total;
static void count(int number) { (void)number, mine++, __atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST); }
static pthread_barrier_t barrier;
static void *thread(void *argument)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    if ((long)argument % 2)
        pthread_sigmask(SIG_BLOCK, &set, 0);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    sched_yield();
    sigset_t pending;
    sigpending(&pending);
    return (void *)(long)(mine * 10 + sigismember(&pending, SIGUSR2));
}
int main(void)
{
    signal(SIGUSR1, jump);
    volatile int rounds = 0;
    for (volatile int i = 0; i < 1000; i++) {
        if (sigsetjmp(back, 1) == 0)
            raise(SIGUSR1);
        else
            rounds++;
    }
    sigset_t now;
    sigprocmask(SIG_BLOCK, 0, &now);
    say("%d jumps, blocked %d", rounds, sigismember(&now, SIGUSR1));
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
    sigaction(SIGUSR2, &action, 0);
    pthread_t t[6];
    pthread_barrier_init(&barrier, 0, 7);
    for (long i = 0; i < 6; i++)
        pthread_create(&t[i], 0, thread, (void *)i);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 6; i++)
        pthread_kill(t[i], SIGUSR2);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 6; i++) {
        void *result;
        pthread_join(t[i], &result);
        say("thread %d: handled*10 + pending = %ld", i, (long)result);
    }
    say("total %d", total);
    // To the process: a thread that does not block it takes it.
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, 0);
    kill(getpid(), SIGUSR2);
    sigpending(&now);
    say("pending for the process %d", sigismember(&now, SIGUSR2));
    pthread_barrier_init(&barrier, 0, 1);
    pthread_sigmask(SIG_UNBLOCK, &set, 0);
    say("total %d", total);
    return 0;
}
