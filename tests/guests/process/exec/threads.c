// execve in a thread: the other threads end, the pid stays, the first thread's too.
// args: parent
#include "process.h"
#include <dirent.h>
static int pid_fd;
static void *idle(void *unused) { (void)unused; for (;;) pause(); return NULL; }
static void *exec_it(void *path)
{
    char pid[20], *argv[] = {"self", "second", pid, NULL};
    snprintf(pid, 20, "%d", getpid());
    execv(path, argv);
    die("execv");
    return NULL;
}
int main(int argc, char **argv)
{
    (void)pid_fd;
    if (argc == 3) {
        int n = 0;
        DIR *d = opendir("/proc/self/task");
        for (struct dirent *e; d && (e = readdir(d));)
            n += e->d_name[0] != '.';
        say("same pid %d, tid is pid %d, threads %d", getpid() == atoi(argv[2]), gettid() == getpid(), n);
        return 3;
    }
    char path[4096] = {0};
    readlink("/proc/self/exe", path, sizeof path - 1);
    reap("child", CHILD({
        pthread_t t;
        pthread_create(&t, NULL, idle, NULL), pthread_create(&t, NULL, idle, NULL);
        pthread_create(&t, NULL, exec_it, path);
        for (;;)
            pause();
    }));
    return 0;
}
