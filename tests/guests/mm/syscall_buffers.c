// System calls read and write memory that has not been touched, is shared, or lies across mappings.
#include "guest.h"
#include <sys/uio.h>
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
int main(void)
{
    int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
    char *p = mmap(0, 64 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    RET(write(null, p, 64 * PAGE));
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    RET(write(fd, p, 10 * PAGE + 1));
    pwrite(fd, "abc", 3, 5 * PAGE - 1);
    char *q = mmap(0, 64 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    RET(pread(fd, q, 64 * PAGE, 0));
    say("%.3s", q + 5 * PAGE - 1);
    // Across two mappings, the second read-only: as much as fits, or EFAULT.
    mprotect(q + 2 * PAGE, PAGE, PROT_READ);
    RET(read(zero, q + 2 * PAGE, 10));
    RET(pread(fd, q + 2 * PAGE - 100, 200, 0));
    mprotect(q + 2 * PAGE, PAGE, PROT_NONE);
    RET(pwrite(fd, q + 2 * PAGE - 100, 200, 0));
    RET(pwrite(fd, q + 2 * PAGE, 200, 0));
    int pipes[2];
    pipe(pipes);
    RET(write(pipes[1], q + 2 * PAGE, 10));
    RET(write(pipes[1], "0123456789", 10));
    RET(read(pipes[0], q + 2 * PAGE, 10));
    RET(write(pipes[1], "x", 1));
    char text[20] = {0};
    RET(read(pipes[0], text, 20));
    say("the pipe has: %s", text);
    // iovec arrays in bad places, bad buffers in good arrays.
    struct iovec v[3] = {{text, 5}, {q + 2 * PAGE, 5}, {text + 5, 5}};
    RET(preadv(fd, v, 3, 0));
    RET(preadv(fd, v + 1, 2, 0));
    RET(readv(fd, (void *)(q + 2 * PAGE), 1));
    RET(readv(fd, (void *)(q + 2 * PAGE - 8), 1));
    return 0;
}
