// inotify: an instance made before fork tells what children do, and is shared by both.
#include "process.h"
#include <sys/inotify.h>
static char buffer[4096];
static void show(const char *who, int fd)
{
    long n = read(fd, buffer, sizeof buffer);
    for (long at = 0; at < n;) {
        struct inotify_event *e = (void *)(buffer + at);
        say("%s: %x %s", who, e->mask, e->len ? e->name : "");
        at += sizeof *e + e->len;
    }
}
int main(void)
{
    mkdir("d", 0755);
    int fd = inotify_init();
    MUST(inotify_add_watch(fd, "d", IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO));
    reap("child", CHILD({
        put_file("d/f", "x", 1);
        rename("d/f", "d/g");
        unlink("d/g");
    }));
    show("parent", fd);
    mkdir("d/sub", 0755);
    reap("child", CHILD(show("child", fd)));
    return 0;
}
