// SIGCHLD ignored stays so through exec: the new program's children leave no zombies.
// args: first
#include "process.h"
int main(int argc, char **argv)
{
    (void)argc;
    if (!strcmp(argv[1], "second")) {
        pid_t child = CHILD(_exit(1));
        RET(waitpid(child, NULL, 0) == child);
        return 0;
    }
    handle(SIGCHLD, SIG_IGN, 0);
    pid_t child = CHILD(execl("/proc/self/exe", "self", "second", NULL));
    RET(waitpid(child, NULL, 0));
    handle(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
    child = CHILD(execl("/proc/self/exe", "self", "second", NULL));
    RET(waitpid(child, NULL, 0));
    return 0;
}
