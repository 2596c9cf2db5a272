// A child that is stopped and continued, as another thread of its parent sees it.
// flags: -Wno-clobbered
#include "child.h"

static volatile pid_t target;
static volatile int chld;
static volatile int codes[8];

static void handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (chld < 8)
        codes[chld++] = info->si_code;
}

static void *watcher(void *argument)
{
    (void)argument;
    while (!target)
        sleep_ms(1);
    int status;
    siginfo_t info = {0};
    RET(waitpid(target, &status, WNOHANG));
    YES(waitpid(target, &status, WUNTRACED) == target);
    say("%s", status_text(status));
    RET(waitpid(target, &status, WUNTRACED | WNOHANG));
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", target);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    char *state = strrchr(text, ')');
    say("state %c", state ? state[2] : '?');
    RET(waitid(P_PID, target, &info, WCONTINUED | WNOHANG));
    say("code %d", info.si_code);
    kill(target, SIGCONT);
    RET(waitid(P_PID, target, &info, WCONTINUED | WNOWAIT));
    say("code %d status %d", info.si_code, info.si_status);
    YES(waitpid(target, &status, WCONTINUED) == target);
    say("%s", status_text(status));
    return NULL;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGCHLD, &action, NULL);
    // As a shell does: a stop of the group must not be ignored as an orphan's.
    pthread_t thread;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pthread_create(&thread, NULL, watcher, NULL);
    // Only this thread takes SIGCHLD, once it goes on.
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    pid_t child = VFORK(target = getpid(); kill(getpid(), SIGSTOP); sleep_ms(30); _exit(4));
    pthread_join(thread, NULL);
    reap("child", child);
    for (int n = 0; n < chld; n++)
        say("SIGCHLD with code %d", codes[n]);
    action.sa_flags |= SA_NOCLDSTOP;
    sigaction(SIGCHLD, &action, NULL);
    chld = 0;
    target = 0;
    sigprocmask(SIG_BLOCK, &set, NULL);
    pthread_create(&thread, NULL, watcher, NULL);
    // Only this thread takes SIGCHLD, once it goes on.
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    child = VFORK(target = getpid(); kill(getpid(), SIGSTOP); sleep_ms(30); _exit(4));
    pthread_join(thread, NULL);
    reap("child", child);
    for (int n = 0; n < chld; n++)
        say("SIGCHLD with code %d", codes[n]);
    return 0;
}
