// Thousands of open descriptors up to the limit, then EMFILE; all usable.
#include "guest.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
int main(void)
{
    struct rlimit l = {5000, 5000};
    struct rlimit old;
    getrlimit(RLIMIT_NOFILE, &old);
    if (old.rlim_max < 5000)
        l.rlim_max = 5000;
    RET(setrlimit(RLIMIT_NOFILE, &l));
    int n = 0, fd, last = 0;
    while ((fd = eventfd((unsigned)n % 7 + 1, EFD_NONBLOCK)) >= 0)
        n++, last = fd;
    say("last %d, then %s", last, error_name(errno));
    int bad = 0;
    for (int i = 3; i <= last; i++) {
        uint64_t v = 0;
        bad += read(i, &v, 8) != 8 || v != (unsigned)(i - 3) % 7 + 1;
    }
    say("bad %d", bad);
    static struct pollfd p[5000];
    for (int i = 0; i < 4997; i++)
        p[i] = (struct pollfd){i + 3, POLLIN, 0};
    eventfd_write(4000, 1), eventfd_write(10, 1);
    RET(poll(p, 4997, 0));
    say("%x %x %x", p[3997].revents, p[7].revents, p[8].revents);
    RET(syscall(SYS_close_range, 100, ~0u, 0));
    RET(eventfd(0, 0));
    return 0;
}
