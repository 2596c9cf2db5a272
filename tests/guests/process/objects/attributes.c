// fchmod, fchown and futimens of pipes and sockets: as their maker and a child see it, changed before and after the fork.
#include "process.h"
#include <netinet/in.h>

static int fds[5];
static const char *const names[] = {"read end", "write end", "pair", "tcp", "udp"};

static void show(const char *who)
{
    struct stat s;
    for (int i = 0; i < 5; i++) {
        MUST(fstat(fds[i], &s));
        say("%s %s: %o %d %d %d", who, names[i], s.st_mode, s.st_uid, s.st_gid, s.st_mtime == 7);
    }
}

static void change(const char *who, int mode)
{
    struct timespec times[2] = {{6, 0}, {7, 0}};
    for (int i = 1; i < 5; i++)
        say("%s %s: %s %s", who, names[i], fchmod(fds[i], mode) ? error_name(errno) : "ok",
            futimens(fds[i], times) ? error_name(errno) : "ok");
}

int main(void)
{
    int pair[2];
    MUST(pipe(fds));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    fds[2] = pair[0];
    fds[3] = socket(AF_INET, SOCK_STREAM, 0);
    fds[4] = socket(AF_INET, SOCK_DGRAM, 0);
    show("new");
    change("before", 0200);
    show("before");
    reap("child", CHILD(show("child")));
    reap("child", CHILD(change("child", 0440)));
    show("after");
    return 0;
}
