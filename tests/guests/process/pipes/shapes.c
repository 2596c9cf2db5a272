// Pipes of odd shapes at the first fork: opened once more through /proc, both ways, larger than usual and filled, with packets, an end only in a
// message, a FIFO that others open by its name afterwards.
// variants: static musl
#include "process.h"
#include <sys/ioctl.h>
static int send_fd(int s, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec v = {"d", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(s, &m, 0);
}
static int receive_fd(int s)
{
    char control[CMSG_SPACE(sizeof(int))], b;
    struct iovec v = {&b, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int fd = -1;
    if (recvmsg(s, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}
int main(void)
{
    char path[40], b[100];
    int again[2], both, large[2], packets[2], flying[2], s[2], unread = 0;
    pipe(again);
    snprintf(path, sizeof path, "/proc/self/fd/%d", again[0]);
    int second = open(path, O_RDONLY | O_NONBLOCK);
    snprintf(path, sizeof path, "/proc/self/fd/%d", again[1]);
    both = open(path, O_RDWR);
    pipe(large);
    fcntl(large[1], F_SETPIPE_SZ, 1 << 20), fcntl(large[1], F_SETFL, O_NONBLOCK);
    static char block[1 << 20];
    RET(write(large[1], block, sizeof block));
    pipe2(packets, O_DIRECT);
    write(packets[1], "one", 3), write(packets[1], "three", 5);
    pipe(flying), socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    RET(send_fd(s[0], flying[1]));
    close(flying[1]);
    mkfifo("fifo", 0600);
    int fifo = open("fifo", O_RDWR);
    write(fifo, "before", 6);
    int quiet = (mkfifo("quiet", 0600), open("quiet", O_RDONLY | O_NONBLOCK));
    struct pollfd p = {quiet, POLLIN, 0};
    RET(poll(&p, 1, 0));
    reap("child", CHILD({
        RET(read(second, b, 10));
        write(again[1], "x", 1);
        RET(read(second, b, 10));
        write(both, "y", 1);
        RET(read(both, b, 10));
        RET(fcntl(large[0], F_GETPIPE_SZ));
        ioctl(large[0], FIONREAD, &unread);
        say("unread %d", unread);
        RET(write(large[1], "z", 1));
        RET(read(packets[0], b, 100));
        RET(read(packets[0], b, 100));
        int writer = receive_fd(s[1]);
        RET(write(writer, "from a message", 14));
        int named = open("fifo", O_RDONLY | O_NONBLOCK);
        RET(read(named, b, 100));
        RET(poll(&p, 1, 0));
        int w = open("quiet", O_WRONLY);
        write(w, "q", 1);
        RET(poll(&p, 1, 0));
        RET(read(quiet, b, 10));
        close(w);
        RET(poll(&p, 1, 0));
        say("revents %x", p.revents);
    }));
    RET(read(flying[0], b, 100));
    RET(read(flying[0], b, 100));
    close(again[1]), close(both);
    RET(read(second, b, 10));
    RET(read(again[0], b, 10));
    return 0;
}
