// A controlling terminal: ^C, ^\ and ^Z as signals, window size changes, flushing, the foreground group.
#include "guest.h"
#include <sys/ioctl.h>
#include <termios.h>
static volatile int counts[65];
static void handler(int number) { counts[number]++; }
static void wait_signal(int number)
{
    for (int i = 0; i < 500 && !counts[number]; i++)
        sleep_ms(1);
    say("%s: %d", signal_name(number), counts[number]);
    counts[number] = 0;
}
int main(void)
{
    char b[100];
    int signals[] = {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP, SIGCONT};
    for (size_t i = 0; i < COUNT(signals); i++) {
        struct sigaction action = {.sa_handler = handler};
        sigaction(signals[i], &action, 0);
    }
    // The harness started a session for us, which has no terminal yet.
    YES(getsid(0) == getpid() || setsid() == getpid());
    int master = MUST(posix_openpt(O_RDWR | O_NOCTTY));
    unlockpt(master);
    int slave = MUST(open(ptsname(master), O_RDWR | O_NOCTTY));
    RET(ioctl(slave, TIOCSCTTY, 0));
    YES(tcgetpgrp(slave) == getpgrp() || tcsetpgrp(slave, getpgrp()) == 0);
    YES(tcgetsid(slave) == getsid(0));
    write(master, "\x03", 1);
    wait_signal(SIGINT);
    long n = read(master, b, 100);
    say("echo %ld %.2s", n, b);
    write(master, "\x1c", 1);
    wait_signal(SIGQUIT);
    read(master, b, 100);
    write(master, "\x1a", 1);
    wait_signal(SIGTSTP);
    read(master, b, 100);
    struct winsize w = {50, 100, 0, 0};
    RET(ioctl(master, TIOCSWINSZ, &w));
    wait_signal(SIGWINCH);
    RET(ioctl(master, TIOCSWINSZ, &w));
    sleep_ms(10);
    say("the same size again: %d", counts[SIGWINCH]);
    // ^C discards what was typed.
    write(master, "thrown away\x03", 12);
    wait_signal(SIGINT);
    write(master, "kept\n", 5);
    n = read(slave, b, 100);
    say("%ld %.4s", n, b);
    // Without ISIG it is a character.
    struct termios t;
    tcgetattr(slave, &t);
    t.c_lflag &= ~ISIG;
    tcsetattr(slave, TCSANOW, &t);
    write(master, "a\x03\n", 3);
    n = read(slave, b, 100);
    say("%ld %d", n, b[1]);
    int tty = OK(open("/dev/tty", O_RDWR));
    YES(isatty(tty));
    close(tty);
    close(slave);
    close(master);
    wait_signal(SIGHUP);
    return 0;
}
