// RLIMIT_NPROC of a user: fork gives EAGAIN at the limit, and works again when a child has gone.
#include "process.h"
int main(void)
{
    uid_t user = 100000 + (uid_t)(clock_ns(CLOCK_REALTIME) / 1000 % 1000000000);
    reap("user", CHILD({
        struct rlimit limit = {10, 10};
        gate go = new_gate();
        setrlimit(RLIMIT_NPROC, &limit);
        MUST(setresuid(user, user, user));
        int made = 0;
        pid_t pid;
        while ((pid = fork()) > 0 && made < 100) // a limit that is not kept must not become a fork bomb
            made++;
        if (pid == 0) {
            await(go);
            _exit(0);
        }
        say("made %d, then %s", made, error_name(errno));
        pthread_t t;
        ERR(pthread_create(&t, NULL, NULL, NULL));
        pass(go);
        wait(NULL);
        pid = fork();
        if (pid == 0)
            _exit(0);
        say("after one has gone: %s", pid > 0 ? "works" : error_name(errno));
        for (int i = 0; i < made; i++)
            pass(go);
        while (wait(NULL) > 0)
            ;
    }));
    return 0;
}
