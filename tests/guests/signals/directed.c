// Signals to the process: a thread that waits for it or does not block it takes it, each one once.
#include "guest.h"
static volatile int handled, waited;
static __thread int mine;
static void handler(int number) { (void)number, mine++, __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST); }
static volatile int stop;
static void *waiter(void *unused)
{
    sigset_t set;
    siginfo_t info;
    (void)unused;
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGUSR2);
    while (!stop)
        if (sigtimedwait(&set, &info, &(struct timespec){0, 5000000}) == SIGUSR1)
            __atomic_add_fetch(&waited, 1, __ATOMIC_SEQ_CST);
    return NULL;
}
static void *reader(void *fd)
{
    sigset_t set;
    char c;
    sigemptyset(&set), sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_UNBLOCK, &set, 0);
    long interrupted = 0;
    while (read((int)(long)fd, &c, 1) == -1 && errno == EINTR)
        interrupted++;
    return (void *)interrupted;
}
int main(void)
{
    int pipes[2];
    pthread_t t[4];
    sigset_t set;
    pipe(pipes);
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, 0);
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR2, &action, 0);
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], 0, waiter, 0);
    for (int i = 0; i < 50; i++) {
        int before = waited;
        kill(getpid(), SIGUSR1);
        for (int k = 0; k < 1000 && waited == before; k++)
            sleep_ms(1);
    }
    say("waited for %d", waited);
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], 0);
    pthread_create(&t[3], 0, reader, (void *)(long)pipes[0]);
    sleep_ms(10);
    for (int i = 0; i < 20; i++) {
        int before = handled;
        kill(getpid(), SIGUSR2);
        for (int k = 0; k < 1000 && handled == before; k++)
            sleep_ms(1);
    }
    sleep_ms(5);
    write(pipes[1], "x", 1);
    void *r;
    pthread_join(t[3], &r);
    say("handled %d, in the main thread %d, read interrupted: %s", handled, mine, (long)r > 0 ? "yes" : "no");
    return 0;
}
