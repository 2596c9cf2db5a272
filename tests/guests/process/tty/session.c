// A child becomes session leader with a pty: TIOCSCTTY, /dev/tty, foreground group, ^C from the master.
#include "process.h"
#include <sys/ioctl.h>
#include <termios.h>
int main(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), status;
    unlockpt(master);
    gate ready = new_gate();
    pid_t child = CHILD({
        setsid();
        OK(open("/dev/tty", O_RDWR));
        int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
        RET(tcgetpgrp(slave));
        RET(ioctl(slave, TIOCSCTTY, 0));
        YES(tcgetpgrp(slave) == getpid() && tcgetsid(slave) == getpid());
        OK(open("/dev/tty", O_RDWR));
        pass(ready);
        for (;;)
            pause();
    });
    await(ready);
    pid_t group = -1;
    RET(ioctl(master, TIOCGPGRP, &group));
    YES(group == child);
    write(master, "\x03", 1);
    reap("interrupted", child);
    RET(waitpid(-1, &status, 0));
    return 0;
}
