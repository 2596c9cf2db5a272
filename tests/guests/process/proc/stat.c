// /proc/<pid>/stat and status of other processes: state, parent, group, session, name, threads.
#include "process.h"
static void show(const char *what, pid_t pid)
{
    char path[40], text[2000] = {0}, name[20], state;
    int parent, group, session, tty, foreground;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = MUST(open(path, O_RDONLY));
    read(fd, text, 1999);
    close(fd);
    char *rest = strrchr(text, ')') + 2;
    sscanf(strchr(text, '(') + 1, "%19[^)]", name);
    sscanf(rest, "%c %d %d %d %d %d", &state, &parent, &group, &session, &tty, &foreground);
    say("%s: %d %s %c, parent me %d, group me %d, session mine %d, own group %d, tty %d", what, atoi(text) == pid, name, state, parent == getpid(),
        group == getpgrp(), session == getsid(0), group == pid, tty);
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    while (fgets(text, sizeof text, f)) {
        int n;
        unsigned long mask;
        // 32 and 33 are the C library's, and come from whoever started the test.
        if (sscanf(text, "SigIgn: %lx", &mask) == 1)
            say("  SigIgn: %lx", mask & ~(3ul << 31));
        else if (!strncmp(text, "Name:", 5) || !strncmp(text, "State:", 6) || !strncmp(text, "Threads:", 8) || !strncmp(text, "Uid:", 4) ||
            !strncmp(text, "SigBlk:", 7))
            say("  %.*s", (int)strcspn(text, "\n"), text);
        else if (sscanf(text, "PPid: %d", &n) == 1)
            say("  PPid me: %d", n == getpid());
        else if (sscanf(text, "Tgid: %d", &n) == 1 || sscanf(text, "Pid: %d", &n) == 1)
            say("  right: %d", n == pid);
    }
    fclose(f);
}
static void *idle(void *unused) { (void)unused; for (;;) pause(); return NULL; }
int main(void)
{
    gate ready = new_gate();
    prctl(PR_SET_NAME, "parent");
    pid_t child = CHILD({
        prctl(PR_SET_NAME, "blocked one");
        handle(SIGUSR1, SIG_IGN, 0);
        sigset_t set;
        sigemptyset(&set), sigaddset(&set, SIGHUP), sigprocmask(SIG_BLOCK, &set, NULL);
        pthread_t t;
        pthread_create(&t, NULL, idle, NULL);
        setpgid(0, 0);
        setresuid(5, 6, 7);
        pass(ready);
        for (;;)
            pause();
    });
    await(ready);
    settle(child);
    show("blocked", child);
    kill(child, SIGSTOP);
    settle_in(child, 'T');
    show("stopped", child);
    kill(child, SIGKILL);
    settle_in(child, 'Z');
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    say("zombie: %c", state_of(child));
    reap("child", child);
    RET(access(path, F_OK));
    child = CHILD(for (;;));
    settle_in(child, 'R');
    say("computing: %c", state_of(child));
    kill(child, SIGKILL);
    reap("child", child);
    return 0;
}
