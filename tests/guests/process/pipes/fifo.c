// FIFOs: open waits for the partner, in both orders; nonblocking opens; end of file; several writers; unlinked in use.
// variants: static musl
#include "process.h"
int main(void)
{
    char b[100] = {0};
    RET(mkfifo("p", 0600));
    pid_t child = CHILD({
        int fd = open("p", O_WRONLY);
        write(fd, "first", 5);
    });
    settle(child);
    int fd = open("p", O_RDONLY);
    RET(read(fd, b, 100));
    say("%s", b);
    RET(read(fd, b, 100));
    reap("writer", child);
    close(fd);
    child = CHILD({
        int in = open("p", O_RDONLY);
        long n = read(in, b, 100);
        say("reader got %.*s", (int)n, b);
    });
    settle(child);
    fd = open("p", O_WRONLY | O_NONBLOCK);
    YES(fd >= 0);
    write(fd, "second", 6);
    reap("reader", child);
    close(fd);
    RET(open("p", O_WRONLY | O_NONBLOCK));
    fd = open("p", O_RDONLY | O_NONBLOCK);
    pid_t a = CHILD(write(open("p", O_WRONLY), "a", 1)), c = CHILD(write(open("p", O_WRONLY), "c", 1));
    status_of(a), status_of(c);
    long n = read(fd, b, 100);
    say("%ld bytes, both %d", n, memchr(b, 'a', n) && memchr(b, 'c', n));
    RET(unlink("p"));
    child = CHILD(RET(open("p", O_RDONLY)));
    reap("no name", child);
    close(fd);
    mkfifo("q", 0600);
    child = CHILD(open("q", O_RDONLY));
    settle(child);
    kill(child, SIGTERM);
    reap("killed in open", child);
    RET(open("q", O_WRONLY | O_NONBLOCK));
    return 0;
}
