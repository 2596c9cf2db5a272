// Random calls on internet and netlink sockets from several threads, with signals in between: nothing is checked but that the kernel lives.
// args: 1 1
// args: 2 3
// args: 3 2
#include "guest.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

static __thread unsigned long long x;
static unsigned r(unsigned n)
{
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return (unsigned)((x >> 11) % n);
}
#ifndef CALLS
#define CALLS 10000
#endif
static unsigned short ports[6];
static char *mem;
static int count;

static void handler(int s) { (void)s; }
static int fd(void) { return 3 + (int)r(50); }
static char *pointer(void) { return r(15) == 0 ? (char *)8 : r(10) == 0 ? mem + 65536 - r(40) : mem + r(40000); }
static size_t length(void)
{
    switch (r(8)) {
    case 0: return 0;
    case 1: return r(100000);
    case 2: return r(5000);
    default: return r(64);
    }
}

// An address of the loopback, mostly.
static socklen_t target(struct sockaddr_storage *a)
{
    struct sockaddr_in *v4 = (void *)a;
    struct sockaddr_in6 *v6 = (void *)a;
    memset(a, 0, sizeof *a);
    unsigned short port = r(12) ? ports[r(6)] : 0;
    socklen_t size = sizeof *v4;
    if (r(3)) {
        v4->sin_family = r(30) ? AF_INET : (unsigned short)r(20), v4->sin_port = port;
        v4->sin_addr.s_addr = htonl(r(4) ? INADDR_LOOPBACK + r(2) : r(2) ? INADDR_ANY : 0x7fffffff);
    } else {
        v6->sin6_family = AF_INET6, v6->sin6_port = port, size = sizeof *v6;
        inet_pton(AF_INET6, (const char *[]){"::1", "::", "::ffff:127.0.0.1"}[r(3)], &v6->sin6_addr);
    }
    return r(30) ? size : r(60);
}

static void message(struct msghdr *m, struct iovec *v, char *control, struct sockaddr_storage *a)
{
    memset(m, 0, sizeof *m);
    for (int i = 0; i < 4; i++)
        v[i] = (struct iovec){pointer(), length()};
    m->msg_iov = v, m->msg_iovlen = r(5);
    if (r(2))
        m->msg_name = a, m->msg_namelen = target(a);
    if (r(2)) {
        struct cmsghdr *h = (void *)control;
        for (int i = 0; i < 256; i++)
            control[i] = (char)(r(3) ? 0 : r(256));
        h->cmsg_level = (int[]){0, 1, 6, 17, 41}[r(5)], h->cmsg_type = (int[]){1, 2, 8, 50, 52, 67}[r(6)];
        h->cmsg_len = CMSG_LEN(0) + (r(6) ? 4 + 8 * r(3) : r(60));
        m->msg_control = control, m->msg_controllen = r(20) ? h->cmsg_len : r(256);
    }
}

