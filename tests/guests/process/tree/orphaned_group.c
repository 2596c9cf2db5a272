// A stopped group that becomes orphaned gets SIGHUP and SIGCONT; one that nobody has stopped gets nothing.
#include "process.h"
static volatile int hups, conts;
static void handler(int number) { number == SIGHUP ? hups++ : conts++; }
static gate ready, told;
static void member(void)
{
    handle(SIGHUP, handler, 0), handle(SIGCONT, handler, 0);
    pass(ready);
    for (int i = 0; i < 3000 && !(hups && conts); i++)
        sleep_ms(1);
    say("member: HUP %d, CONT %d", hups, conts);
    pass(told);
}
int main(void)
{
    under_reaper();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    ready = new_gate(), told = new_gate();
    pid_t *stopped = shared_page(PAGE);
    pid_t shell = CHILD({
        setsid();
        pid_t leader = CHILD(setpgid(0, 0); member());
        setpgid(leader, leader);
        await(ready);
        kill(leader, SIGSTOP);
        settle_in(leader, 'T');
        *stopped = leader;
    });
    int status = status_of(shell);
    await(told);
    say("shell: %s", status_name(status));
    reap("member", *stopped);
    // Without a stop.
    shell = CHILD({
        setsid();
        pid_t leader = CHILD({
            setpgid(0, 0);
            handle(SIGHUP, handler, 0), handle(SIGCONT, handler, 0);
            pass(ready);
            await(told);
            say("not stopped: HUP %d, CONT %d", hups, conts);
        });
        setpgid(leader, leader);
        *stopped = leader;
        await(ready);
    });
    reap("shell", shell);
    pass(told);
    reap("member", *stopped);
    return 0;
}
