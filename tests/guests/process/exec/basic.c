// execve after fork: arguments, environment, same pid, same parent; what is gone and what stays.
// args: parent
// variants: static pie musl
#include "process.h"
extern char **environ;
static int second(char **argv)
{
    sigset_t mask, pending;
    struct sigaction usr1, usr2;
    stack_t stack;
    char path[4096];
    sigprocmask(0, NULL, &mask), sigpending(&pending), sigaction(SIGUSR1, NULL, &usr1), sigaction(SIGUSR2, NULL, &usr2);
    sigaltstack(NULL, &stack);
    say("argv %s %s, env %s %s", argv[0], argv[2], environ[0], environ[1] ? "more" : "no more");
    say("same pid %d, same parent %d", getpid() == atoi(argv[3]), getppid() == atoi(argv[4]));
    say("blocked %d, pending %d, USR1 default %d, USR2 ignored %d, altstack flags %d", sigismember(&mask, SIGHUP), sigismember(&pending, SIGHUP),
        usr1.sa_handler == SIG_DFL, usr2.sa_handler == SIG_IGN, stack.ss_flags);
    say("umask %03o, in d %d, alarm %d", umask(0), !strcmp(strrchr(getcwd(path, sizeof path), '/'), "/d"), alarm(0) > 0);
    say("fd 10: %s, fd 11: %s", fcntl(10, F_GETFD) < 0 ? error_name(errno) : "open", fcntl(11, F_GETFD) < 0 ? error_name(errno) : "open");
    say("children: %s", waitpid(-1, NULL, 0) > 0 ? "one" : error_name(errno));
    return 33;
}
static void handler(int number) { (void)number; }
static char stack[65536];
int main(int argc, char **argv)
{
    if (argc > 2)
        return second(argv);
    char exe[4096] = {0};
    readlink("/proc/self/exe", exe, sizeof exe - 1);
    pid_t me = getpid();
    mkdir("d", 0755);
    reap("child", CHILD({
        char pid[20];
        char parent[20];
        char *env[] = {"ONLY=this", NULL};
        char *list[] = {"zero", "second", "two words", pid, parent, NULL};
        snprintf(pid, 20, "%d", getpid()), snprintf(parent, 20, "%d", me);
        sigset_t set;
        sigemptyset(&set), sigaddset(&set, SIGHUP), sigprocmask(SIG_BLOCK, &set, NULL);
        raise(SIGHUP);
        handle(SIGUSR1, handler, 0), handle(SIGUSR2, SIG_IGN, 0);
        sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
        chdir("d"), umask(027), alarm(100);
        dup2(1, 10), dup3(1, 11, O_CLOEXEC);
        CHILD(_exit(0));
        execve(exe, list, env);
        die("execve");
    }));
    return 0;
}
