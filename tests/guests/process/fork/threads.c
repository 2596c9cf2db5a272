// fork in a thread: only the caller lives on in the child; it may start new threads and join them.
// variants: static musl
#include "process.h"
#include <dirent.h>
static gate stop;
static volatile int ticks;
static void *idle(void *unused) { (void)unused; await(stop); return NULL; }
static void *busy(void *unused)
{
    (void)unused;
    for (;;)
        ticks++;
    return NULL;
}
static int tasks(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}
static void *add(void *p) { ++*(int *)p; return p; }
static void *forker(void *unused)
{
    (void)unused;
    pid_t child = fork();
    if (!child) {
        YES(gettid() == getpid());
        say("threads in the child: %d", tasks());
        int before = ticks, sum = 0;
        sleep_ms(10);
        YES(ticks == before);
        pthread_t t;
        for (int i = 0; i < 3; i++)
            pthread_create(&t, NULL, add, &sum), pthread_join(t, NULL);
        say("sum %d", sum);
        _exit(4);
    }
    reap("child", child);
    return NULL;
}
int main(void)
{
    stop = new_gate();
    pthread_t t[4];
    pthread_create(&t[0], NULL, idle, NULL), pthread_create(&t[1], NULL, idle, NULL), pthread_create(&t[2], NULL, busy, NULL);
    pthread_create(&t[3], NULL, forker, NULL);
    pthread_join(t[3], NULL);
    say("threads in the parent: %d", tasks());
    return 0;
}
