// Messages over UNIX sockets: sendto, recvfrom, sendmsg, recvmsg and their plural forms; flags, ancillary data, time-outs.
#include "guest.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
static union {
    char bytes[400];
    struct cmsghdr align;
} control;
static struct sockaddr_un from;
static struct iovec vector[3];
static struct msghdr header;
static char buffer[300];
static socklen_t named(struct sockaddr_un *a, const char *name)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    strcpy(a->sun_path + 1, name);
    return (socklen_t)(3 + strlen(name));
}
static struct msghdr *message(void *text, size_t size)
{
    memset(&header, 0, sizeof header);
    vector[0] = (struct iovec){text, size};
    header.msg_iov = vector, header.msg_iovlen = 1;
    return &header;
}
static void *put(int type, const void *data, size_t size)
{
    struct cmsghdr *c = &control.align;
    memset(&control, 0, sizeof control);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = type, c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), data, size);
    header.msg_control = &control, header.msg_controllen = CMSG_SPACE(size);
    return c;
}
static void receive(int fd, size_t size, size_t room, int flags)
{
    memset(buffer, 0, sizeof buffer), memset(&control, 0, sizeof control), memset(&from, 0, sizeof from);
    message(buffer, size);
    header.msg_name = &from, header.msg_namelen = sizeof from;
    header.msg_control = room ? &control : 0, header.msg_controllen = room;
    long r = recvmsg(fd, &header, flags);
    if (r < 0) {
        say("recvmsg %s", error_name(errno));
        return;
    }
    say("recvmsg %ld %.20s flags %x name %u %s control %zu", r, buffer, header.msg_flags, header.msg_namelen, from.sun_path + 1, header.msg_controllen);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_type == SCM_RIGHTS) {
            int count = (int)((c->cmsg_len - CMSG_LEN(0)) / 4), fds[100];
            memcpy(fds, CMSG_DATA(c), (size_t)count * 4);
            say(" %d descriptors", count);
            for (int i = 0; i < count; i++) {
                char b = '?';
                pread(fds[i], &b, 1, 0);
                say("  %c cloexec %d", b, fcntl(fds[i], F_GETFD));
                close(fds[i]);
            }
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred u;
            memcpy(&u, CMSG_DATA(c), sizeof u);
            say(" credentials %d %d %d", u.pid == getpid(), u.uid == getuid(), u.gid == getgid());
        }
    }
}
static void *late(void *fd)
{
    for (int i = 0; i < 3; i++)
        sleep_ms(10), send((int)(long)fd, "part", 4, 0);
    return NULL;
}
static void handler(int s) { (void)s; }
int main(void)
{
    struct sockaddr_un a;
    socklen_t n, length;
    int s[2], one, two, value = 1, file, other;
    signal(SIGPIPE, SIG_IGN);
    put_file("f", "first", 5), put_file("g", "second", 6);
    file = open("f", O_RDONLY), other = open("g", O_RDONLY);
    // Datagrams by address.
    one = MUST(socket(AF_UNIX, SOCK_DGRAM, 0)), two = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
    RET(send(one, "x", 1, 0));
    n = named(&a, "ramet-two");
    RET(sendto(one, "x", 1, 0, (void *)&a, n));
    MUST(bind(two, (void *)&a, n));
    RET(sendto(one, "nameless", 8, 0, (void *)&a, n));
    receive(two, 20, 0, 0);
    named(&from, "ramet-one");
    MUST(bind(one, (void *)&from, 12));
    RET(sendto(one, "from one", 8, MSG_DONTWAIT, (void *)&a, n));
    length = sizeof from;
    memset(&from, 0, sizeof from);
    RET(recvfrom(two, buffer, 4, MSG_TRUNC, (void *)&from, &length));
    say("%.4s from %s length %u", buffer, from.sun_path + 1, length);
    message("gather", 3), vector[1] = (struct iovec){"ed text", 7}, header.msg_iovlen = 2, header.msg_name = &a, header.msg_namelen = n;
    RET(sendmsg(one, &header, 0));
    receive(two, 4, 0, 0);
    RET(sendto(one, "gathered", 8, 0, (void *)&a, n));
    RET(recv(two, 0, 0, MSG_PEEK | MSG_TRUNC));
    receive(two, 40, 0, MSG_PEEK);
    receive(two, 40, 0, MSG_CMSG_CLOEXEC);
    receive(two, 40, 0, MSG_DONTWAIT);
    RET(sendmsg(one, message("", 0), MSG_OOB));
    message("x", 1), header.msg_iovlen = 1025;
    RET(sendmsg(one, &header, 0));
    RET(recvmsg(two, &header, 0));
    message("x", 1), header.msg_name = &a, header.msg_namelen = (socklen_t)-1;
    RET(sendmsg(one, &header, 0));
    header.msg_namelen = 1;
    RET(sendmsg(one, &header, 0));
    RET(sendto(one, "x", 1, 0, (void *)&a, 2));
    RET(sendto(one, "x", 1, 0, (void *)&a, 129));
    static char big[300000];
    RET(sendto(one, big, sizeof big, 0, (void *)&a, n));
    RET(connect(one, (void *)&a, n));
    RET(send(one, "connected", 9, 0));
    receive(two, 40, 0, 0);
    RET(send(two, "back", 4, 0));
    RET(sendto(one, "x", 1, 0, (void *)&a, n));
    receive(two, 40, 0, 0);
    // Only whom it is connected to may send to it.
    named(&from, "ramet-one");
    int third = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
    RET(sendto(third, "x", 1, 0, (void *)&from, 12));
    RET(connect(third, (void *)&from, 12));
    a.sun_family = AF_UNSPEC;
    RET(connect(one, (void *)&a, sizeof a));
    RET(sendto(third, "x", 1, 0, (void *)&from, 12));
    a.sun_family = AF_UNIX;
    RET(connect(one, (void *)&a, n));
    close(two);
    RET(send(one, "x", 1, 0));
    RET(send(one, "x", 1, 0));
    close(one), close(third);
    // A receiver that does not keep up.
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    two = MUST(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    n = named(&a, "ramet-slow");
    MUST(bind(two, (void *)&a, n));
    one = MUST(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    MUST(connect(one, (void *)&a, n));
    for (value = 0; send(one, "x", 1, 0) == 1; value++)
        ;
    say("%d messages fit: %s", value, error_name(errno));
    struct pollfd p = {one, POLLOUT, 0};
    RET(poll(&p, 1, 0));
    RET(recv(two, buffer, 9, 0));
    RET(poll(&p, 1, 0));
    close(one), close(two), close(s[0]), close(s[1]);
    // Ancillary data on each type.
    int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    for (int i = 0; i < 3; i++) {
        say("type %d", types[i]);
        MUST(socketpair(AF_UNIX, types[i], 0, s));
        int fds[2] = {file, other};
        message("two", 3), put(SCM_RIGHTS, fds, 8);
        RET(sendmsg(s[0], &header, 0));
        RET(sendmsg(s[0], &header, 0));
        RET(send(s[0], "plain", 5, 0));
        receive(s[1], 40, sizeof control, 0);
        receive(s[1], 2, CMSG_SPACE(4), MSG_CMSG_CLOEXEC);
        receive(s[1], 40, sizeof control, 0);
        receive(s[1], 40, sizeof control, MSG_DONTWAIT);
        RET(sendmsg(s[0], &header, 0));
        message("three", 5), put(SCM_RIGHTS, fds, 8);
        RET(sendmsg(s[0], &header, 0));
        receive(s[1], 40, 0, 0);
        message("three", 5), put(SCM_RIGHTS, fds, 8);
        RET(sendmsg(s[0], &header, 0));
        receive(s[1], 40, 17, 0);
        receive(s[1], 40, 10, MSG_DONTWAIT);
        fds[1] = 999, message("bad", 3), put(SCM_RIGHTS, fds, 8);
        RET(sendmsg(s[0], &header, 0));
        struct cmsghdr *c = put(SCM_RIGHTS, &file, 4);
        c->cmsg_len = 15;
        RET(sendmsg(s[0], &header, 0));
        c->cmsg_len = 1000;
        RET(sendmsg(s[0], &header, 0));
        c = put(SCM_RIGHTS, &file, 0);
        RET(sendmsg(s[0], &header, 0));
        c = put(99, &file, 4);
        RET(sendmsg(s[0], &header, 0));
        c = put(99, &file, 4), c->cmsg_level = 41;
        RET(sendmsg(s[0], &header, 0));
        header.msg_controllen = 3000000000;
        RET(sendmsg(s[0], &header, 0));
        while (recv(s[1], buffer, sizeof buffer, MSG_DONTWAIT) > 0)
            ;
        // Credentials.
        struct ucred who = {getpid(), getuid(), getgid()};
        value = 1;
        RET(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &value, sizeof value));
        RET(send(s[0], "who", 3, 0));
        receive(s[1], 40, sizeof control, 0);
        message("me", 2), put(SCM_CREDENTIALS, &who, sizeof who);
        RET(sendmsg(s[0], &header, 0));
        receive(s[1], 40, sizeof control, 0);
        RET(send(s[0], "cut", 3, 0));
        receive(s[1], 40, CMSG_LEN(4), 0);
        RET(send(s[0], "none", 4, 0));
        receive(s[1], 40, 0, 0);
        who.pid = 999999, message("no", 2), put(SCM_CREDENTIALS, &who, sizeof who);
        RET(sendmsg(s[0], &header, 0));
        put(SCM_CREDENTIALS, &who, 8);
        RET(sendmsg(s[0], &header, 0));
        // Several at once.
        struct mmsghdr many[4];
        struct iovec v[4] = {{"aa", 2}, {"bbb", 3}, {"", 0}, {(void *)8, 4}};
        memset(many, 0, sizeof many);
        for (int k = 0; k < 4; k++)
            many[k].msg_hdr.msg_iov = &v[k], many[k].msg_hdr.msg_iovlen = 1;
        RET(sendmmsg(s[0], many, 4, 0));
        say("%u %u %u", many[0].msg_len, many[1].msg_len, many[2].msg_len);
        RET(sendmmsg(s[0], many + 3, 1, 0));
        RET(sendmmsg(s[0], many, 0, 0));
        char in[4][8] = {{0}};
        for (int k = 0; k < 4; k++)
            v[k] = (struct iovec){in[k], 7}, many[k].msg_len = 77;
        RET(recvmmsg(s[1], many, 4, MSG_WAITFORONE, 0));
        say("%u %u %u %s %s", many[0].msg_len, many[1].msg_len, many[2].msg_len, in[0], in[1]);
        struct timespec bad = {-1, 0}, brief = {0, 0};
        RET(recvmmsg(s[1], many, 4, MSG_DONTWAIT, &bad));
        RET(recvmmsg(s[1], many, 4, MSG_DONTWAIT, 0));
        RET(send(s[0], "t", 1, 0));
        sleep_ms(2);
        RET(recvmmsg(s[1], many, 4, 0, &brief));
        // Time-outs, and signals in them.
        struct timeval soon = {0, 20000}, is = {9, 9};
        RET(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon));
        length = sizeof is;
        RET(getsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &is, &length));
        say("%ld %ld", (long)is.tv_sec, (long)is.tv_usec);
        RET(recv(s[1], buffer, 9, 0));
        RET(read(s[1], buffer, 9));
        is = (struct timeval){0, 1000000};
        RET(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &is, sizeof is));
        RET(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &is, 4));
        struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
        sigaction(SIGALRM, &sa, 0);
        is = (struct timeval){5, 0};
        setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &is, sizeof is);
        ualarm(10000, 0);
        RET(recv(s[1], buffer, 9, 0));
        // Everything that was asked for.
        pthread_t t;
        pthread_create(&t, 0, late, (void *)(long)s[0]);
        RET(recv(s[1], buffer, 10, MSG_WAITALL));
        pthread_join(t, 0);
        RET(recv(s[1], buffer, 10, MSG_WAITALL | MSG_DONTWAIT));
        RET(recv(s[1], buffer, 10, MSG_OOB));
        // What is in a socket that nobody reads is lost, and said.
        while (recv(s[1], buffer, sizeof buffer, MSG_DONTWAIT) > 0)
            ;
        RET(send(s[0], "unread", 6, 0));
        close(s[1]);
        RET(recv(s[0], buffer, 9, MSG_DONTWAIT));
        RET(recv(s[0], buffer, 9, MSG_DONTWAIT));
        RET(send(s[0], "x", 1, MSG_NOSIGNAL));
        close(s[0]);
    }
    // Options.
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    value = 100, length = sizeof value;
    RET(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &value, sizeof value));
    RET(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &value, &length));
    say("%d", value);
    length = 1, value = -1;
    RET(getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &value, &length));
    say("%x %u", value, length);
    length = (socklen_t)-4;
    RET(getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &value, &length));
    RET(getsockopt(s[0], SOL_SOCKET, 9999, &value, (length = 4, &length)));
    RET(getsockopt(s[0], 6, 1, &value, &length));
    RET(setsockopt(s[0], 6, 1, &value, 4));
    RET(setsockopt(s[0], SOL_SOCKET, SO_TYPE, &value, 4));
    RET(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &value, 3));
    RET(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &value, -1));
    RET(setsockopt(file, SOL_SOCKET, SO_SNDBUF, &value, 4));
    RET(getsockopt(99, SOL_SOCKET, SO_SNDBUF, &value, &length));
    RET(send(file, "x", 1, 0));
    RET(recv(99, buffer, 1, 0));
    value = 1;
    RET(ioctl(s[1], FIONBIO, &value));
    RET(read(s[1], buffer, 9));
    RET(write(s[0], "", 0));
    RET(readv(s[1], vector, 0));
    // A write that does not fit a blocking stream waits; one that does not block takes a part.
    fcntl(s[0], F_SETFL, O_NONBLOCK);
    long put_there = write(s[0], big, sizeof big);
    YES(put_there > 0 && put_there < (long)sizeof big);
    RET(write(s[0], big, 1));
    shutdown(s[1], SHUT_RD);
    RET(write(s[0], big, 1));
    RET(lseek(s[0], 0, SEEK_SET));
    RET(pread(s[0], buffer, 1, 0));
    RET(ftruncate(s[0], 0));
    RET(fsync(s[0]));
    return 0;
}
