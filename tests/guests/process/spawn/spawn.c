// posix_spawn and posix_spawnp: status, arguments, environment, PATH, and errors.
// variants: static pie musl
#include "process.h"
#include <spawn.h>
extern char **environ;
int main(void)
{
    pid_t child;
    char *argv[] = {"sh", "-c", "echo \"$0 $1 $COLOUR\"; exit 3", "zero", "one", NULL}, *env[] = {"COLOUR=red", NULL};
    int error = posix_spawn(&child, "/bin/sh", NULL, NULL, argv, env);
    reap("sh", child);
    say("%d", error);
    char *list[] = {"true", NULL};
    ERR(posix_spawnp(&child, "true", NULL, NULL, list, environ));
    reap("true", child);
    ERR(posix_spawn(&child, "true", NULL, NULL, list, environ));
    ERR(posix_spawn(&child, "/nonexistent", NULL, NULL, list, environ));
    ERR(posix_spawnp(&child, "nonexistent", NULL, NULL, list, environ));
    ERR(posix_spawn(&child, "/", NULL, NULL, list, environ));
    put_file("text", "echo from a script without a line for its interpreter\n", 54);
    ERR(posix_spawn(&child, "text", NULL, NULL, list, environ));
    chmod("text", 0755);
    ERR(posix_spawn(&child, "./text", NULL, NULL, list, environ));
    RET(waitpid(-1, NULL, 0));
    return 0;
}
