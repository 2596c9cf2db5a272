// UNIX sockets by name: paths, abstract names, names made by the kernel; listening, connecting, accepting; errors and permissions.
// users: root nobody
#include "guest.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
static struct sockaddr_un at;
static socklen_t named(const char *name, size_t length)
{
    memset(&at, 0, sizeof at);
    at.sun_family = AF_UNIX;
    memcpy(at.sun_path, name, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}
static void show(const char *what, long r, struct sockaddr_un *a, socklen_t length)
{
    char text[120] = "";
    if (r == -1) {
        say("%s: %s", what, error_name(errno));
        return;
    }
    int n = (int)length - 2, k = 0;
    for (int i = 0; i < n && i < 108; i++)
        text[k++] = a->sun_path[i] ? a->sun_path[i] : '@';
    say("%s: %ld, length %u%s %s", what, r, length, length >= 2 && a->sun_family == AF_UNIX ? "" : " no family", text);
}
static void names(const char *what, int fd)
{
    struct sockaddr_un a;
    socklen_t length = sizeof a;
    memset(&a, 0, sizeof a);
    long r = getsockname(fd, (void *)&a, &length);
    say("%s", what);
    show(" name", r, &a, length);
    memset(&a, 0, sizeof a), length = sizeof a;
    r = getpeername(fd, (void *)&a, &length);
    show(" peer", r, &a, length);
}
static void *connect_late(void *fd)
{
    sleep_ms(15);
    connect((int)(long)fd, (void *)&at, sizeof at.sun_family + 5);
    return NULL;
}
static void *accept_late(void *fd)
{
    sleep_ms(15);
    close(accept((int)(long)fd, 0, 0));
    return NULL;
}
int main(void)
{
    int l, c, d, a, value;
    socklen_t n, length = sizeof value;
    struct stat st;
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    // Creation.
    RET(socket(AF_UNIX, 99, 0));
    RET(socket(AF_UNIX, SOCK_RDM, 0));
    RET(socket(AF_UNIX, SOCK_STREAM, 7));
    RET(socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
    RET(socket(-1, SOCK_STREAM, 0));
    RET(socket(999, SOCK_STREAM, 0));
    RET(fcntl(d = socket(AF_UNIX, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 1), F_GETFL));
    RET(fcntl(d, F_GETFD));
    RET(getsockopt(d, SOL_SOCKET, SO_TYPE, &value, &length));
    say("raw is %d", value);
    close(d);
    // A path.
    l = MUST(socket(AF_UNIX, SOCK_STREAM, 0)), c = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    names("new", l);
    RET(listen(l, 5));
    n = named("path", 4);
    RET(connect(c, (void *)&at, n));
    RET(bind(l, (void *)&at, n));
    names("bound", l);
    RET(stat("path", &st));
    say("mode %o", st.st_mode);
    RET(bind(l, (void *)&at, n));
    RET(bind(c, (void *)&at, n));
    n = named("other", 5);
    RET(bind(l, (void *)&at, n));
    RET(access("other", F_OK));
    n = named("path", 5);
    RET(connect(c, (void *)&at, n));
    RET(open("path", O_RDONLY));
    RET(accept(l, 0, 0));
    RET(listen(l, 1));
    RET(listen(c, 1));
    RET(fcntl(l, F_SETFL, O_NONBLOCK));
    RET(accept(l, 0, 0));
    RET(connect(c, (void *)&at, n));
    RET(connect(c, (void *)&at, n));
    RET(connect(l, (void *)&at, n));
    names("client", c);
    RET(accept4(l, 0, 0, 0x1234567));
    a = MUST(accept4(l, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK));
    names("server", a);
    RET(fcntl(a, F_GETFD));
    RET(fcntl(a, F_GETFL));
    RET(send(c, "x", 1, 0));
    RET(recv(a, &value, 4, 0));
    RET(recv(a, &value, 4, 0));
    RET(listen(a, 1));
    struct ucred who = {-1, -1, -1};
    length = sizeof who;
    RET(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &who, &length));
    say("peer is %d %d %d", who.pid == getpid(), who.uid == getuid(), who.gid == getgid());
    close(a);
    RET(recv(c, &value, 4, 0));
    RET(send(c, "x", 1, 0));
    names("client alone", c);
    close(c);
    // Addresses of wrong length and family.
    c = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    RET(connect(c, (void *)&at, 2));
    RET(connect(c, (void *)&at, 1));
    RET(connect(c, (void *)&at, 111));
    RET(connect(c, (void *)&at, 200));
    RET(connect(c, (void *)&at, -1));
    RET(bind(c, (void *)&at, 1));
    RET(bind(c, (void *)&at, 111));
    RET(bind(c, (void *)&at, -1));
    at.sun_family = AF_INET;
    RET(connect(c, (void *)&at, n));
    RET(bind(c, (void *)&at, n));
    at.sun_family = AF_UNSPEC;
    RET(connect(c, (void *)&at, n));
    // Names of wrong kinds.
    put_file("regular", "", 0);
    RET(connect(c, (void *)&at, named("regular", 8)));
    RET(connect(c, (void *)&at, named("no/such", 8)));
    RET(bind(c, (void *)&at, named("no/such", 8)));
    RET(bind(c, (void *)&at, named("regular", 8)));
    RET(bind(c, (void *)&at, named("regular/x", 10)));
    char longest[108];
    memset(longest, 'l', sizeof longest);
    RET(bind(c, (void *)&at, named(longest, 108)));
    names("longest", c);
    close(c), unlink(longest);
    c = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
    RET(connect(c, (void *)&at, named("path", 5)));
    close(c), close(l);
    c = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    RET(connect(c, (void *)&at, named("path", 5)));
    // Permission to write is permission to connect.
    l = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    unlink("path");
    MUST(bind(l, (void *)&at, named("path", 5))), MUST(listen(l, 9));
    chmod("path", 0444);
    RET(connect(c, (void *)&at, named("path", 5)));
    chmod("path", 0200);
    close(c), c = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    RET(connect(c, (void *)&at, named("path", 5)));
    rename("path", "moved"), symlink("moved", "link");
    close(c), c = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    RET(connect(c, (void *)&at, named("link", 5)));
    names("through a link", c);
    // A backlog that is full.
    close(l), close(c), unlink("moved");
    l = MUST(socket(AF_UNIX, SOCK_STREAM, 0)), c = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    MUST(bind(l, (void *)&at, named("moved", 6))), MUST(listen(l, 0));
    RET(connect(c, (void *)&at, named("link", 5)));
    d = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    RET(connect(d, (void *)&at, named("link", 5)));
    fcntl(d, F_SETFL, 0);
    struct timeval soon = {0, 20000};
    setsockopt(d, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    RET(connect(d, (void *)&at, named("link", 5)));
    soon.tv_usec = 0, setsockopt(d, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    pthread_t t;
    pthread_create(&t, 0, accept_late, (void *)(long)l);
    RET(connect(d, (void *)&at, named("link", 5)));
    pthread_join(t, 0);
    // Connections that nobody has accepted.
    close(l);
    RET(send(d, "x", 1, 0));
    RET(recv(d, &value, 1, 0));
    close(c), close(d);
    // Abstract names.
    l = MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    RET(bind(l, (void *)&at, named("\0a\0b", 4)));
    names("abstract", l);
    c = MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    RET(bind(c, (void *)&at, named("\0a\0b", 4)));
    RET(connect(c, (void *)&at, named("\0a", 2)));
    MUST(listen(l, 3));
    named("\0a\0b", 4), at.sun_path[4] = 'x';
    pthread_create(&t, 0, connect_late, (void *)(long)c);
    struct sockaddr_un from;
    length = sizeof from;
    // The thread connects to five bytes: the name with the x, which nobody has.
    struct pollfd p = {l, POLLIN, 0};
    RET(poll(&p, 1, 60));
    pthread_join(t, 0);
    RET(connect(c, (void *)&at, named("\0a\0b", 4)));
    RET(poll(&p, 1, 60));
    memset(&from, 0, sizeof from);
    a = accept(l, (void *)&from, &length);
    show("accepted", a > 0, &from, length);
    shutdown(l, SHUT_RD);
    RET(accept(l, 0, 0));
    close(l), close(c), close(a);
    // Names that the kernel makes.
    c = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
    RET(bind(c, (void *)&at, named("", 0)));
    length = sizeof from;
    RET(getsockname(c, (void *)&from, &length));
    say("length %u, abstract %d", length, from.sun_path[0] == 0 && strspn(from.sun_path + 1, "0123456789abcdef") == 5);
    RET(bind(c, (void *)&at, named("", 0)));
    RET(bind(c, (void *)&at, named("again", 6)));
    // A length that is too short cuts the name.
    length = 3, memset(&from, 'z', sizeof from);
    RET(getsockname(c, (void *)&from, &length));
    say("length %u, cut %d", length, from.sun_path[1] == 'z');
    length = (socklen_t)-1;
    RET(getsockname(c, (void *)&from, &length));
    RET(bind(0, (void *)&at, 5));
    RET(listen(pipe((int[2]){0}), 1));
    RET(shutdown(c, 3));
    RET(shutdown(c, 0));
    return 0;
}
