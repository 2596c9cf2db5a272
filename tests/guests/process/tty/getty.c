// forkpty and login_tty as the library does them; a shell on the pty runs a command.
#include "process.h"
#include <pty.h>
int main(void)
{
    int master;
    char b[1000] = {0};
    pid_t child = forkpty(&master, NULL, NULL, NULL);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "test -t 0 && test -t 1 && echo on a terminal; read x; echo got $x; tty | sed s,[0-9],N,; exit 3", NULL);
        _exit(9);
    }
    int got = 0;
    while (!strstr(b, "\n"))
        got += MUST(read(master, b + got, 900 - got));
    write(master, "typed\n", 6);
    for (long n; (n = read(master, b + got, 900 - got)) > 0;)
        got += n;
    for (char *p = b; *p; p++)
        if (*p == '\r')
            *p = '.';
    say("%s", b);
    reap("shell", child);
    return 0;
}
