// UNIX socket pairs: streams, datagrams, sequenced packets; shutdown, peeking, options, passing descriptors, errors.
// allow: socketpair\(AF_INET, SOCK_STREAM, 0, s\) = EOPNOTSUPP => .* = EAFNOSUPPORT : the Internet families are not served inside the VM
#include "guest.h"
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
static void pass(int from, int to, int fd)
{
    char text[5] = "fd", control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec v = {text, 3};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    RET(sendmsg(from, &m, 0));
    memset(control, 0, sizeof control), memset(text, 0, sizeof text);
    m.msg_controllen = sizeof control, v.iov_len = 5;
    RET(recvmsg(to, &m, MSG_CMSG_CLOEXEC));
    c = CMSG_FIRSTHDR(&m);
    int got = -1;
    if (c)
        memcpy(&got, CMSG_DATA(c), sizeof got);
    say("%s, control %d flags %x, another descriptor %d, close-on-exec %d", text, c && c->cmsg_type == SCM_RIGHTS, m.msg_flags & ~MSG_CMSG_CLOEXEC,
        got >= 0 && got != fd, fcntl(got, F_GETFD));
    char c1 = 0;
    pread(got, &c1, 1, 0);
    say("reads %c", c1);
    close(got);
}
static void *late(void *fd)
{
    sleep_ms(15);
    send((int)(long)fd, "late", 4, 0);
    return NULL;
}
int main(void)
{
    int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    put_file("f", "content", 7);
    int file = open("f", O_RDONLY);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 3; i++) {
        int s[2], n, value;
        socklen_t length = sizeof value;
        char b[100] = {0};
        say("type %d", types[i]);
        RET(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, s));
        RET(fcntl(s[0], F_GETFD));
        RET(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &value, &length));
        say("type %d", value);
        RET(send(s[0], "one", 3, 0));
        RET(send(s[0], "second", 6, 0));
        RET(ioctl(s[1], FIONREAD, &n));
        say("waiting %d", n);
        RET(recv(s[1], b, 2, MSG_PEEK));
        RET(recv(s[1], b, 2, 0));
        RET(recv(s[1], b + 2, 90, 0));
        say("%s", b);
        RET(recv(s[1], b, 90, MSG_DONTWAIT));
        RET(recv(s[0], b, 90, MSG_DONTWAIT));
        RET(send(s[1], "", 0, 0));
        RET(recv(s[0], b, 90, MSG_DONTWAIT));
        pass(s[0], s[1], file);
        pthread_t t;
        pthread_create(&t, 0, late, (void *)(long)s[1]);
        RET(read(s[0], b, 90));
        pthread_join(t, 0);
        RET(shutdown(s[0], SHUT_WR));
        RET(send(s[0], "x", 1, MSG_NOSIGNAL));
        RET(recv(s[1], b, 90, MSG_DONTWAIT));
        RET(shutdown(s[0], 7));
        struct sockaddr_un name;
        length = sizeof name;
        RET(getsockname(s[0], (void *)&name, &length));
        say("family %d length %d", name.sun_family == AF_UNIX, (int)length);
        close(s[1]);
        RET(send(s[0], "x", 1, MSG_NOSIGNAL));
        RET(recv(s[0], b, 90, MSG_DONTWAIT));
        close(s[0]);
    }
    int s[2];
    RET(socketpair(AF_UNIX, 77, 0, s));
    RET(socketpair(AF_UNIX, SOCK_STREAM, 5, s));
    RET(socketpair(AF_INET, SOCK_STREAM, 0, s));
    RET(socketpair(999, SOCK_STREAM, 0, s));
    RET(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8));
    // A full stream buffer: nonblocking writes end in EAGAIN.
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s);
    static char big[1 << 20];
    long total = 0, n;
    while ((n = write(s[0], big, sizeof big)) > 0)
        total += n;
    say("then %s, some went in: %d", error_name(errno), total > 4096);
    while ((n = read(s[1], big, sizeof big)) > 0)
        total -= n;
    say("read back all: %d", total == 0);
    RET(recv(file, big, 1, 0));
    RET(send(99, big, 1, 0));
    struct ucred cred;
    socklen_t length = sizeof cred;
    RET(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &length));
    YES(cred.pid == getpid() && cred.uid == getuid());
    return 0;
}
