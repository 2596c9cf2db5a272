// Across exec: pending and blocked signals stay, ignored ones stay, an alarm still comes.
// args: first
#include "process.h"
int main(int argc, char **argv)
{
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGRTMIN), sigaddset(&set, SIGALRM);
    if (argc == 3) {
        pid_t sender = atoi(argv[2]);
        for (int i = 0; i < 4; i++) {
            int number = sigtimedwait(&set, &info, &(struct timespec){5, 0});
            say("%s, value %d, sent by the parent %d", number < 0 ? error_name(errno) : number == SIGRTMIN ? "real-time" : signal_name(number),
                info.si_code == SI_QUEUE ? info.si_value.sival_int : 0, number != SIGALRM && info.si_pid == sender);
        }
        struct sigaction a;
        sigaction(SIGUSR2, NULL, &a);
        YES(a.sa_handler == SIG_IGN);
        return 0;
    }
    gate ready = new_gate(), go = new_gate();
    pid_t me = getpid();
    pid_t child = CHILD({
        char text[20];
        snprintf(text, sizeof text, "%d", me);
        sigprocmask(SIG_BLOCK, &set, NULL);
        handle(SIGUSR2, SIG_IGN, 0);
        pass(ready), await(go);
        ualarm(900000, 0); // long enough for a slow execve
        execl("/proc/self/exe", "self", "second", text, NULL);
    });
    await(ready);
    kill(child, SIGUSR1);
    sigqueue(child, SIGRTMIN, (union sigval){.sival_int = 1}), sigqueue(child, SIGRTMIN, (union sigval){.sival_int = 2});
    pass(go);
    reap("child", child);
    return 0;
}
