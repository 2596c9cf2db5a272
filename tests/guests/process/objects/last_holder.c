// What the end of the last holder does: end of file, EPIPE, free locks, freed names; for each holder in turn.
#include "process.h"
#include <sys/file.h>
int main(void)
{
    handle(SIGPIPE, SIG_IGN, 0);
    int fd[2], s[2];
    char b[10];
    pipe(fd), socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    put_file("lock", "", 0);
    gate ready = new_gate();
    pid_t holder[3];
    int lock = open("lock", O_RDWR);
    flock(lock, LOCK_EX);
    for (int i = 0; i < 3; i++)
        holder[i] = CHILD({
            close(fd[0]), close(s[0]);
            pass(ready);
            for (;;)
                pause();
        });
    close(fd[1]), close(s[1]), close(lock);
    for (int i = 0; i < 3; i++)
        await(ready);
    fcntl(fd[0], F_SETFL, O_NONBLOCK), fcntl(s[0], F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 4; i++) {
        int try = open("lock", O_RDWR);
        long p = read(fd[0], b, 1), q = read(s[0], b, 1);
        say("%d gone: pipe %s, socket %s, lock %s", i, p ? "open" : "end", q ? "open" : "end", flock(try, LOCK_EX | LOCK_NB) ? "held" : "free");
        close(try);
        if (i < 3) {
            kill(holder[i], i == 1 ? SIGTERM : SIGKILL);
            reap("holder", holder[i]);
        }
    }
    RET(write(s[0], "x", 1));
    return 0;
}