static void one(void)
{
    struct sockaddr_storage a, b;
    socklen_t l;
    struct msghdr m;
    struct iovec v[4];
    char control[256] __attribute__((aligned(8)));
    int flags = (r(3) ? MSG_DONTWAIT : 0) | (int)(1u << r(16)) | (r(2) ? MSG_NOSIGNAL : 0), nb = r(3) ? SOCK_NONBLOCK : 0, value = (int)r(3);
    int level = (int[]){0, 1, 6, 17, 41}[r(5)];
    switch (r(34)) {
    case 0: case 1: case 2: socket(r(4) ? AF_INET : AF_INET6, (r(4) ? SOCK_STREAM : SOCK_DGRAM) | nb, 0); break;
    case 3: socket(r(3) ? AF_NETLINK : AF_INET, SOCK_RAW | nb, (int)r(3)); break;
    case 4: case 5: l = target(&a), bind(fd(), (void *)&a, l); break;
    case 6: case 7: listen(fd(), (int)r(4)); break;
    case 8: case 9: case 10: case 11: l = target(&a), connect(fd(), (void *)&a, l); break;
    case 12: case 13: l = sizeof a, accept4(fd(), r(2) ? (void *)&a : 0, &l, nb); break;
    case 14: shutdown(fd(), (int)r(4)); break;
    case 15: case 16: close(fd()); break;
    case 17: l = target(&a), sendto(fd(), pointer(), length(), flags, r(2) ? (void *)&a : 0, l); break;
    case 18: case 19: send(fd(), pointer(), length(), flags); break;
    case 20: case 21: recv(fd(), pointer(), length(), flags); break;
    case 22: l = sizeof b, recvfrom(fd(), pointer(), length(), flags, (void *)&b, &l); break;
    case 23: message(&m, v, control, &a), sendmsg(fd(), &m, flags); break;
    case 24: message(&m, v, control, &a), recvmsg(fd(), &m, flags); break;
    case 25: write(fd(), pointer(), length()); break;
    case 26: read(fd(), pointer(), length()); break;
    case 27: l = r(20), getsockopt(fd(), level, (int)r(70), pointer(), &l); break;
    case 28: level == 1 && r(3) ? 0 : setsockopt(fd(), level, (int)r(70), r(2) ? (void *)&value : pointer(), r(20)); break;
    case 29: l = sizeof a, r(2) ? getsockname(fd(), (void *)&a, &l) : getpeername(fd(), (void *)&a, &l); break;
    case 30: ioctl(fd(), (unsigned long[]){FIONREAD, TIOCOUTQ, SIOCATMARK, 0x8912, 0x8913, 0x8933}[r(6)], pointer()); break;
    case 31: { struct pollfd p[3] = {{fd(), POLLIN, 0}, {fd(), POLLOUT | POLLPRI, 0}, {fd(), 0x2000, 0}}; poll(p, 3, (int)r(3)); break; }
    case 32: { struct epoll_event e = {r(2) ? EPOLLIN | EPOLLET : EPOLLOUT, {0}}; int n = fd(); r(4) ? 0 : epoll_create1(0); epoll_ctl(n, (int)r(4), fd(), &e); epoll_wait(n, &e, 1, 0); break; }
    case 33: fcntl(fd(), F_SETFL, r(2) ? O_NONBLOCK : 0); break;
    }
}

static void *run(void *seed)
{
    x = (unsigned long)seed * 0x9e3779b97f4a7c15ull + 1;
    for (int i = 0; i < count; i++)
        one();
    return 0;
}

int main(int argc UNUSED, char **argv)
{
    unsigned long seed = strtoul(argv[1], 0, 0);
    int threads = atoi(argv[2]);
    struct sigaction action = {.sa_handler = handler};
    pthread_t t[4];
    bool over[4] = {false};
    count = CALLS;
    close_range(3, ~0u, 0);
    sigaction(SIGALRM, &action, 0), signal(SIGPIPE, SIG_IGN), signal(SIGXFSZ, SIG_IGN);
    mem = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    // Ports that nobody else has.
    for (int i = 0; i < 6; i++) {
        int s = socket(AF_INET, i & 1 ? SOCK_DGRAM : SOCK_STREAM, 0);
        struct sockaddr_in a = {.sin_family = AF_INET};
        socklen_t l = sizeof a;
        bind(s, (void *)&a, l), getsockname(s, (void *)&a, &l);
        ports[i] = a.sin_port;
        close(s);
    }
    for (int i = 0; i < threads; i++)
        pthread_create(&t[i], 0, run, (void *)(seed * 100 + (unsigned long)i));
    // Calls that block are interrupted.
    for (int left = threads; left > 0; usleep(3000))
        for (int i = 0; i < threads; i++)
            if (!over[i]) {
                if (pthread_tryjoin_np(t[i], 0) == 0)
                    over[i] = true, left--;
                else
                    pthread_kill(t[i], SIGALRM);
            }
    say("done");
    return 0;
}
