// inotify: an instance made and used after a fork; a queue and watches that move at the fork; epoll and a sleeping reader.
#include "../../inotify.h"
#include "process.h"
#include <sys/epoll.h>
static void here(void (*step)(void)) { step(); }
int main(void)
{
    char b[4096];
    int before = inotify_init(), plain = open(".", O_RDONLY);
    mkdir("q", 0755);
    MUST(inotify_add_watch(before, "q", IN_CREATE | IN_DELETE | IN_DELETE_SELF));
    put_file("q/1", "", 0);
    reap("first", CHILD(put_file("q/2", "", 0)));
    put_file("q/3", "", 0);
    long n = read(before, b, sizeof b);
    for (long at = 0; at < n;) {
        struct inotify_event *e = (void *)(b + at);
        say("%d %x %s", e->wd, e->mask, e->name);
        at += sizeof *e + e->len;
    }
    exercise(inotify_init1(IN_NONBLOCK), here);

    int epoll = epoll_create1(0);
    struct epoll_event event = {EPOLLIN | EPOLLET, {.u32 = 7}};
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, before, &event));
    say("nothing %d", epoll_wait(epoll, &event, 1, 0));
    pid_t child = CHILD({
        usleep(100000);
        put_file("q/4", "", 0);
    });
    say("told %d %x %u", epoll_wait(epoll, &event, 1, 10000), event.events, event.data.u32);
    reap("fourth", child);
    say("read %d", read(before, b, sizeof b) > 0);
    child = CHILD({
        usleep(100000);
        unlink("q/4");
    });
    n = read(before, b, sizeof b);
    say("slept %ld %x %s", n, ((struct inotify_event *)b)->mask, ((struct inotify_event *)b)->name);
    reap("fifth", child);
    say("same %d", inotify_add_watch(before, "q", IN_CREATE) == 1);
    say("image %d", inotify_add_watch(before, "/proc/self/exe", IN_OPEN) > 1);
    say("device %d", inotify_add_watch(before, "/dev/null", IN_OPEN) > 1);
    say("removed %d", inotify_rm_watch(before, 1));
    close(plain);
    return 0;
}
