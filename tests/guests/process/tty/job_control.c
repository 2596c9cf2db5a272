// A shell's work: groups in the foreground and background, tcsetpgrp, ^Z stops, SIGTTIN, SIGTTOU, SIGCONT.
#include "process.h"
#include <sys/ioctl.h>
#include <termios.h>
int main(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    unlockpt(master);
    gate told = new_gate();
    pid_t shell = CHILD({
        int status;
        setsid();
        int tty = open(ptsname(master), O_RDWR);
        handle(SIGTTOU, SIG_IGN, 0);
        pid_t job = CHILD({
            setpgid(0, 0);
            handle(SIGTTOU, SIG_DFL, 0);
            char b[20] = {0};
            long n = read(tty, b, 19); // in the background: SIGTTIN
            say("job read %ld: %.4s", n, b);
            pass(told);
            for (;;)
                pause();
        });
        setpgid(job, job);
        RET(waitpid(job, &status, WUNTRACED) == job);
        say("%s", status_name(status));
        RET(tcsetpgrp(tty, job));
        YES(tcgetpgrp(tty) == job);
        kill(-job, SIGCONT);
        pass(told);
        RET(waitpid(job, &status, WUNTRACED) == job);
        say("%s", status_name(status));
        RET(tcsetpgrp(tty, getpgrp()));
        kill(-job, SIGKILL);
        reap("job", job);
        job = CHILD({
            setpgid(0, 0);
            handle(SIGTTOU, SIG_DFL, 0);
            struct termios t;
            tcgetattr(tty, &t);
            write(tty, "out\n", 4); // allowed without TOSTOP
            tcsetattr(tty, TCSANOW, &t); // SIGTTOU
            _exit(5);
        });
        setpgid(job, job);
        RET(waitpid(job, &status, WUNTRACED) == job);
        say("%s", status_name(status));
        tcsetpgrp(tty, job);
        kill(-job, SIGCONT);
        reap("job", job);
        RET(tcsetpgrp(tty, 99999));
        RET(tcsetpgrp(tty, -1));
    });
    await(told);
    char b[100];
    write(master, "line\n", 5);
    await(told);
    write(master, "\x1a", 1);
    int status = status_of(shell);
    long n = read(master, b, 100);
    say("echoed %d; shell: %s", n > 0, status_name(status));
    return 0;
}
