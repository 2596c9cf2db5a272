// posix_spawn's attributes: process group, session, signal mask and defaults, ids.
// args: child
#include "process.h"
#include <spawn.h>
extern char **environ;
static int child_main(void)
{
    sigset_t mask;
    struct sigaction usr1, usr2;
    sigprocmask(0, NULL, &mask), sigaction(SIGUSR1, NULL, &usr1), sigaction(SIGUSR2, NULL, &usr2);
    say("  leads its group %d, its session %d; HUP blocked %d, TERM blocked %d; USR1 %s, USR2 %s; uid %d/%d", getpgrp() == getpid(),
        getsid(0) == getpid(), sigismember(&mask, SIGHUP), sigismember(&mask, SIGTERM), usr1.sa_handler == SIG_IGN ? "ignored" : "default",
        usr2.sa_handler == SIG_IGN ? "ignored" : "default", getuid(), geteuid());
    return 0;
}
static void run(const char *what, short flags, pid_t group)
{
    posix_spawnattr_t attr;
    sigset_t set;
    pid_t child;
    char *argv[] = {"self", "run", NULL};
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, flags);
    posix_spawnattr_setpgroup(&attr, group);
    sigemptyset(&set), sigaddset(&set, SIGHUP);
    posix_spawnattr_setsigmask(&attr, &set);
    sigemptyset(&set), sigaddset(&set, SIGUSR1);
    posix_spawnattr_setsigdefault(&attr, &set);
    int error = posix_spawn(&child, "/proc/self/exe", NULL, &attr, argv, environ);
    int status = error ? 0 : status_of(child);
    say("%s: %s", what, error ? error_name(error) : status_name(status));
}
int main(int argc, char **argv)
{
    (void)argc;
    if (!strcmp(argv[1], "run"))
        return child_main();
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    handle(SIGUSR1, SIG_IGN, 0), handle(SIGUSR2, SIG_IGN, 0);
    run("nothing", 0, 0);
    run("group", POSIX_SPAWN_SETPGROUP, 0);
    run("group of nobody", POSIX_SPAWN_SETPGROUP, 99999);
    run("session", POSIX_SPAWN_SETSID, 0);
    run("mask", POSIX_SPAWN_SETSIGMASK, 0);
    run("default", POSIX_SPAWN_SETSIGDEF, 0);
    run("all", POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP, 0);
    setresuid(500, 0, 0);
    run("real and effective user differ", 0, 0);
    setresuid(500, 600, 0);
    run("reset ids", POSIX_SPAWN_RESETIDS, 0);
    return 0;
}
