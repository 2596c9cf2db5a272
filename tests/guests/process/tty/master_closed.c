// Closing the master hangs up: SIGHUP and SIGCONT to the leader, EIO and end of file; poll says POLLHUP.
#include "process.h"
static volatile int hups;
static void handler(int number) { (void)number; hups++; }
int main(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    unlockpt(master);
    gate ready = new_gate();
    pid_t leader = CHILD({
        char b;
        setsid();
        int tty = open(ptsname(master), O_RDWR);
        close(master);
        handle(SIGHUP, handler, SA_RESTART);
        pass(ready);
        RET(read(tty, &b, 1));
        for (int i = 0; i < 1000 && !hups; i++)
            sleep_ms(1);
        say("hang-ups %d", hups);
        RET(write(tty, "x", 1));
        struct pollfd p = {tty, POLLIN | POLLOUT, 0};
        RET(poll(&p, 1, 0));
        say("revents %x", p.revents);
    });
    await(ready);
    settle(leader);
    close(master);
    reap("leader", leader);
    return 0;
}
