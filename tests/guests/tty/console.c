// The program's own terminal: what isatty, the window size and the modes say.
// tty
// allow: ttyname.* => ttyname.* : the terminal has another name in the VM
#include "guest.h"
#include <sys/ioctl.h>
#include <termios.h>
int main(void)
{
    struct termios t;
    struct winsize w;
    YES(isatty(0) && isatty(1) && isatty(2));
    RET(tcgetattr(0, &t));
    YES((t.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
    YES(t.c_oflag & OPOST && t.c_oflag & ONLCR);
    RET(ioctl(1, TIOCGWINSZ, &w));
    struct stat st;
    fstat(0, &st);
    YES(S_ISCHR(st.st_mode));
    char *name = ttyname(0);
    say("ttyname %s", name ? "known" : error_name(errno));
    return 0;
}
