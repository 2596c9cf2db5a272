// What a vfork child has of its own: descriptors, dispositions, mask, working directory; its signals are not the parent's.
#include "process.h"
static void handler(int number) { (void)number; }
int main(void)
{
    mkdir("d", 0755);
    put_file("f", "abc", 3);
    int fd = open("f", O_RDONLY);
    handle(SIGUSR1, handler, 0);
    volatile int opened = -1;
    pid_t child = vfork();
    if (child == 0) {
        close(fd);
        opened = open("/dev/null", O_RDONLY);
        chdir("d");
        umask(077);
        handle(SIGUSR1, SIG_IGN, 0);
        sigset_t set;
        sigfillset(&set);
        sigprocmask(SIG_BLOCK, &set, NULL);
        raise(SIGTERM);
        _exit(2);
    }
    char path[4096];
    struct sigaction a;
    sigset_t mask, pending;
    say("fd open: %d, the child's: %d", fcntl(fd, F_GETFD), opened == fd);
    say("in d: %d", !strcmp(strrchr(getcwd(path, sizeof path), '/'), "/d"));
    say("umask %03o", umask(022));
    sigaction(SIGUSR1, NULL, &a);
    YES(a.sa_handler == handler);
    sigprocmask(0, NULL, &mask), sigpending(&pending);
    say("blocked %d, pending %d", sigismember(&mask, SIGTERM), sigismember(&pending, SIGTERM));
    reap("child", child);
    return 0;
}
