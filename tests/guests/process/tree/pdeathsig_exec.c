// The parent-death signal stays through exec, and goes when a set-user-id program is run or ids change.
// args: first
#include "process.h"
int main(int argc, char **argv)
{
    int number = -1;
    (void)argc;
    if (strcmp(argv[1], "first")) {
        prctl(PR_GET_PDEATHSIG, &number);
        say("%s: %s", argv[1], number ? signal_name(number) : "none");
        return 0;
    }
    reap("exec", CHILD({
        prctl(PR_SET_PDEATHSIG, SIGUSR1);
        execl("/proc/self/exe", "self", "after exec", NULL);
    }));
    reap("ids", CHILD({
        prctl(PR_SET_PDEATHSIG, SIGUSR1);
        setresuid(5, 5, 5);
        prctl(PR_GET_PDEATHSIG, &number);
        say("after setresuid: %s", number ? signal_name(number) : "none");
    }));
    return 0;
}
