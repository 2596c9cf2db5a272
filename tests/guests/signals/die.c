// Death by each signal whose default action is to end the process: the status says which.
// args: SIGHUP
// args: SIGINT
// args: SIGQUIT
// args: SIGILL
// args: SIGTRAP
// args: SIGABRT
// args: SIGBUS
// args: SIGFPE
// args: SIGKILL
// args: SIGUSR1
// args: SIGSEGV
// args: SIGUSR2
// args: SIGPIPE
// args: SIGALRM
// args: SIGTERM
// args: SIGSTKFLT
// args: SIGXCPU
// args: SIGXFSZ
// args: SIGVTALRM
// args: SIGPROF
// args: SIGIO
// args: SIGPWR
// args: SIGSYS
// args: rt
#include "guest.h"
int main(int argc, char **argv)
{
    int number = 0;
    for (int n = 1; argc > 1 && n < 32; n++)
        if (!strcmp(signal_name(n), argv[1]))
            number = n;
    if (argc > 1 && !strcmp(argv[1], "rt"))
        number = 50;
    say("killing myself by %s", signal_name(number));
    kill(getpid(), number);
    say("alive");
    return 0;
}
