// exec with little room for the stack, without standard descriptors, with all signals blocked.
#include "process.h"
int main(void)
{
    reap("with little stack", CHILD({
        struct rlimit limit = {1 << 20, 1 << 20};
        setrlimit(RLIMIT_STACK, &limit);
        execl("/bin/echo", "echo", "it runs", NULL);
    }));
    reap("child without standard output", CHILD({
        close(0), close(1), close(2);
        execl("/bin/sh", "sh", "-c", "exit 5", NULL);
    }));
    reap("exec with all signals blocked", CHILD({
        sigset_t set;
        sigfillset(&set), sigprocmask(SIG_BLOCK, &set, NULL);
        execl("/bin/sh", "sh", "-c", "kill -TERM $$; exit 6", NULL);
    }));
    return 0;
}
