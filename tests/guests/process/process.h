// Shared by the programs with several processes: children, statuses, and ways to wait for one another without sleeping.
//
// The program's first process has no parent in a VM and an init natively: a test looks at its children only, and calls
// `under_reaper` where orphans matter.
#ifndef PROCESS_H
#define PROCESS_H
#include "guest.h"
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

// A child that runs these statements and exits with 0 if that comes to its end; its pid.
#define CHILD(...)                                                                             \
    ({                                                                                         \
        pid_t child_pid = fork();                                                              \
        if (child_pid < 0)                                                                     \
            die("fork");                                                                       \
        if (child_pid == 0) {                                                                  \
            __VA_ARGS__;                                                                            \
            _exit(0);                                                                          \
        }                                                                                      \
        child_pid;                                                                             \
    })

// A status of wait4(2) in words.
UNUSED static const char *status_name(int status)
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

// Waits for that child, without printing anything.
UNUSED static int status_of(pid_t pid)
{
    int status = -1;
    pid_t got;
    while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (got != pid)
        die("waitpid");
    return status;
}

UNUSED static void reap(const char *what, pid_t pid) { say("%s: %s", what, status_name(status_of(pid))); }

// A pipe whose bytes are permissions to go on. Both ends stay open in every process: nobody sees its end.
typedef struct { int fd[2]; } gate;

UNUSED static gate new_gate(void)
{
    gate g;
    MUST(pipe(g.fd));
    return g;
}

UNUSED static void pass(gate g) { MUST(write(g.fd[1], "g", 1)); }

UNUSED static void await(gate g)
{
    char c;
    ssize_t n;
    while ((n = read(g.fd[0], &c, 1)) < 0 && errno == EINTR)
        ;
    if (n != 1)
        die("gate");
}

// The state letter of a process in /proc, or 0.
UNUSED static char state_of(pid_t pid)
{
    char path[40], text[400] = {0};
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    char *end = n > 0 ? strrchr(text, ')') : NULL;
    return end ? end[2] : 0;
}

// Waits until a process is blocked (or in another state) or gone: up to three seconds, or 50 ms where /proc does not tell.
UNUSED static void settle_in(pid_t pid, char state)
{
    if (!state_of(pid)) {
        sleep_ms(50);
        return;
    }
    for (int i = 0; i < 3000; i++) {
        char now = state_of(pid);
        if (!now || now == state || now == 'Z')
            return;
        sleep_ms(1);
    }
}

UNUSED static void settle(pid_t pid) { settle_in(pid, 'S'); }

// From here on the program is a child of a process that takes in orphans and ends as its child does.
UNUSED static pid_t under_reaper(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t reaper = getpid(), child = fork();
    if (child < 0)
        die("fork");
    if (child == 0)
        return reaper;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGUSR1, &ignore, NULL);
    int status, result = 0;
    pid_t pid;
    while ((pid = wait(&status)) > 0)
        if (pid == child)
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    _exit(result);
}

// A name that no other run uses, for what is named outside of the working directory.
UNUSED static const char *unique(const char *prefix)
{
    static char name[80];
    snprintf(name, sizeof name, "%sramet-%llx", prefix, (unsigned long long)clock_ns(CLOCK_REALTIME));
    return name;
}

UNUSED static void *shared_page(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        die("mmap");
    return p;
}

UNUSED static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    MUST(sigaction(number, &action, NULL));
}
#endif
