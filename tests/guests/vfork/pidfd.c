// Descriptors of processes: pidfd_open(2), CLONE_PIDFD, polling, waiting, signals.
// flags: -Wno-clobbered
// allow: poll 1, revents 1 => poll 1, revents 11 : before Linux 6.9 a pidfd of a process that has been waited for tells no hang-up
#include "child.h"
#include <poll.h>
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static char stack[65536] __attribute__((aligned(16)));
static volatile int go, got;

static void handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    got = info->si_code == SI_USER ? 100 : info->si_value.sival_int;
}

static int run(void *argument)
{
    (void)argument;
    while (!go)
        syscall(SYS_sched_yield);
    syscall(SYS_exit_group, 12);
    return 0;
}

static int open_pidfd(pid_t pid, unsigned flags) { return syscall(SYS_pidfd_open, pid, flags); }
static int send(int fd, int number, siginfo_t *info, unsigned flags)
{
    return syscall(SYS_pidfd_send_signal, fd, number, info, flags);
}

static void show(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    int ready = poll(&p, 1, 0);
    say("poll %d, revents %x", ready, p.revents);
}

int main(void)
{
    struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD, .exit_signal = SIGCHLD};
    int fd = -1;
    args.pidfd = (uintptr_t)&fd;
    pid_t child = clone3_here(&args, sizeof args);
    if (child == 0)
        _exit(fcntl(fd, F_GETFD) == -1 ? 5 : 6);
    YES(fd > 2);
    say("flags %d", fcntl(fd, F_GETFD));
    RET(poll(&(struct pollfd){fd, POLLIN, 0}, 1, 5000));
    show(fd);
    siginfo_t info = {0};
    RET(waitid(P_PIDFD, fd, &info, WEXITED));
    YES(info.si_pid == child);
    say("status %d", info.si_status);
    show(fd);
    RET(waitid(P_PIDFD, fd, &info, WEXITED));
    RET(send(fd, 0, NULL, 0));
    RET(open_pidfd(child, 0));
    char path[64], name[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readlink(path, name, sizeof name - 1);
    say("%s", name);
    char byte;
    RET(read(fd, &byte, 1));
    RET(write(fd, "x", 1));
    close(fd);
    args.pidfd = 8;
    child = clone3_here(&args, sizeof args);
    if (child == 0)
        _exit(1);
    say("bad address: %s", child < 0 ? error_name(errno) : "ok");
    RET(wait(NULL));

    // A child that goes on beside its parent.
    child = MUST(clone(run, stack + sizeof stack, CLONE_VM | CLONE_PIDFD | SIGCHLD, NULL, &fd));
    show(fd);
    RET(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG));
    int second = open_pidfd(child, O_NONBLOCK);
    RET(waitid(P_PIDFD, second, &info, WEXITED));
    int copy = syscall(SYS_pidfd_getfd, fd, 1, 0);
    YES(copy > 2);
    close(copy);
    RET(syscall(SYS_pidfd_getfd, fd, 99, 0));
    RET(syscall(SYS_pidfd_getfd, 1, 1, 0));
    go = 1;
    struct pollfd p = {fd, POLLIN, 0};
    RET(poll(&p, 1, 5000));
    say("revents %x", p.revents);
    RET(send(fd, SIGKILL, NULL, 0));
    RET(waitid(P_PIDFD, second, &info, WEXITED));
    say("status %d", info.si_status);
    go = 0;
    child = MUST(clone(run, stack + sizeof stack, CLONE_VM | CLONE_PIDFD | SIGCHLD, NULL, &fd));
    RET(send(fd, SIGTERM, NULL, 0));
    reap("child", child);

    // Itself.
    int own = open_pidfd(getpid(), 0);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    RET(send(own, SIGUSR1, NULL, 0));
    say("got %d", got);
    info = (siginfo_t){.si_signo = SIGUSR1, .si_code = SI_QUEUE, .si_value.sival_int = 7};
    RET(send(own, SIGUSR1, &info, 0));
    say("got %d", got);
    RET(send(own, SIGUSR2, &info, 0));
    RET(send(own, 65, NULL, 0));
    RET(send(own, 0, NULL, 0x100));
    RET(send(1, 0, NULL, 0));
    RET(send(99, 0, NULL, 0));
    RET(open_pidfd(0, 0));
    RET(open_pidfd(-1, 0));
    RET(open_pidfd(getpid(), 0x10000));
    RET(waitid(P_PIDFD, 1, &info, WEXITED));
    RET(waitid(P_PIDFD, 99, &info, WEXITED));
    RET(waitid(P_PIDFD, -1, &info, WEXITED));
    RET(waitid(P_PIDFD, own, &info, WEXITED));
    return 0;
}
