// CLONE_CLEAR_SIGHAND: handlers become default, what is ignored stays so.
#include "process.h"
static void handler(int number) { (void)number; }
int main(void)
{
    uint64_t args[11] = {0x100000000ull, 0, 0, 0, SIGCHLD};
    handle(SIGUSR1, handler, 0), handle(SIGUSR2, SIG_IGN, 0);
    long pid = syscall(SYS_clone3, args, 88);
    if (pid < 0)
        die("clone3");
    if (pid == 0) {
        struct sigaction one, two;
        sigaction(SIGUSR1, NULL, &one), sigaction(SIGUSR2, NULL, &two);
        say("%d %d", one.sa_handler == SIG_DFL, two.sa_handler == SIG_IGN);
        _exit(0);
    }
    reap("child", pid);
    return 0;
}
