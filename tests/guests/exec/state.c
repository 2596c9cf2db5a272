// What of a process stays when it executes another program, and what goes.
// variants: static musl pie musl-pie
// users: root nobody
#include "exec.h"
#include <sys/resource.h>
#include <sys/time.h>

static void handler(int number) { (void)number; }

static void after(void)
{
    struct sigaction action;
    for (int n = 1; n < 32; n++) {
        sigaction(n, NULL, &action);
        if (action.sa_handler != SIG_DFL || action.sa_flags)
            say("%s: %s, flags %x", signal_name(n), action.sa_handler == SIG_IGN ? "ignored" : "handled",
                action.sa_flags & ~0x04000000);
    }
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    for (int n = 1; n < 65; n++)
        if (sigismember(&set, n) == 1)
            say("blocked: %d", n);
    sigpending(&set);
    for (int n = 1; n < 65; n++)
        if (sigismember(&set, n) == 1)
            say("pending: %d", n);
    stack_t stack;
    MUST(sigaltstack(NULL, &stack));
    say("alternate stack: flags %d size %zu", stack.ss_flags, stack.ss_size);
    struct itimerval interval;
    MUST(getitimer(ITIMER_REAL, &interval));
    say("interval timer: %s, every %ld s", interval.it_value.tv_sec > 0 ? "runs" : "off", interval.it_interval.tv_sec);
    struct itimerspec timer;
    RET(syscall(SYS_timer_gettime, 0, &timer));
    for (int fd = 0; fd < 20; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            say("descriptor %d: flags %d", fd, fcntl(fd, F_GETFD));
    say("offset %ld", (long)lseek(5, 0, SEEK_CUR));
    char name[64] = "";
    getcwd(name, sizeof name);
    YES(!strcmp(last_part(name), "below"));
    mode_t mask = umask(0);
    say("umask %o", mask);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    say("RLIMIT_NOFILE %ld", (long)limit.rlim_cur);
    prctl(PR_GET_NAME, name);
    say("name %.15s", name);
    say("dumpable %d", prctl(PR_GET_DUMPABLE));
    int number = -1;
    prctl(PR_GET_PDEATHSIG, &number);
    say("parent death signal %d", number);
    prctl(PR_GET_CHILD_SUBREAPER, &number);
    say("subreaper %d", number);
    say("keep capabilities %d, no new privileges %d", prctl(PR_GET_KEEPCAPS), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    say("nice %d", getpriority(PRIO_PROCESS, 0));
    say("locked %s", status_of("VmLck:"));
    say("ids %d %d %d %d", getuid(), geteuid(), getgid(), getegid());
    say("secure %lu", getauxval(AT_SECURE));
    say("timer slack %d", prctl(PR_GET_TIMERSLACK));
    YES(getenv("PID") && atoi(getenv("PID")) == getpid());
    YES(syscall(SYS_gettid) == getpid());
    unsigned control;
    __asm__("stmxcsr %0" : "=m"(control));
    say("mxcsr %x", control);
    unsigned short word;
    __asm__("fnstcw %0" : "=m"(word));
    say("x87 control %x", word);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "after")) {
        after();
        return 7;
    }
    char program[PATH_MAX];
    snprintf(program, sizeof program, "%s", self());
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGTERM, handler);
    struct sigaction action = {.sa_handler = SIG_IGN, .sa_flags = SA_RESTART | SA_NODEFER};
    sigaction(SIGHUP, &action, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGALRM);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    raise(SIGINT);
    sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 5});
    static char alternate[65536];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    MUST(sigaltstack(&stack, NULL));
    struct itimerval interval = {.it_value.tv_sec = 1000, .it_interval.tv_sec = 77};
    setitimer(ITIMER_REAL, &interval, NULL);
    // A timer whose signal waits: it goes with the timer.
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec soon = {.it_value.tv_nsec = 1};
    timer_settime(timer, 0, &soon, NULL);
    sleep_ms(20);
    for (int fd = 3; fd < 20; fd++)
        close(fd);
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    MUST(dup2(fd, 5));
    MUST(dup3(fd, 6, O_CLOEXEC));
    MUST(dup2(fd, 7));
    fcntl(7, F_SETFD, FD_CLOEXEC);
    write(fd, "12345", 5);
    int ends[2];
    MUST(pipe2(ends, O_CLOEXEC));
    mkdir("below", 0700);
    chdir("below");
    umask(027);
    struct rlimit limit = {321, 400};
    setrlimit(RLIMIT_NOFILE, &limit);
    prctl(PR_SET_NAME, "another name");
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, SIGWINCH);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_KEEPCAPS, 1);
    prctl(PR_SET_TIMERSLACK, 12345);
    setpriority(PRIO_PROCESS, 0, 3);
    mlockall(MCL_CURRENT | MCL_FUTURE);
    munlockall();
    mlock(alternate, 4096);
    unsigned control = 0x7f80;
    __asm__("ldmxcsr %0" : : "m"(control));
    unsigned short word = 0x27f;
    __asm__("fldcw %0" : : "m"(word));
    char pid[32];
    snprintf(pid, sizeof pid, "PID=%d", getpid());
    char *environment[] = {pid, NULL};
    execve(program, (char *[]){"state", "after", NULL}, environment);
    die("execve");
}
