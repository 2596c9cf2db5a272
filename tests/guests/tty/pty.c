// Pseudo-terminals: opening, names, sizes, canonical editing, echo, raw mode, hang-up.
#include "guest.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
static int master, slave;
static void show(const char *what, int fd)
{
    char b[300], line[1200] = {0};
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, 100) <= 0) {
        say("%s: nothing", what);
        return;
    }
    long n = read(fd, b, sizeof b);
    if (n < 0) {
        say("%s: %s", what, error_name(errno));
        return;
    }
    for (long i = 0; i < n; i++) {
        unsigned char c = (unsigned char)b[i];
        snprintf(line + strlen(line), 6, c < 32 || c > 126 ? "\\x%02x" : "%c", c);
    }
    say("%s: %ld \"%s\"", what, n, line);
}
static void type(const char *text) { write(master, text, strlen(text)); }
static void flags(tcflag_t clear, tcflag_t set)
{
    struct termios t;
    tcgetattr(slave, &t);
    t.c_lflag = (t.c_lflag & ~clear) | set;
    tcsetattr(slave, TCSANOW, &t);
}
int main(void)
{
    struct termios t;
    master = MUST(posix_openpt(O_RDWR | O_NOCTTY));
    OK(open("/dev/pts/9999", O_RDWR));
    char *name = ptsname(master);
    say("name %.9s", name);
    RET(open(name, O_RDWR | O_NOCTTY) < 0 ? errno == EIO : 0); // locked until unlockpt
    RET(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY) < 0 ? errno == EIO : 0);
    RET(grantpt(master));
    RET(unlockpt(master));
    slave = MUST(open(name, O_RDWR | O_NOCTTY));
    YES(isatty(slave) && isatty(master));
    YES(!strcmp(ttyname(slave), name));
    // The same end without its name.
    int peer = MUST(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    YES(isatty(peer) && !strcmp(ttyname(peer), name));
    YES(fcntl(peer, F_GETFD) == FD_CLOEXEC && (fcntl(peer, F_GETFL) & O_ACCMODE) == O_RDWR);
    OK(ioctl(slave, TIOCGPTPEER, O_RDWR));
    OK(ioctl(0, TIOCGPTPEER, O_RDWR));
    close(peer);
    struct stat st;
    fstat(slave, &st);
    YES(S_ISCHR(st.st_mode) && st.st_rdev >> 8 == 136);
    RET(tcgetattr(slave, &t));
    say("iflag %o oflag %o cflag %o lflag %o", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
    say("intr %d quit %d erase %d kill %d eof %d time %d min %d start %d stop %d susp %d werase %d", t.c_cc[VINTR], t.c_cc[VQUIT],
        t.c_cc[VERASE], t.c_cc[VKILL], t.c_cc[VEOF], t.c_cc[VTIME], t.c_cc[VMIN], t.c_cc[VSTART], t.c_cc[VSTOP], t.c_cc[VSUSP], t.c_cc[VWERASE]);
    struct winsize w = {1, 1, 1, 1};
    RET(ioctl(slave, TIOCGWINSZ, &w));
    say("%d %d %d %d", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
    w = (struct winsize){24, 80, 5, 6};
    RET(ioctl(master, TIOCSWINSZ, &w));
    memset(&w, 0, sizeof w);
    RET(ioctl(slave, TIOCGWINSZ, &w));
    say("%d %d", w.ws_row, w.ws_col);
    // Output processing.
    write(slave, "one\ntwo\t!", 9);
    show("output", master);
    // Canonical mode with echo.
    type("hello\n");
    show("echo", master), show("line", slave);
    type("ab\x7f" "c\n");
    show("echo of erase", master), show("erase", slave);
    type("wrong\x15right\n");
    show("echo of kill", master), show("kill", slave);
    type("one two three\x17\n");
    show("echo of word erase", master), show("word erase", slave);
    type("no line yet");
    show("echo", master), show("incomplete line", slave);
    type("\x04");
    show("after EOF", slave);
    type("\x04");
    show("EOF at the start", slave);
    type("a\nb\nc\n");
    show("echo", master), show("one line at a time", slave), show("second", slave), show("third", slave);
    type("longer than the buffer\n");
    show("echo", master);
    char b[6] = {0};
    RET(read(slave, b, 5));
    say("%s", b);
    show("rest", slave);
    type("cr\r");
    show("echo of CR", master), show("CR becomes NL", slave);
    type("\x16\x03\x01z\n");
    show("echo of literal", master), show("literal next", slave);
    int waiting = 0;
    type("count\n");
    poll(&(struct pollfd){slave, POLLIN, 0}, 1, 1000);
    RET(ioctl(slave, FIONREAD, &waiting));
    say("waiting %d", waiting);
    RET(tcflush(slave, TCIFLUSH));
    RET(ioctl(slave, FIONREAD, &waiting));
    say("waiting %d", waiting);
    show("echo", master);
    // Without echo; with control characters shown.
    flags(ECHO, 0);
    type("secret\n");
    show("no echo", master), show("line", slave);
    flags(0, ECHO | ECHOCTL);
    type("\x01\x02\n");
    show("control characters", master), show("line", slave);
    // Raw.
    tcgetattr(slave, &t);
    cfmakeraw(&t);
    RET(tcsetattr(slave, TCSANOW, &t));
    type("raw\r\x03\x04\x7f");
    show("raw", slave), show("no echo", master);
    write(slave, "a\nb", 3);
    show("no output processing", master);
    // Waiting: VMIN and VTIME.
    t.c_cc[VMIN] = 0, t.c_cc[VTIME] = 1;
    tcsetattr(slave, TCSANOW, &t);
    int64_t start = now_ms();
    RET(read(slave, b, 5));
    YES(now_ms() - start >= 90 && now_ms() - start < 1000);
    t.c_cc[VTIME] = 0;
    tcsetattr(slave, TCSANOW, &t);
    RET(read(slave, b, 5));
    t.c_cc[VMIN] = 3, t.c_cc[VTIME] = 1;
    tcsetattr(slave, TCSANOW, &t);
    type("ab");
    start = now_ms();
    RET(read(slave, b, 5));
    YES(now_ms() - start >= 90 && now_ms() - start < 1000);
    type("abcd");
    RET(read(slave, b, 5));
    fcntl(slave, F_SETFL, O_NONBLOCK);
    RET(read(slave, b, 5));
    fcntl(slave, F_SETFL, 0);
    // Errors.
    RET(ioctl(slave, TCGETS, 8));
    RET(ioctl(slave, TIOCGWINSZ, 8));
    RET(ioctl(slave, 0x54ff, &w));
    RET(ioctl(master, TIOCGPTN, 8));
    RET(tcsendbreak(slave, 0));
    RET(tcdrain(slave));
    RET(tcflow(slave, TCOON));
    // The master closed: end of file and EIO.
    close(master);
    RET(read(slave, b, 1));
    RET(write(slave, b, 1));
    struct pollfd p = {slave, POLLIN | POLLOUT, 0};
    RET(poll(&p, 1, 0));
    say("revents %x", p.revents);
    // The slave closed: the master reads EIO.
    master = posix_openpt(O_RDWR | O_NOCTTY);
    unlockpt(master);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    write(slave, "last words", 10);
    close(slave);
    show("last", master);
    RET(read(master, b, 1));
    p = (struct pollfd){master, POLLIN | POLLOUT, 0};
    RET(poll(&p, 1, 0));
    say("revents %x", p.revents);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    write(slave, "back", 4);
    show("opened again", master);
    return 0;
}
