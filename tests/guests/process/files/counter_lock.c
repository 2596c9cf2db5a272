// A counter in a file, incremented by eight processes under a lock: none is lost.
// args: flock
// args: posix
// args: ofd
#include "process.h"
#include <sys/file.h>
static void lock(const char *kind, int fd, int type)
{
    struct flock l = {.l_type = type};
    if (kind[0] == 'f')
        MUST(flock(fd, type == F_UNLCK ? LOCK_UN : LOCK_EX));
    else
        MUST(fcntl(fd, kind[0] == 'p' ? F_SETLKW : F_OFD_SETLKW, &l));
}
int main(int argc, char **argv)
{
    (void)argc;
    pid_t child[8];
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    write(fd, &(long){0}, 8);
    for (int k = 0; k < 8; k++)
        child[k] = CHILD({
            int own = open("f", O_RDWR);
            for (int i = 0; i < 40; i++) {
                long n;
                lock(argv[1], own, F_WRLCK);
                pread(own, &n, 8, 0);
                n++;
                pwrite(own, &n, 8, 0);
                lock(argv[1], own, F_UNLCK);
            }
        });
    for (int k = 0; k < 8; k++)
        status_of(child[k]);
    long n = 0;
    pread(fd, &n, 8, 0);
    say("%ld", n);
    return 0;
}
