// /proc/net/tcp and udp show the program's sockets by their inodes, before a fork and after it.
#include "../../inet/inet.h"
#include "process.h"

static unsigned long inode(int fd)
{
    struct stat s;
    fstat(fd, &s);
    return s.st_ino;
}

// The row of a socket, without ports, queue times and places.
static void row(const char *what, const char *path, int fd)
{
    char line[300], local[100], remote[100];
    FILE *f = fopen(path, "r");
    unsigned long wanted = inode(fd), got;
    unsigned state, sends, receives, uid;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, " %*d: %90[^:]:%*x %90[^:]:%*x %x %x:%x %*x:%*x %*x %u %*u %lu", local, remote, &state, &sends, &receives, &uid, &got) == 7 && got == wanted) {
            say("%s: %s %s state %x queues %u %u uid %u", what, local, remote, state, sends, receives, uid);
            fclose(f);
            return;
        }
    say("%s: not shown", what);
    if (f)
        fclose(f);
}

static void all(int listener, int p[2], int six, int udp, int idle)
{
    row("listener", "/proc/net/tcp", listener);
    row("client", "/proc/net/tcp", p[0]);
    row("server", "/proc/net/tcp", p[1]);
    row("six", "/proc/net/tcp6", six);
    row("datagrams", "/proc/net/udp", udp);
    row("idle", "/proc/net/tcp", idle);
}

int main(void)
{
    alarm(30);
    int p[2], listener = listener_at("127.0.0.1", 4), six = listener_at("::1", 4), udp = socket(AF_INET, SOCK_DGRAM, 0);
    int idle = socket(AF_INET, SOCK_STREAM, 0), waiting = socket(AF_INET, SOCK_STREAM, 0);
    address a;
    socklen_t length = make(&a, "127.0.0.1", 0);
    bind(udp, &a.any, length);
    connected(p);
    write(p[0], "unread", 6);
    connect_to(waiting, "127.0.0.1", port_of(listener));
    all(listener, p, six, udp, idle);
    reap("child", CHILD(all(listener, p, six, udp, idle)));
    shutdown(p[1], SHUT_WR);
    row("half", "/proc/net/tcp", p[0]);
    return 0;
}
