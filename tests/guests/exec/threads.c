// Executing a program ends all other threads; whoever calls becomes the first.
// variants: static musl
// args: first
// args: other
// args: first-gone
// args: race
#include "exec.h"

static char program[PATH_MAX];
static int ends[2];

static void *spin(void *argument)
{
    for (volatile long n = 0;; n++)
        if (argument && n % 1000 == 0)
            sched_yield();
    return NULL;
}
static void *sleeps(void *argument)
{
    (void)argument;
    sleep_ms(100000000);
    return NULL;
}
static void *reads(void *argument)
{
    char byte;
    (void)argument;
    read(ends[0], &byte, 1);
    say("TEST FAILED: woken");
    return NULL;
}
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *locks(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&mutex);
    return NULL;
}
static void *waits(void *argument)
{
    sigset_t set;
    (void)argument;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int number;
    sigwait(&set, &number);
    return NULL;
}

static void run(void)
{
    char pid[32];
    snprintf(pid, sizeof pid, "PID=%d", getpid());
    execve(program, (char *[]){"threads", NULL}, (char *[]){pid, NULL});
    die("execve");
}

static void *runs(void *argument)
{
    sleep_ms(30);
    if (argument)
        pthread_join(*(pthread_t *)argument, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_NAME, "runs");
    run();
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        YES(atoi(getenv("PID")) == getpid());
        YES(syscall(SYS_gettid) == getpid());
        say("%d threads, %s", count_entries("/proc/self/task"), status_of("Threads:"));
        sigset_t set;
        sigprocmask(SIG_BLOCK, NULL, &set);
        YES(sigismember(&set, SIGUSR2));
        // Threads can be made as ever.
        pthread_t thread;
        sigaddset(&set, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        pthread_create(&thread, NULL, waits, NULL);
        pthread_kill(thread, SIGUSR1);
        ERR(pthread_join(thread, NULL));
        int fd = open("/proc/self/comm", O_RDONLY);
        char name[20] = "";
        read(fd, name, 19);
        YES(!strncmp(name, "threads-", 8));
        return 4;
    }
    snprintf(program, sizeof program, "%s", self());
    MUST(pipe(ends));
    pthread_mutex_lock(&mutex);
    void *(*others[])(void *) = {spin, spin, sleeps, reads, locks, waits, spin, reads};
    pthread_t thread, first = pthread_self();
    for (size_t n = 0; n < COUNT(others); n++)
        pthread_create(&thread, NULL, others[n], (void *)(n & 1));
    if (!strcmp(argv[1], "first")) {
        sleep_ms(30);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        run();
    }
    if (!strcmp(argv[1], "race"))
        for (int n = 0; n < 10; n++)
            pthread_create(&thread, NULL, runs, NULL);
    bool gone = !strcmp(argv[1], "first-gone");
    pthread_create(&thread, NULL, runs, gone ? &first : NULL);
    if (gone)
        pthread_exit(NULL);
    for (;;)
        pause();
}
