// A connected socket handed to a child of another parent, which serves the client; the accepter closes its own.
#include "process.h"
#include <sys/un.h>
int main(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), s[2];
    bind(listener, (void *)&a, sizeof a), listen(listener, 5);
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
    pid_t worker = CHILD({
        char control[CMSG_SPACE(sizeof(int))];
        char b[20] = {0};
        struct iovec v = {b, 1};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        close(listener);
        recvmsg(s[1], &m, 0);
        int fd;
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
        long n = read(fd, b, 19);
        say("worker got %.*s", (int)n, b);
        write(fd, "from the worker", 15);
    });
    pid_t accepter = CHILD({
        int c = accept(listener, NULL, NULL);
        char control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec v = {"x", 1};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET, h->cmsg_type = SCM_RIGHTS, h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &c, sizeof(int));
        sendmsg(s[0], &m, 0);
    });
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    char b[30] = {0};
    connect(c, (void *)&a, sizeof a);
    write(c, "request", 7);
    read(c, b, 29);
    say("client got %s", b);
    RET(read(c, b, 29));
    reap("accepter", accepter), reap("worker", worker);
    return 0;
}
