// 60 children by posix_spawn, started before the first is waited for.
#include "process.h"
#include <spawn.h>
extern char **environ;
int main(void)
{
    pid_t child[60];
    int sum = 0;
    for (int i = 0; i < 60; i++) {
        char text[20];
        snprintf(text, 20, "exit %d", i);
        char *argv[] = {"sh", "-c", text, NULL};
        if (posix_spawn(&child[i], "/bin/sh", NULL, NULL, argv, environ))
            die("posix_spawn");
    }
    for (int i = 59; i >= 0; i--)
        sum += WEXITSTATUS(status_of(child[i]));
    say("sum %d", sum);
    RET(waitpid(-1, NULL, WNOHANG));
    return 0;
}
