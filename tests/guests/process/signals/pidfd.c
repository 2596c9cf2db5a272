// pidfd_open, pidfd_send_signal, poll on the descriptor, waitid, inheritance, errors.
#include "process.h"
static volatile int value;
static void handler(int number, siginfo_t *info, void *context) { (void)number, (void)context; value = info->si_code == SI_USER ? 100 : info->si_value.sival_int; }
int main(void)
{
    gate ready = new_gate();
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    pid_t child = CHILD({
        sigaction(SIGUSR1, &action, NULL);
        pass(ready);
        for (;;) {
            while (!value)
                sleep_ms(1);
            say("child got %d", value);
            value = 0;
            pass(ready);
        }
    });
    await(ready);
    int fd = OK(syscall(SYS_pidfd_open, child, 0));
    say("close on exec %d", fcntl(fd, F_GETFD));
    MUST(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
    await(ready);
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE, .si_value.sival_int = 7};
    MUST(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0));
    await(ready);
    RET(syscall(SYS_pidfd_send_signal, fd, SIGUSR2, &info, 0));
    RET(syscall(SYS_pidfd_send_signal, fd, 65, NULL, 0));
    RET(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0x100));
    RET(syscall(SYS_pidfd_send_signal, 1, 0, NULL, 0));
    RET(syscall(SYS_pidfd_send_signal, 99, 0, NULL, 0));
    RET(syscall(SYS_pidfd_open, 99999, 0));
    RET(syscall(SYS_pidfd_open, 0, 0));
    RET(syscall(SYS_pidfd_open, -1, 0));
    RET(syscall(SYS_pidfd_open, child, 0x10000));
    struct pollfd p = {fd, POLLIN, 0};
    RET(poll(&p, 1, 0));
    reap("killer with the inherited descriptor", CHILD(RET(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0))));
    RET(poll(&p, 1, 5000));
    say("revents %x", p.revents);
    RET(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    RET(read(fd, &info, 10));
    memset(&info, 0, sizeof info);
    RET(waitid(P_PIDFD, fd, &info, WEXITED));
    say("status %d, pid right %d", info.si_status, info.si_pid == child);
    RET(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    close(fd);
    return 0;
}
