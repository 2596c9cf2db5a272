// inotify: what is told of everything that one process does, and what the calls refuse.
#include "inotify.h"
static void here(void (*step)(void)) { step(); }
int main(void)
{
    char link[64] = "", name[64], b[8];
    int fd = OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    exercise(fd, here);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    say("link %d %s", readlink(name, link, 63) > 0, link);
    OK(inotify_init1(1));
    OK(inotify_add_watch(fd, ".", 0));
    OK(inotify_add_watch(fd, "missing", IN_CREATE));
    OK(inotify_add_watch(1000, ".", IN_CREATE));
    OK(inotify_add_watch(1, ".", IN_CREATE));
    OK(inotify_add_watch(fd, ".", IN_CREATE | IN_MASK_ADD | IN_MASK_CREATE));
    put_file("f", "", 0);
    symlink("f", "s");
    OK(inotify_add_watch(fd, "f", IN_CREATE | IN_ONLYDIR));
    int a = inotify_add_watch(fd, "f", IN_MODIFY);
    say("link is another %d", inotify_add_watch(fd, "s", IN_ATTRIB | IN_DONT_FOLLOW) != a);
    say("link leads there %d", inotify_add_watch(fd, "s", IN_OPEN | IN_MASK_ADD) == a);
    OK(inotify_add_watch(fd, "f", IN_MODIFY | IN_MASK_CREATE) < 0 ? -1 : 0);
    put_file("f", "x", 1);
    say("short read %ld", (long)read(fd, b, 8));
    say("error %s", error_name(errno));
    OK(write(fd, b, 8));
    say("seek %ld", (long)lseek(fd, 0, SEEK_SET));
    OK(inotify_rm_watch(fd, a));
    OK(inotify_rm_watch(fd, a));
    OK(inotify_rm_watch(1, a));
    char buffer[4096];
    long n = read(fd, buffer, sizeof buffer);
    for (long at = 0; at < n;) {
        struct inotify_event *e = (void *)(buffer + at);
        say("%d %x", e->wd == a, e->mask);
        at += sizeof *e + e->len;
    }
    int once = OK(inotify_add_watch(fd, "f", IN_OPEN | IN_ONESHOT)) >= 0;
    put_file("f", "y", 1);
    put_file("f", "z", 1);
    n = read(fd, buffer, sizeof buffer);
    for (long at = 0; at < n && once;) {
        struct inotify_event *e = (void *)(buffer + at);
        say("once %x", e->mask);
        at += sizeof *e + e->len;
    }
    return 0;
}
