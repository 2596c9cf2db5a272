// A fork bomb stays inside RLIMIT_NPROC; others go on; killing its group ends it.
#include "process.h"
int main(void)
{
    under_reaper();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    uid_t user = 100000 + (uid_t)(clock_ns(CLOCK_REALTIME) / 1000 % 1000000000);
    int *failures = shared_page(PAGE);
    pid_t bomb = CHILD({
        struct rlimit limit = {30, 30};
        setpgid(0, 0);
        setrlimit(RLIMIT_NPROC, &limit);
        MUST(setresuid(user, user, user));
        while (__sync_fetch_and_add(&failures[1], 1) < 300) // a limit that is not kept must not become a real one
            if (fork() < 0) {
                __sync_fetch_and_add(failures, errno == EAGAIN);
                sleep_ms(1);
            }
        for (;;)
            pause();
    });
    for (int i = 0; i < 3000 && *(volatile int *)failures < 100; i++)
        sleep_ms(1);
    say("the limit was hit %d", *failures >= 100);
    reap("fork of another user", CHILD(_exit(4)));
    int killed = 0, status;
    kill(-bomb, SIGKILL);
    while (wait(&status) > 0)
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    say("at least 20 killed %d, at most 30 %d", killed >= 20, killed <= 30);
    RET(kill(-bomb, 0));
    return 0;
}
