// For guest programs with children that share their memory (vfork(2)): statuses in words, waiting.
#ifndef CHILD_H
#define CHILD_H
#include "guest.h"
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

// A child that runs these statements in its parent's memory, and exits with 0 if that comes to its end.
#define VFORK(...)                                                                             \
    ({                                                                                         \
        pid_t vfork_pid = vfork();                                                             \
        if (vfork_pid < 0)                                                                     \
            die("vfork");                                                                      \
        if (vfork_pid == 0) {                                                                  \
            __VA_ARGS__;                                                                       \
            _exit(0);                                                                          \
        }                                                                                      \
        vfork_pid;                                                                             \
    })

// clone3(2) without a function's return address on the stack that the child would overwrite.
UNUSED static inline __attribute__((always_inline)) long clone3_here(struct clone_args *args, size_t size)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(SYS_clone3), "D"(args), "S"(size) : "rcx", "r11", "memory");
    if (result < 0 && result > -4096) {
        errno = -result;
        result = -1;
    }
    return result;
}

UNUSED static const char *status_text(int status)
{
    static __thread char text[64];
    if (WIFEXITED(status))
        snprintf(text, sizeof text, "exited %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "killed by %s", signal_name(WTERMSIG(status)));
    else if (WIFSTOPPED(status))
        snprintf(text, sizeof text, "stopped by %s", signal_name(WSTOPSIG(status)));
    else if (WIFCONTINUED(status))
        snprintf(text, sizeof text, "continued");
    else
        snprintf(text, sizeof text, "status %x", (unsigned)status);
    return text;
}

UNUSED static void reap(const char *what, pid_t pid)
{
    int status = -1;
    pid_t got;
    while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    say("%s: %s", what, got == pid ? status_text(status) : error_name(errno));
}
#endif
