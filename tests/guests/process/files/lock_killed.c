// Locks of a process killed at a random instant are free afterwards: flock, POSIX and OFD.
#include "process.h"
#include <sys/file.h>
int main(void)
{
    int good = 0;
    put_file("a", "", 0), put_file("b", "", 0), put_file("c", "", 0);
    for (int i = 0; i < 25; i++) {
        pid_t child = CHILD({
            int a = open("a", O_RDWR);
            int b = open("b", O_RDWR);
            int c = open("c", O_RDWR);
            for (;;) {
                struct flock w = {.l_type = F_WRLCK};
                struct flock u = {.l_type = F_UNLCK};
                flock(a, LOCK_EX), fcntl(b, F_SETLKW, &w), fcntl(c, F_OFD_SETLKW, &w);
                fcntl(c, F_OFD_SETLKW, &u), fcntl(b, F_SETLKW, &u), flock(a, LOCK_UN);
            }
        });
        nanosleep(&(struct timespec){0, (i * 7 % 25) * 100000}, NULL);
        kill(child, SIGKILL);
        status_of(child);
        struct flock w = {.l_type = F_WRLCK};
        int a = open("a", O_RDWR), b = open("b", O_RDWR), c = open("c", O_RDWR);
        good += flock(a, LOCK_EX | LOCK_NB) == 0 && fcntl(b, F_SETLK, &w) == 0 && fcntl(c, F_OFD_SETLK, &w) == 0;
        close(a), close(b), close(c);
    }
    say("%d", good);
    return 0;
}
