// Pipes: order, blocking between threads, nonblocking, ends closed, sizes, flags.
// variants: static musl
#include "guest.h"
#include <sys/ioctl.h>
static int fds[2];
static void *late_writer(void *unused)
{
    (void)unused;
    sleep_ms(15);
    write(fds[1], "late", 4);
    sleep_ms(15);
    close(fds[1]);
    return NULL;
}
static void *slow_reader(void *total)
{
    char b[5000];
    long n;
    sleep_ms(15);
    while ((n = read(fds[0], b, sizeof b)) > 0)
        *(long *)total += n;
    return NULL;
}
int main(void)
{
    char b[100] = {0};
    static char big[1 << 20];
    pthread_t t;
    int n;
    RET(pipe(fds));
    RET(write(fds[1], "abcdef", 6));
    RET(ioctl(fds[0], FIONREAD, &n));
    say("waiting %d", n);
    RET(read(fds[0], b, 4));
    RET(read(fds[0], b + 4, 10));
    say("%s", b);
    RET(read(fds[1], b, 1));
    RET(write(fds[0], b, 1));
    pthread_create(&t, 0, late_writer, 0);
    RET(read(fds[0], b, 100));
    RET(read(fds[0], b, 100));
    pthread_join(t, 0);
    close(fds[0]);
    RET(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
    RET(fcntl(fds[0], F_GETFL));
    RET(fcntl(fds[1], F_GETFL));
    RET(fcntl(fds[1], F_GETFD));
    RET(read(fds[0], b, 1));
    RET(fcntl(fds[1], F_GETPIPE_SZ));
    RET(write(fds[1], big, sizeof big));
    RET(write(fds[1], big, 1));
    RET(read(fds[0], big, 4095));
    RET(write(fds[1], big, 1)); // a page has to be free
    RET(read(fds[0], big, 4097));
    RET(write(fds[1], big, 4096));
    RET(write(fds[1], big, 8192));
    while (read(fds[0], big, sizeof big) > 0)
        ;
    RET(fcntl(fds[1], F_SETPIPE_SZ, 100000));
    RET(fcntl(fds[0], F_GETPIPE_SZ));
    RET(write(fds[1], big, sizeof big));
    RET(fcntl(fds[1], F_SETPIPE_SZ, 4096));
    while (read(fds[0], big, sizeof big) > 0)
        ;
    RET(fcntl(fds[1], F_SETPIPE_SZ, 1));
    RET(fcntl(fds[1], F_SETPIPE_SZ, 0));
    RET(write(fds[1], big, 10000));
    // Up to PIPE_BUF all or nothing.
    while (read(fds[0], big, sizeof big) > 0)
        ;
    RET(write(fds[1], big, 100));
    RET(write(fds[1], big, 4096));
    close(fds[0]), close(fds[1]);
    RET(pipe2(fds, O_APPEND));
    RET(pipe2((int *)8, 0));
    // A large blocking write goes on as the reader reads.
    pipe(fds);
    long total = 0;
    pthread_create(&t, 0, slow_reader, &total);
    RET(write(fds[1], big, sizeof big));
    close(fds[1]);
    pthread_join(t, 0);
    say("total %ld", total);
    // The same pipe again through /proc.
    pipe(fds);
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fds[0]);
    int again = open(path, O_WRONLY | O_NONBLOCK);
    RET(write(again, "again", 5));
    RET(read(fds[0], b, 5));
    struct stat st, other;
    fstat(fds[0], &st), fstat(fds[1], &other);
    say("mode %o same inode %d size %ld", st.st_mode, st.st_ino == other.st_ino, (long)st.st_size);
    RET(pipe2(fds, O_DIRECT));
    write(fds[1], "one", 3), write(fds[1], "two", 3);
    RET(read(fds[0], b, 100));
    return 0;
}
