// What a child has of its own although it shares its parent's memory.
// variants: static pie
// users: root nobody
// flags: -Wno-clobbered -Wno-misleading-indentation
#include "child.h"
#include <sys/time.h>

static void handler(int number) { (void)number; }
static volatile int seen[16];

int main(void)
{
    mkdir("d", 0755);
    put_file("f", "abcdef", 6);
    int fd = MUST(open("f", O_RDONLY)), other = MUST(open("f", O_RDONLY));
    prctl(PR_SET_NAME, "before");
    signal(SIGUSR1, handler);
    alarm(1000);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGHUP);
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    uid_t uid = getuid();
    pid_t session = getsid(0), group = getpgrp();
    pid_t child = VFORK(
        {
            char byte;
            // The description is the parent's, the descriptor is not.
            read(fd, &byte, 1);
            close(other);
            open("/dev/null", O_RDONLY);
            open("/dev/null", O_RDONLY);
            chdir("d");
            umask(0);
            signal(SIGUSR1, SIG_IGN);
            signal(SIGTERM, SIG_IGN);
            struct itimerval timer;
            getitimer(ITIMER_REAL, &timer);
            seen[0] = timer.it_value.tv_sec;
            alarm(2000);
            int number = -1;
            prctl(PR_GET_PDEATHSIG, &number);
            seen[1] = number;
            prctl(PR_GET_CHILD_SUBREAPER, &number);
            seen[2] = number;
            sigset_t pending;
            sigpending(&pending);
            seen[3] = sigismember(&pending, SIGHUP);
            sigset_t mask;
            sigprocmask(SIG_BLOCK, NULL, &mask);
            seen[4] = sigismember(&mask, SIGHUP);
            sigfillset(&mask);
            sigprocmask(SIG_BLOCK, &mask, NULL);
            kill(getpid(), SIGTERM);
            kill(getpid(), SIGQUIT);
            stack_t present;
            sigaltstack(NULL, &present);
            seen[5] = present.ss_sp == stack;
            prctl(PR_SET_NAME, "child");
            struct rlimit limit = {50, 60};
            setrlimit(RLIMIT_NOFILE, &limit);
            syscall(SYS_setresuid, 1234, 1234, 1234);
            seen[6] = getuid();
            seen[7] = getpgrp() == group && getsid(0) == session;
            setpgid(0, 0);
            seen[8] = getpgrp() == getpid();
            seen[9] = setsid() == -1 ? errno : 0;
            seen[10] = syscall(SYS_gettid) == getpid();
            nice(5);
        });
    for (int n = 0; n < 11; n++)
        say("child saw %d: %d", n, seen[n]);
    say("offset %ld, other %d", (long)lseek(fd, 0, SEEK_CUR), fcntl(other, F_GETFD));
    say("next descriptor %d", dup(0));
    char path[PATH_MAX];
    YES(strcmp(strrchr(getcwd(path, sizeof path), '/'), "/d"));
    say("umask %o", umask(0));
    struct sigaction action;
    sigaction(SIGUSR1, NULL, &action);
    YES(action.sa_handler == handler);
    sigaction(SIGTERM, NULL, &action);
    YES(action.sa_handler == SIG_DFL);
    unsigned left = alarm(0);
    YES(left > 990 && left <= 1000);
    sigprocmask(SIG_BLOCK, NULL, &set);
    say("blocked: HUP %d QUIT %d", sigismember(&set, SIGHUP), sigismember(&set, SIGQUIT));
    sigpending(&set);
    say("pending: HUP %d QUIT %d TERM %d", sigismember(&set, SIGHUP), sigismember(&set, SIGQUIT),
        sigismember(&set, SIGTERM));
    prctl(PR_GET_NAME, path);
    say("name %s", path);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    say("descriptors %ld", (long)limit.rlim_cur);
    YES(getuid() == uid && getpgrp() == group && getsid(0) == session);
    say("nice %d", getpriority(PRIO_PROCESS, 0));
    // Its group is gone with it, once it has been waited for.
    YES(getpgid(child) == child);
    reap("child", child);
    RET(getpgid(child));

    child = VFORK({
        seen[0] = setsid() == getpid();
        seen[1] = getsid(0) == getpid() && getpgrp() == getpid();
        seen[2] = setpgid(0, 0) == -1 ? errno : 0;
    });
    say("session %d %d, %s", seen[0], seen[1], error_name(seen[2]));
    RET(setpgid(child, 0));
    reap("child", child);
    RET(setpgid(child, 0));
    return 0;
}
