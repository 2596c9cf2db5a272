// A descriptor in a message whose sender has closed it and died is alive; a pipe in flight keeps its reader waiting.
#include "process.h"
static void send_fd(int s, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    MUST(sendmsg(s, &m, 0));
}
int main(void)
{
    int s[2], p[2];
    char b[10] = {0};
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    pipe(p);
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    reap("sender", CHILD(send_fd(s[0], p[1])));
    close(p[1]);
    RET(read(p[0], b, 1)); // a writer is in flight
    reap("receiver", CHILD({
        char control[CMSG_SPACE(sizeof(int))];
        struct iovec v = {b, 1};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        recvmsg(s[1], &m, 0);
        int fd;
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
        write(fd, "through", 7);
    }));
    RET(read(p[0], b, 9));
    say("%s", b);
    RET(read(p[0], b, 9));
    pipe(p);
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    reap("sender", CHILD(send_fd(s[0], p[1])));
    close(p[1]);
    RET(read(p[0], b, 1));
    close(s[1]); // the message is dropped, and the writer with it
    RET(read(p[0], b, 1));
    return 0;
}
