// System calls on shared memory: read into it, write from it, futex and poll structures in it, from several processes.
#include "process.h"
int main(void)
{
    char *p = shared_page(4 * PAGE);
    put_file("f", "from the file", 13);
    int fd[2];
    pipe(fd);
    reap("reads into it", CHILD(RET(read(open("f", O_RDONLY), p + PAGE - 5, 20))));
    say("%.13s", p + PAGE - 5);
    reap("writes from it", CHILD(RET(write(fd[1], p + PAGE - 5, 13))));
    RET(read(fd[0], p + 3 * PAGE, 100));
    reap("looks", CHILD(say("%.13s", p + 3 * PAGE)));
    struct pollfd *q = (void *)(p + 100);
    *q = (struct pollfd){fd[1], POLLOUT, 0};
    reap("polls", CHILD(RET(poll(q, 1, 0))));
    say("revents %x", q->revents);
    reap("gets the time", CHILD(clock_gettime(CLOCK_REALTIME, (void *)(p + 200))));
    YES(((struct timespec *)(p + 200))->tv_sec > 1000000000);
    reap("name", CHILD(RET(syscall(SYS_getcwd, p + 300, 200) > 1)));
    YES(p[300] == '/');
    return 0;
}
