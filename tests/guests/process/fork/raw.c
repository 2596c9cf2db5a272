// fork and vfork by their system call numbers, clone with SIGCHLD alone: the same as the library's fork.
// variants: static musl
#include "process.h"
int main(void)
{
    pid_t me = getpid();
    long pid = MUST(syscall(SYS_fork));
    if (pid == 0)
        _exit(syscall(SYS_getppid) == me ? 3 : 4);
    reap("SYS_fork", pid);
    pid = MUST(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    if (pid == 0)
        _exit(syscall(SYS_getpid) != me && syscall(SYS_gettid) == syscall(SYS_getpid) ? 5 : 6);
    reap("SYS_clone", pid);
    return 0;
}
