// SIGCONT discards pending stops and SIGSTOP a pending SIGCONT; a stopped child takes its signals when it goes on.
#include "process.h"
static volatile int usr1, cont;
static void handler(int number) { number == SIGCONT ? cont++ : usr1++; }
int main(void)
{
    int status;
    int *seen = shared_page(PAGE);
    gate ready = new_gate(), go = new_gate();
    pid_t child = CHILD({
        handle(SIGUSR1, handler, SA_RESTART), handle(SIGCONT, handler, SA_RESTART);
        pass(ready);
        await(go);
        seen[0] = usr1, seen[1] = cont;
        pass(ready);
        await(go);
        seen[2] = usr1, seen[3] = cont;
    });
    await(ready);
    kill(child, SIGSTOP);
    RET(waitpid(child, &status, WUNTRACED) == child);
    kill(child, SIGUSR1), kill(child, SIGUSR1);
    pass(go);
    sleep_ms(10);
    say("while stopped: %d", seen[0]);
    kill(child, SIGCONT);
    await(ready);
    say("after: USR1 %d, CONT %d", seen[0], seen[1]);
    kill(child, SIGCONT); // running: the handler still runs
    pass(go);
    reap("child", child);
    say("then: USR1 %d, CONT %d", seen[2], seen[3]);
    child = CHILD({
        sigset_t set;
        sigemptyset(&set), sigaddset(&set, SIGTSTP), sigaddset(&set, SIGCONT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        pass(ready);
        await(go);
        sigset_t pending;
        sigpending(&pending);
        say("pending: TSTP %d, CONT %d", sigismember(&pending, SIGTSTP), sigismember(&pending, SIGCONT));
        pass(ready);
        await(go);
        sigpending(&pending);
        say("pending: TSTP %d, CONT %d", sigismember(&pending, SIGTSTP), sigismember(&pending, SIGCONT));
    });
    await(ready);
    kill(child, SIGTSTP), kill(child, SIGCONT);
    pass(go);
    await(ready);
    kill(child, SIGCONT), kill(child, SIGTSTP);
    pass(go);
    reap("child", child);
    return 0;
}
