// Hop limit and traffic class of datagrams: set for a socket, set for one message, kept by what is in a queue at a fork.
#include "process.h"
#include <arpa/inet.h>
#include <netinet/in.h>
static int receiver(int family, struct sockaddr_storage *address, socklen_t *length)
{
    int fd = socket(family, SOCK_DGRAM, 0), on = 1;
    memset(address, 0, sizeof *address);
    address->ss_family = family;
    if (family == AF_INET) {
        ((struct sockaddr_in *)address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *length = sizeof(struct sockaddr_in);
        setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
        setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    } else {
        ((struct sockaddr_in6 *)address)->sin6_addr = in6addr_loopback;
        *length = sizeof(struct sockaddr_in6);
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on);
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);
    }
    if (bind(fd, (void *)address, *length) < 0 || getsockname(fd, (void *)address, length) < 0)
        die("bind");
    return fd;
}
static void take(int fd)
{
    char text[32], control[256], out[200] = "";
    struct iovec part = {text, sizeof text};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
    if (n < 0) {
        say("nothing: %s", error_name(errno));
        return;
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        int value = 0;
        memcpy(&value, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0) < 4 ? 1 : 4);
        snprintf(out + strlen(out), sizeof out - strlen(out), " %d/%d=%d", c->cmsg_level, c->cmsg_type, value);
    }
    say("%.*s:%s", (int)n, text, out);
}
static void put(int fd, const char *text, int level, int type, int value, size_t size)
{
    union { char bytes[CMSG_SPACE(4)]; struct cmsghdr align; } control;
    struct iovec part = {(char *)text, strlen(text)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (size) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = level, c->cmsg_type = type, c->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(c), &value, size);
    }
    ssize_t n = sendmsg(fd, &message, 0);
    if (n < 0)
        say("%s: %s", text, error_name(errno));
}
static void kind(int family)
{
    struct sockaddr_storage address;
    socklen_t length;
    int in = receiver(family, &address, &length), out = socket(family, SOCK_DGRAM, 0);
    if (connect(out, (void *)&address, length) < 0)
        die("connect");
    int is4 = family == AF_INET, level = is4 ? IPPROTO_IP : IPPROTO_IPV6;
    int hops = is4 ? IP_TTL : IPV6_UNICAST_HOPS, hop = is4 ? IP_TTL : IPV6_HOPLIMIT;
    int class = is4 ? IP_TOS : IPV6_TCLASS, seven = 7, eight = 8;
    put(out, "as it is", 0, 0, 0, 0);
    put(out, "hops", level, hop, 2, 4);
    put(out, "class", level, class, 16, 4);
    put(out, "too many", level, hop, 256, 4);
    put(out, "none", level, hop, 0, 4);
    put(out, "default", level, hop, -1, 4);
    put(out, "a short one", level, hop, 3, 1);
    put(out, "a wrong class", level, class, 300, 4);
    RET(setsockopt(out, level, hops, &seven, sizeof seven));
    RET(setsockopt(out, level, class, &eight, sizeof eight));
    put(out, "set", 0, 0, 0, 0);
    put(out, "set, and asked", level, hop, 9, 4);
    for (int i = 0; i < 2; i++)
        take(in);
    reap("child", CHILD({ take(in); put(out, "from the child", level, class, 24, 4); }));
    for (int i = 0; i < 8; i++)
        take(in);
}
int main(void)
{
    kind(AF_INET);
    kind(AF_INET6);
    return 0;
}
