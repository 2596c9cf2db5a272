// Exit statuses: of exit, _exit, exit_group and return, cut to eight bits; of every deadly signal.
// variants: static musl
#include "process.h"
int main(void)
{
    int codes[] = {0, 1, 127, 128, 255, 256, 257, -1, 0x12345};
    for (size_t i = 0; i < COUNT(codes); i++)
        say("exit(%d): %s", codes[i], status_name(status_of(CHILD(exit(codes[i])))));
    reap("exit_group", CHILD(syscall(SYS_exit_group, 300)));
    reap("exit of the only thread", CHILD(syscall(SYS_exit, 301)));
    for (int number = 1; number < 32; number++) {
        if (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)
            continue;
        int status = status_of(CHILD(raise(number)));
        say("%s: %s%s", signal_name(number), status_name(status), WIFSIGNALED(status) && WCOREDUMP(status) ? " with core" : "");
    }
    reap("signal 34", CHILD(kill(getpid(), 34)));
    reap("signal 64", CHILD(kill(getpid(), 64)));
    reap("abort", CHILD(abort()));
    return 0;
}
