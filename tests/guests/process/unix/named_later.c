// Names made after the session has begun are everybody's: a socket that a child binds, in both namespaces, a FIFO that it makes; descriptors of
// all kinds that it makes then and sends, a device among them.
#include "process.h"
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/un.h>
static int s[2];
static void send_fds(const int *fd, int count)
{
    char control[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct iovec v = {"d", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fd, count * sizeof(int));
    MUST(sendmsg(s[0], &m, 0));
}
int main(void)
{
    char b[100], control[CMSG_SPACE(8 * sizeof(int))];
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "late"}, name = {.sun_family = AF_UNIX};
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + snprintf(name.sun_path + 1, 80, "%s", unique("late"));
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    gate ready = new_gate(), go = new_gate();
    pid_t child = CHILD({
        int one = socket(AF_UNIX, SOCK_STREAM, 0), two = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        MUST(bind(one, (void *)&path, sizeof path)), listen(one, 5);
        MUST(bind(two, (void *)&name, length)), listen(two, 5);
        mkfifo("late.fifo", 0600);
        pass(ready);
        int c = accept(one, NULL, NULL), d = accept(two, NULL, NULL), f = open("late.fifo", O_WRONLY);
        write(c, "stream", 6), write(d, "packet", 6), write(f, "fifo", 4);
        await(go);
        int p[2], q[2], file = open("file", O_RDWR | O_CREAT, 0600), null = open("/dev/null", O_RDWR), e = eventfd(3, 0);
        pipe(p), socketpair(AF_UNIX, SOCK_DGRAM, 0, q);
        int memory = memfd_create("m", 0);
        write(file, "of a file", 9), write(memory, "memory", 6), lseek(file, 3, SEEK_SET), lseek(memory, 1, SEEK_SET);
        write(p[1], "of a pipe", 9), write(q[1], "of a pair", 9);
        send_fds((int[]){file, null, e, p[0], q[0], memory, open(".", O_DIRECTORY)}, 7);
    });
    await(ready);
    int c = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    RET(connect(c, (void *)&path, sizeof path));
    RET(connect(d, (void *)&name, length));
    int f = open("late.fifo", O_RDONLY);
    RET(read(c, b, 100));
    RET(read(d, b, 100));
    RET(read(f, b, 100));
    pass(go);
    struct iovec v = {b, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    RET(recvmsg(s[1], &m, 0));
    int fd[7];
    memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    reap("child", child);
    uint64_t count;
    RET(read(fd[0], b, 100));
    RET(write(fd[1], b, 5));
    RET(read(fd[1], b, 5));
    RET(read(fd[2], &count, 8));
    RET(read(fd[3], b, 100));
    RET(read(fd[3], b, 100));
    RET(read(fd[4], b, 100));
    RET(read(fd[5], b, 100));
    RET(openat(fd[6], "file", O_RDONLY) >= 0);
    RET(fcntl(fd[6], F_GETFL) & O_DIRECTORY);
    return 0;
}
