// SCM_RIGHTS to a sibling that never had the descriptor: the same description, its offset, its flags.
// variants: static musl
#include "process.h"
static void send_fds(int s, int *fds, int n, const char *text)
{
    char control[CMSG_SPACE(sizeof(int) * 10)] = {0};
    struct iovec v = {(char *)text, strlen(text)};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * n)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int) * n);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
    MUST(sendmsg(s, &m, 0));
}
static int receive_fds(int s, int *fds, int flags)
{
    char control[CMSG_SPACE(sizeof(int) * 10)], text[50];
    struct iovec v = {text, 50};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    long got = recvmsg(s, &m, flags);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    int n = c && c->cmsg_type == SCM_RIGHTS ? (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
    if (n)
        memcpy(fds, CMSG_DATA(c), n * sizeof(int));
    say("received %ld bytes and %d descriptors", got, n);
    return n;
}
int main(void)
{
    int s[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    gate go = new_gate(), done = new_gate();
    pid_t receiver = CHILD({
        int fds[10];
        char b[20] = {0};
        receive_fds(s[1], fds, MSG_CMSG_CLOEXEC);
        say("close on exec %d %d", fcntl(fds[0], F_GETFD), fcntl(fds[1], F_GETFD));
        read(fds[0], b, 3);
        say("file: %s", b);
        memset(b, 0, 20);
        read(fds[1], b, 19);
        say("pipe: %s", b);
        pass(done), await(go);
        RET(lseek(fds[0], 0, SEEK_CUR));
        receive_fds(s[1], fds, 0);
        say("close on exec %d", fcntl(fds[0], F_GETFD));
        memset(b, 0, 20);
        read(fds[0], b, 19);
        say("from one that is gone: %s", b);
    });
    pid_t sender = CHILD({
        int fds[2];
        int p[2];
        put_file("f", "abcdefgh", 8);
        pipe(p);
        fds[0] = open("f", O_RDONLY), fds[1] = p[0];
        write(p[1], "in the pipe", 11);
        send_fds(s[0], fds, 2, "two");
        await(done);
        char b[20] = {0};
        read(fds[0], b, 2);
        say("sender goes on with %s", b);
        pass(go);
    });
    int first = status_of(sender), last = status_of(CHILD({
        int fd = open("g", O_CREAT | O_RDWR, 0600);
        write(fd, "gone", 4);
        lseek(fd, 0, SEEK_SET);
        unlink("g");
        send_fds(s[0], &fd, 1, "one");
    }));
    reap("receiver", receiver);
    say("senders: %s", status_name(first));
    say("senders: %s", status_name(last));
    return 0;
}
