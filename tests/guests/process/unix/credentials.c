// SO_PEERCRED of socketpair, of connect and of a listener; SCM_CREDENTIALS with SO_PASSCRED, true and forged.
#include "process.h"
#include <sys/un.h>
static pid_t me, child_pid_seen;
static void show_peer(const char *what, int fd, pid_t expected)
{
    struct ucred u = {0};
    socklen_t length = sizeof u;
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &length);
    say("%s: pid right %d, uid %d, gid %d", what, u.pid == expected, (int)u.uid, (int)u.gid);
}
static long send_as(int s, pid_t pid, uid_t uid)
{
    char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_CREDENTIALS, c->cmsg_len = CMSG_LEN(sizeof(struct ucred));
    struct ucred u = {pid, uid, 0};
    memcpy(CMSG_DATA(c), &u, sizeof u);
    return sendmsg(s, &m, 0);
}
static void receive(const char *what, int s, pid_t expected)
{
    char control[CMSG_SPACE(sizeof(struct ucred))], b;
    struct iovec v = {&b, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    recvmsg(s, &m, 0);
    struct ucred u = {0};
    if (CMSG_FIRSTHDR(&m))
        memcpy(&u, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof u);
    say("%s: pid right %d, uid %d", what, u.pid == expected, (int)u.uid);
}
int main(void)
{
    int s[2], on = 1;
    me = getpid();
    (void)child_pid_seen;
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    pid_t child = CHILD({
        show_peer("pair in the child", s[1], me);
        write(s[1], "p", 1);
        setresuid(66, 66, 0);
        RET(send_as(s[1], getpid(), 66));
        RET(send_as(s[1], getpid(), 67));
        RET(send_as(s[1], me, 66));
    });
    reap("child", child);
    receive("plain write", s[0], child);
    receive("with credentials", s[0], child);
    show_peer("pair in the parent", s[0], me);
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listener, (void *)&a, sizeof a), listen(listener, 5);
    chmod("socket", 0777);
    gate go = new_gate();
    child = CHILD({
        setresgid(44, 44, 44), setresuid(55, 55, 55);
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        MUST(connect(c, (void *)&a, sizeof a));
        show_peer("server as the client sees it", c, me);
        await(go);
    });
    int c = accept(listener, NULL, NULL);
    pass(go);
    reap("client", child);
    show_peer("client as the server sees it", c, child);
    return 0;
}
