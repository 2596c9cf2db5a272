// What an inotify instance tells of a list of things done to files, for guests before and after a fork.
#ifndef INOTIFY_H
#define INOTIFY_H
#include "guest.h"
#include <dirent.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

static const char *const watch_names[] = {"none", "d", "d/f", "e", "w4", "w5", "w6"};

static void show_events(const char *what, int fd)
{
    static char buffer[65536];
    uint32_t cookie = 0;
    int left = 0;
    ioctl(fd, FIONREAD, &left);
    say("%s: %d bytes", what, left);
    for (;;) {
        long n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            die("read");
        for (long at = 0; at < n;) {
            struct inotify_event *e = (void *)(buffer + at);
            const char *same = e->cookie == 0 ? "" : e->cookie == cookie ? " same cookie" : " new cookie";
            cookie = e->cookie;
            say("  %s %x%s len %u %s", e->wd < 0 || e->wd > 6 ? "wd?" : watch_names[e->wd], e->mask, same, e->len,
                e->len ? e->name : "");
            at += sizeof *e + e->len;
        }
    }
}

static void create(void) { put_file("d/f", "hello", 5); }

static void use_it(void)
{
    char b[10];
    int f = open("d/f", O_RDWR);
    if (read(f, b, 3) != 3 || pwrite(f, "x", 1, 0) != 1 || write(f, "y", 1) != 1 || ftruncate(f, 3))
        die("use");
    close(f);
    f = open("d/f", O_RDONLY);
    if (read(f, b, 10) != 3 || read(f, b, 10) != 0)
        die("end");
    close(f);
}

static void attributes(void)
{
    struct timespec times[2] = {{1, 0}, {0, UTIME_OMIT}};
    chmod("d/f", 0600);
    chown("d/f", -1, -1);
    utimensat(AT_FDCWD, "d/f", NULL, 0);
    utimensat(AT_FDCWD, "d/f", times, 0);
    setxattr("d/f", "user.x", "1", 1, 0);
    truncate("d/f", 1);
    close(open("d/f", O_WRONLY | O_TRUNC));
}

static void names(void)
{
    link("d/f", "d/g");
    symlink("f", "d/s");
    mkdir("d/sub", 0755);
    mkfifo("d/p", 0600);
    rename("d/g", "d/h");
    rename("d/h", "e/h");
    rename("d/sub", "e/sub");
    unlink("d/s");
    unlink("d/p");
    unlink("e/h");
    rmdir("e/sub");
}

static void listing(void)
{
    DIR *dir = opendir("d");
    while (readdir(dir))
        ;
    closedir(dir);
    close(open("d/f", O_PATH));
    close(open("d", O_RDONLY | O_DIRECTORY));
}

static void over(void)
{
    put_file("e/n", "n", 1);
    renameat2(AT_FDCWD, "e/n", AT_FDCWD, "d/f", RENAME_EXCHANGE);
    renameat2(AT_FDCWD, "e/n", AT_FDCWD, "d/f", RENAME_EXCHANGE);
    rename("e/n", "d/f");
}

static void open_then_unlink(void)
{
    put_file("d/f", "z", 1);
}

static void all_gone(void)
{
    unlink("d/f");
    rmdir("d");
}

// Does all of it; `run` runs a step, in this process or another one.
UNUSED static void exercise(int fd, void (*run)(void (*)(void)))
{
    mkdir("d", 0755);
    mkdir("e", 0755);
    say("wd %d", inotify_add_watch(fd, "d", IN_ALL_EVENTS));
    run(create);
    say("wd %d", inotify_add_watch(fd, "d/f", IN_ALL_EVENTS));
    say("wd %d again %d", inotify_add_watch(fd, "e", IN_MOVE | IN_DELETE | IN_CREATE), inotify_add_watch(fd, "./d", IN_ALL_EVENTS));
    show_events("create", fd);
    run(use_it);
    show_events("use", fd);
    run(attributes);
    show_events("attributes", fd);
    run(names);
    show_events("names", fd);
    run(listing);
    show_events("listing", fd);
    run(over);
    show_events("over", fd);
    run(open_then_unlink);
    say("wd %d", inotify_add_watch(fd, "d/f", IN_DELETE_SELF | IN_ATTRIB | IN_CLOSE));
    show_events("file", fd);
    int held = open("d/f", O_RDONLY);
    run(all_gone);
    show_events("removed while open", fd);
    close(held);
    show_events("closed", fd);
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    say("poll %d %x", poll(&p, 1, 0), p.revents);
}
#endif
