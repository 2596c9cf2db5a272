// eventfd across fork: sums, semaphore mode, blocking, poll; the maker killed.
// variants: static musl
#include "process.h"
#include <sys/eventfd.h>
int main(void)
{
    uint64_t v;
    int fd = eventfd(0, 0);
    pid_t child[4];
    for (int i = 0; i < 4; i++)
        child[i] = CHILD(for (int k = 0; k < 100; k++) eventfd_write(fd, i + 1));
    for (int i = 0; i < 4; i++)
        status_of(child[i]);
    read(fd, &v, 8);
    say("sum %lu", v);
    pid_t reader = CHILD(read(fd, &v, 8); say("woken with %lu", v));
    settle(reader);
    eventfd_write(fd, 9);
    reap("reader", reader);
    int semaphore = eventfd(5, EFD_SEMAPHORE | EFD_NONBLOCK), total = 0;
    for (int i = 0; i < 4; i++)
        child[i] = CHILD(int n = 0; while (read(semaphore, &v, 8) == 8) n += v; _exit(n));
    for (int i = 0; i < 4; i++)
        total += WEXITSTATUS(status_of(child[i]));
    say("semaphore %d", total);
    eventfd_write(fd, UINT64_MAX - 1);
    pid_t writer = CHILD(eventfd_write(fd, 3); _exit(8));
    settle(writer);
    RET(waitpid(writer, NULL, WNOHANG));
    read(fd, &v, 8);
    say("full: %d", v == UINT64_MAX - 1);
    reap("writer", writer);
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    RET(poll(&p, 1, 0));
    say("revents %x", p.revents);
    return 0;
}
