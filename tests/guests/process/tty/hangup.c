// The session leader's end: SIGHUP for the foreground group; the pty goes on as nobody's controlling terminal.
#include "process.h"
static void handler(int number) { (void)number; }
int main(void)
{
    under_reaper();
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    unlockpt(master);
    gate ready = new_gate(), go = new_gate(), done = new_gate();
    pid_t leader = CHILD({
        setsid();
        int tty = open(ptsname(master), O_RDWR);
        CHILD({
            pid_t parent = getppid();
            sigset_t set;
            int number;
            sigemptyset(&set), sigaddset(&set, SIGHUP), sigprocmask(SIG_BLOCK, &set, NULL);
            handle(SIGHUP, handler, 0);
            pass(ready);
            sigwait(&set, &number);
            while (getppid() == parent)
                sleep_ms(1);
            say("foreground: %s came", signal_name(number));
            RET(write(tty, "x", 1));
            RET(tcgetpgrp(tty));
            OK(open("/dev/tty", O_RDWR));
            pass(done);
        });
        await(go);
    });
    await(ready);
    pass(go);
    int status = status_of(leader);
    await(done);
    say("leader: %s", status_name(status));
    char b;
    RET(read(master, &b, 1));
    return 0;
}
