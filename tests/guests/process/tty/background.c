// Background readers and writers: ignored or blocked SIGTTIN gives EIO, TOSTOP, an orphaned group gets EIO.
#include "process.h"
#include <termios.h>
int main(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    unlockpt(master);
    reap("leader", CHILD({
        int status;
        char b;
        setsid();
        int tty = open(ptsname(master), O_RDWR);
        reap("SIGTTIN ignored", CHILD(setpgid(0, 0); handle(SIGTTIN, SIG_IGN, 0); RET(read(tty, &b, 1))));
        reap("SIGTTIN blocked", CHILD({
            sigset_t set;
            setpgid(0, 0);
            sigfillset(&set), sigprocmask(SIG_BLOCK, &set, NULL);
            RET(read(tty, &b, 1));
        }));
        struct termios t;
        tcgetattr(tty, &t);
        t.c_lflag |= TOSTOP;
        tcsetattr(tty, TCSANOW, &t);
        pid_t writer = CHILD(setpgid(0, 0); write(tty, "x", 1); _exit(3));
        RET(waitpid(writer, &status, WUNTRACED) == writer);
        say("%s", status_name(status));
        kill(writer, SIGKILL);
        reap("writer", writer);
        reap("SIGTTOU ignored", CHILD(setpgid(0, 0); handle(SIGTTOU, SIG_IGN, 0); RET(write(tty, "y", 1))));
        gate done = new_gate();
        pid_t middle = CHILD({
            setpgid(0, 0);
            pid_t leader = getpid();
            CHILD({
                while (getppid() == leader)
                    sleep_ms(1);
                RET(read(tty, &b, 1));
                RET(write(tty, "z", 1));
                pass(done);
            });
        });
        status_of(middle);
        await(done);
    }));
    return 0;
}
