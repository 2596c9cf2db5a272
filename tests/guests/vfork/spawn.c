// posix_spawn(3): errors of the program and of what is to be done before it come back as errors, and leave no child.
// variants: static pie musl
// users: root nobody
// flags: -Wno-clobbered
#include "child.h"
#include <spawn.h>

extern char **environ;

static void try(const char *path, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
    char *arguments[] = {"program", NULL};
    pid_t child = -7;
    int error = posix_spawn(&child, path, actions, attributes, arguments, environ);
    say("%s: %s", path, error ? error_name(error) : "started");
    // Not even a zombie.
    int rest = waitpid(-1, NULL, WNOHANG);
    if (rest != -1 || errno != ECHILD)
        say("TEST FAILED: a child is left");
}

int main(void)
{
    put_file("text", "no program", 10);
    try("/nonexistent", NULL, NULL);
    try("missing", NULL, NULL);
    try("text", NULL, NULL);
    try("/", NULL, NULL);
    try("text/x", NULL, NULL);
    chmod("text", 0755);
    try("./text", NULL, NULL);
    put_file("script", "#!/no/such/interpreter\n", 23);
    chmod("script", 0755);
    try("./script", NULL, NULL);
    int writing = open("script", O_WRONLY);
    try("./script", NULL, NULL);
    close(writing);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 5, "not-there", O_RDONLY, 0);
    try("/bin/true", &actions, NULL);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 77, 5);
    try("/bin/true", &actions, NULL);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "made", O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addclose(&actions, 0);
    try("/nonexistent", &actions, NULL);
    struct stat made;
    YES(stat("made", &made) == 0);
    YES(fcntl(0, F_GETFD) == 0 && fcntl(1, F_GETFD) == 0);

    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 99999999);
    try("/bin/true", NULL, &attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_RESETIDS);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &all);
    try("/nonexistent", NULL, &attributes);
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    say("blocked %d", sigismember(&mask, SIGTERM));

    // By hand, and in the thread's own words.
    volatile int error = 0;
    pid_t child = VFORK(execl("/nonexistent", "x", NULL); error = errno; _exit(127));
    say("%s", error_name(error));
    reap("child", child);
    return 0;
}
