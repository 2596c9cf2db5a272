// The first terminal that a session leader opens without O_NOCTTY becomes its controlling terminal; not another's.
#include "process.h"
#include <sys/ioctl.h>
#include <termios.h>
int main(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    unlockpt(master);
    reap("child", CHILD({
        setsid();
        int slave = open(ptsname(master), O_RDWR);
        YES(tcgetsid(slave) == getpid());
        reap("another session", CHILD({
            setsid();
            int again = open(ptsname(master), O_RDWR);
            RET(tcgetpgrp(again));
            RET(setuid(99));
            RET(ioctl(again, TIOCSCTTY, 0));
            RET(ioctl(again, TIOCNOTTY));
        }));
        reap("no leader", CHILD(RET(ioctl(slave, TIOCSCTTY, 0)); RET(ioctl(slave, TIOCNOTTY)); OK(open("/dev/tty", O_RDWR))));
        OK(open("/dev/tty", O_RDWR));
        signal(SIGHUP, SIG_IGN);
        RET(ioctl(slave, TIOCNOTTY));
        OK(open("/dev/tty", O_RDWR));
    }));
    return 0;
}
