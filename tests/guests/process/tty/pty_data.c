// A pty between processes: lines, echo, raw bytes, size changes with SIGWINCH, last slave closed.
#include "process.h"
#include <sys/ioctl.h>
#include <termios.h>
static volatile int winches;
static void handler(int number) { (void)number; winches++; }
int main(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    char b[100] = {0};
    unlockpt(master);
    gate ready = new_gate(), go = new_gate();
    pid_t child = CHILD({
        setsid();
        int tty = open(ptsname(master), O_RDWR);
        close(master);
        handle(SIGWINCH, handler, SA_RESTART);
        pass(ready);
        long n = read(tty, b, 99);
        say("line %ld %.5s", n, b);
        write(tty, "answer\n", 7);
        await(go);
        struct winsize w;
        for (int i = 0; i < 1000 && !winches; i++)
            sleep_ms(1);
        ioctl(tty, TIOCGWINSZ, &w);
        say("winches %d, %d x %d", winches, w.ws_row, w.ws_col);
        struct termios t;
        tcgetattr(tty, &t), cfmakeraw(&t), tcsetattr(tty, TCSANOW, &t);
        pass(ready);
        n = read(tty, b, 4);
        say("raw %ld %d %d", n, b[0], b[1]);
    });
    await(ready);
    write(master, "hello\n", 6);
    for (int got = 0; got < 15;)
        got += read(master, b + got, 99 - got);
    say("master: %.5s", b);
    struct winsize w = {33, 44, 0, 0};
    ioctl(master, TIOCSWINSZ, &w);
    pass(go);
    await(ready);
    write(master, "\x03\x1a", 2);
    reap("child", child);
    RET(read(master, b, 100));
    return 0;
}
