// flock and fcntl locks inside one process: kinds, ranges, errors.
#include "guest.h"
#include <sys/file.h>
static struct flock lock(short type, off_t start, off_t length)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}
int main(void)
{
    put_file("f", "0123456789", 10);
    int a = open("f", O_RDWR), b = open("f", O_RDWR), c = open("f", O_RDONLY);
    RET(flock(a, LOCK_EX));
    RET(flock(b, LOCK_EX | LOCK_NB));
    RET(flock(b, LOCK_SH | LOCK_NB));
    RET(flock(a, LOCK_SH));
    RET(flock(b, LOCK_SH | LOCK_NB));
    RET(flock(a, LOCK_EX | LOCK_NB));
    RET(flock(b, LOCK_UN));
    int d = dup(a);
    RET(flock(d, LOCK_UN));
    RET(flock(b, LOCK_EX | LOCK_NB));
    close(b);
    RET(flock(a, LOCK_EX | LOCK_NB));
    RET(flock(a, 77));
    RET(flock(99, LOCK_SH));
    // POSIX locks do not conflict inside a process.
    struct flock l = lock(F_WRLCK, 0, 5);
    RET(fcntl(a, F_SETLK, &l));
    b = open("f", O_RDWR);
    l = lock(F_WRLCK, 0, 0);
    RET(fcntl(b, F_SETLK, &l));
    RET(fcntl(b, F_GETLK, &l));
    say("type %d", l.l_type == F_UNLCK);
    l = lock(F_WRLCK, 0, 0);
    RET(fcntl(c, F_SETLK, &l));
    l = lock(F_RDLCK, 0, 0);
    RET(fcntl(c, F_SETLKW, &l));
    l = lock(77, 0, 0);
    RET(fcntl(a, F_SETLK, &l));
    l = lock(F_RDLCK, -5, 0);
    RET(fcntl(a, F_SETLK, &l));
    RET(fcntl(a, F_SETLK, (void *)8));
    // Locks of the open file description do conflict.
    l = lock(F_UNLCK, 0, 0);
    RET(fcntl(a, F_SETLK, &l));
    l = lock(F_WRLCK, 0, 5);
    RET(fcntl(a, F_OFD_SETLK, &l));
    l = lock(F_WRLCK, 3, 5);
    RET(fcntl(b, F_OFD_SETLK, &l));
    l = lock(F_WRLCK, 3, 5);
    RET(fcntl(b, F_OFD_GETLK, &l));
    say("blocked by type %d start %ld length %ld", l.l_type, (long)l.l_start, (long)l.l_len);
    l = lock(F_WRLCK, 5, 5);
    RET(fcntl(b, F_OFD_SETLK, &l));
    close(a), close(d);
    l = lock(F_WRLCK, 0, 0);
    RET(fcntl(b, F_OFD_SETLK, &l));
    return 0;
}
