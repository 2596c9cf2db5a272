// posix_spawn's file actions: open, close, dup2, chdir, fchdir, in order; a failing one gives its error.
#include "process.h"
#include <spawn.h>
extern char **environ;
#define SPAWN(...)                                                                             \
    ({                                                                                         \
        int error = posix_spawn(__VA_ARGS__);                                                  \
        int status = error ? 0 : status_of(child);                                             \
        say("%s", error ? error_name(error) : status_name(status));                            \
    })
static char *argv[] = {"sh", "-c", "read a; echo \"$a\"; echo err >&2; pwd | sed 's,.*/,,'; test -e /proc/self/fd/9 && echo 9; exit 0", NULL};
int main(void)
{
    pid_t child;
    posix_spawn_file_actions_t acts;
    mkdir("d", 0755);
    put_file("in", "line\n", 5);
    posix_spawn_file_actions_init(&acts);
    ERR(posix_spawn_file_actions_addopen(&acts, 0, "in", O_RDONLY, 0));
    ERR(posix_spawn_file_actions_addopen(&acts, 1, "out", O_WRONLY | O_CREAT | O_APPEND, 0600));
    ERR(posix_spawn_file_actions_adddup2(&acts, 1, 2));
    ERR(posix_spawn_file_actions_addchdir_np(&acts, "d"));
    SPAWN(&child, "/bin/sh", &acts, NULL, argv, environ);
    int out = open("out", O_RDONLY | O_CLOEXEC), dir = open("d", O_RDONLY | O_CLOEXEC);
    char b[200] = {0};
    read(out, b, 199);
    say("%s", b);
    posix_spawn_file_actions_destroy(&acts);
    posix_spawn_file_actions_init(&acts);
    posix_spawn_file_actions_addopen(&acts, 0, "in", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&acts, 1, 9);
    posix_spawn_file_actions_addclose(&acts, 2);
    posix_spawn_file_actions_addfchdir_np(&acts, dir);
    SPAWN(&child, "/bin/sh", &acts, NULL, argv, environ);
    posix_spawn_file_actions_init(&acts);
    posix_spawn_file_actions_adddup2(&acts, dir, dir);
    SPAWN(&child, "/bin/true", &acts, NULL, argv, environ);
    posix_spawn_file_actions_init(&acts);
    posix_spawn_file_actions_addopen(&acts, 5, "missing", O_RDONLY, 0);
    SPAWN(&child, "/bin/true", &acts, NULL, argv, environ);
    posix_spawn_file_actions_init(&acts);
    posix_spawn_file_actions_adddup2(&acts, 77, 5);
    SPAWN(&child, "/bin/true", &acts, NULL, argv, environ);
    posix_spawn_file_actions_init(&acts);
    posix_spawn_file_actions_addchdir_np(&acts, "missing");
    SPAWN(&child, "/bin/true", &acts, NULL, argv, environ);
    posix_spawn_file_actions_init(&acts);
    posix_spawn_file_actions_addclose(&acts, 77);
    SPAWN(&child, "/bin/true", &acts, NULL, argv, environ);
    posix_spawn_file_actions_init(&acts);
    posix_spawn_file_actions_addclosefrom_np(&acts, 3);
    char *list[] = {"sh", "-c", "ls /proc/self/fd | wc -l", NULL};
    SPAWN(&child, "/bin/sh", &acts, NULL, list, environ);
    ERR(posix_spawn_file_actions_addopen(&acts, -1, "x", 0, 0));
    RET(waitpid(-1, NULL, 0));
    return 0;
}
