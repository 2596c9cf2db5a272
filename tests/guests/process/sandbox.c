// Runs a program natively as a VM would: `sandbox PROGRAM ARGUMENTS...`, as root.
//
// The program leads a session of its own, in namespaces of its own for processes, SysV objects and mounts, below an init that
// takes in orphans, with the nice value 0. So kill(-1) and what a test leaves behind stay inside, and everything ends when this process does.
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
static void need(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        _exit(99);
    }
}
static int ended(pid_t wanted)
{
    int status;
    pid_t pid;
    do
        pid = wait(&status);
    while (pid != wanted && pid > 0);
    return pid < 0 ? 99 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
int main(int argc, char **argv)
{
    (void)argc;
    need(unshare(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNS), "unshare");
    pid_t init = fork();
    need(init, "fork");
    if (init)
        return ended(init);
    need(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
    need(setpriority(PRIO_PROCESS, 0, 0), "setpriority");
    need(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
    need(mount("proc", "/proc", "proc", 0, NULL), "mount proc");
    pid_t program = fork();
    need(program, "fork");
    if (!program) {
        need(setsid(), "setsid");
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    // Nothing of the program's is held open here: its pipes end when it closes them.
    close(0), close(1);
    return ended(program);
}
