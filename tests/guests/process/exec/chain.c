// A hundred execs in a row in one process, each with one argument less.
// args: 100
#include "process.h"
int main(int argc, char **argv)
{
    (void)argc;
    static char text[20];
    int n = atoi(argv[1]);
    if (n == 100)
        reap("chain", CHILD({
            snprintf(text, 20, "%d:%d", 99, getpid());
            execl("/proc/self/exe", "self", text, NULL);
        }));
    else if (n == 0) {
        say("same pid at the end: %d", atoi(strchr(argv[1], ':') + 1) == getpid());
        return 9;
    } else {
        snprintf(text, 20, "%d:%s", n - 1, strchr(argv[1], ':') + 1);
        execl("/proc/self/exe", "self", text, NULL);
        die("execl");
    }
    return 0;
}
