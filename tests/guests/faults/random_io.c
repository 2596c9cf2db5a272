// Random calls on sockets, pipes and other descriptors from several threads, with signals in between: nothing is checked but
// that the kernel lives. Owners of signals and O_ASYNC are left out: natively the signals would go to other processes.
// args: 1 1
// args: 2 3
// args: 3 2
#include "guest.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/signalfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
static __thread unsigned long long x;
static unsigned r(unsigned n) { x ^= x << 13, x ^= x >> 7, x ^= x << 17; return (unsigned)((x >> 11) % n); }
static char *names[] = {"a", "b", "c", "d/e"};
static void h(int s) { (void)s; }
static char *mem;
static int fd(void) { return 3 + (int)r(60); }
static char *ptr(void) { switch (r(12)) { case 0: return (char *)8; case 1: return mem + 65536 - r(40); default: return mem + r(60000); } }
static size_t len(void) { switch (r(8)) { case 0: return 0; case 1: return r(100000); case 2: return r(5000); default: return r(64); } }
static socklen_t addr(struct sockaddr_un *a) { memset(a, 0, sizeof *a); a->sun_family = r(20) ? 1 : (unsigned short)r(4); if (r(2)) { strcpy(a->sun_path, names[r(4)]); return (socklen_t)sizeof *a; } a->sun_path[1] = (char)('a' + r(4)); return r(9) ? 4 : 2 + (socklen_t)r(120); }
static void msg(struct msghdr *m, struct iovec *v, char *c, struct sockaddr_un *a)
{
    memset(m, 0, sizeof *m);
    for (int i = 0; i < 4; i++) v[i] = (struct iovec){ptr(), len()};
    m->msg_iov = v, m->msg_iovlen = r(5);
    if (r(3) == 0) m->msg_name = a, m->msg_namelen = addr(a);
    if (r(2)) {
        struct cmsghdr *h = (void *)c;
        memset(c, 0, 256);
        int n = (int)r(6);
        h->cmsg_level = SOL_SOCKET, h->cmsg_type = r(6) ? SCM_RIGHTS : SCM_CREDENTIALS, h->cmsg_len = CMSG_LEN(h->cmsg_type == SCM_RIGHTS ? 4 * (unsigned)n : 12);
        if (h->cmsg_type == SCM_RIGHTS) for (int i = 0; i < n; i++) ((int *)CMSG_DATA(h))[i] = fd();
        else ((int *)CMSG_DATA(h))[0] = getpid();
        m->msg_control = c, m->msg_controllen = r(20) ? CMSG_SPACE(4 * (unsigned)n) : r(256);
    }
}
static void one(void)
{
    struct sockaddr_un a, b;
    socklen_t l;
    struct msghdr m;
    struct iovec v[4];
    char c[256] __attribute__((aligned(8)));
    int fds[2];
    loff_t o = r(100000);
    int nb = r(3) ? SOCK_NONBLOCK : 0, type = (int[]){1, 2, 5}[r(3)];
    switch (r(46)) {
    case 0: case 1: socketpair(1, type | nb, 0, fds); break;
    case 2: socket(1, type | nb, 0); break;
    case 3: pipe2(fds, r(3) ? O_NONBLOCK : 0); break;
    case 4: l = addr(&a), bind(fd(), (void *)&a, l); break;
    case 5: listen(fd(), (int)r(3)); break;
    case 6: case 7: l = addr(&a), connect(fd(), (void *)&a, l); break;
    case 8: l = sizeof a, accept4(fd(), r(2) ? (void *)&a : 0, &l, nb); break;
    case 9: case 10: case 11: msg(&m, v, c, &a), sendmsg(fd(), &m, (r(3) ? MSG_DONTWAIT : 0) | (r(20) ? 0 : (int)r(0x10000))); break;
    case 12: case 13: case 14: msg(&m, v, c, &a), recvmsg(fd(), &m, (r(3) ? MSG_DONTWAIT : 0) | (r(5) ? 0 : MSG_PEEK) | (r(9) ? 0 : MSG_WAITALL)); break;
    case 15: l = addr(&a), sendto(fd(), ptr(), len(), MSG_DONTWAIT, (void *)&a, l); break;
    case 16: write(fd(), ptr(), len()); break;
    case 17: read(fd(), ptr(), len()); break;
    case 18: case 19: case 20: close(fd()); break;
    case 21: shutdown(fd(), (int)r(4)); break;
    case 22: splice(fd(), r(4) ? 0 : &o, fd(), r(4) ? 0 : &o, len(), r(16)); break;
    case 23: tee(fd(), fd(), len(), r(4)); break;
    case 24: v[0] = (struct iovec){ptr(), len()}, v[1] = (struct iovec){ptr(), len()}, vmsplice(fd(), v, r(3), r(16)); break;
    case 25: sendfile(fd(), fd(), r(2) ? 0 : &o, len()); break;
    case 26: dup2(fd(), fd()); break;
    case 27: fcntl(fd(), F_SETFL, r(2) ? O_NONBLOCK : r(0x10000) & ~(unsigned)O_ASYNC); break;
    case 28: fcntl(fd(), (int[]){F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_GETOWN, F_GETSIG, F_GETPIPE_SZ, F_GET_SEALS}[r(8)], r(60)); break;
    case 29: fcntl(fd(), F_SETPIPE_SZ, r(200000)); break;
    case 30: ioctl(fd(), (unsigned long[]){FIONREAD, FIONBIO, TIOCOUTQ, FIOCLEX}[r(4)], ptr()); break;
    case 31: l = (socklen_t)r(20), getsockopt(fd(), 1, (int)r(60), ptr(), &l); break;
    case 32: { int value[4] = {(int)r(100000), (int)r(1000), 0, 0}; setsockopt(fd(), 1, (int)r(60), value, (socklen_t)r(20)); break; }
    case 33: l = sizeof b, getsockname(fd(), (void *)&b, &l), getpeername(fd(), (void *)&b, &l); break;
    case 34: epoll_create1(0); break;
    case 35: case 36: { struct epoll_event e = {.events = r(2) ? r(0x4000) : (EPOLLET | EPOLLIN | EPOLLOUT | EPOLLONESHOT), .data.u32 = 1}; epoll_ctl(fd(), 1 + (int)r(3), fd(), &e); break; }
    case 37: { struct epoll_event e[8]; epoll_wait(fd(), e, 8, (int)r(3)); break; }
    case 38: { struct pollfd p[20]; for (int i = 0; i < 20; i++) p[i] = (struct pollfd){fd(), (short)r(64), 0}; poll(p, 20, (int)r(3)); break; }
    case 39: eventfd(r(3), r(2) ? EFD_NONBLOCK : 0); break;
    case 40: { int t = timerfd_create(1, r(2) ? O_NONBLOCK : 0); struct itimerspec s = {{0, 10000000}, {0, 10000000}}; timerfd_settime(t, 0, &s, 0); break; }
    case 41: unlink(names[r(4)]); break;
    case 42: r(2) ? mkfifo(names[r(4)], 0600) : mkdir("d", 0700); break;
    case 43: open(names[r(4)], (int)r(3) | (r(3) ? O_NONBLOCK : 0) | (r(2) ? O_CREAT : 0), 0600); break;
    case 44: preadv2(fd(), v, 0, -1, (int)r(32)); lseek(fd(), r(1000), (int)r(5)); ftruncate(fd(), r(100000)); break;
    case 45: { char path[40]; snprintf(path, sizeof path, "/proc/self/fd/%d", fd()); open(path, (int)r(3) | O_NONBLOCK); struct stat s; stat(path, &s); readlink(path, mem, 100); break; }
    }
}
static int count;
static void *run(void *seed)
{
    x = (unsigned long)seed * 0x9e3779b97f4a7c15ull + 1;
    for (int i = 0; i < count; i++) one();
    return 0;
}
int main(int argc UNUSED, char **argv)
{
    unsigned long seed = strtoul(argv[1], 0, 0);
    int threads = atoi(argv[2]);
    struct sigaction sa = {.sa_handler = h};
    struct itimerval it = {{0, 3000}, {0, 3000}};
    pthread_t t[4];
    count = 10000;
    close_range(3, ~0u, 0);
    sigaction(SIGALRM, &sa, 0), signal(SIGPIPE, SIG_IGN), signal(SIGXFSZ, SIG_IGN);
    setitimer(ITIMER_REAL, &it, 0);
    mem = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < threads; i++)
        pthread_create(&t[i], 0, run, (void *)(seed * 100 + (unsigned long)i));
    // Calls that block are interrupted: of all threads, since one may wait for a lock that another holds while it sleeps (a splice from a
    // socket holds its pipe's lock, and close(2) of that pipe waits for it, deaf to signals).
    bool over[4] = {false};
    for (int left = threads; left > 0; usleep(3000))
        for (int i = 0; i < threads; i++)
            if (!over[i]) {
                if (pthread_tryjoin_np(t[i], 0) == 0) over[i] = true, left--;
                else pthread_kill(t[i], SIGALRM);
            }
    say("done");
    return 0;
}
