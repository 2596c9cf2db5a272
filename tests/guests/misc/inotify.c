// inotify: one event.
#include "guest.h"
#include <sys/inotify.h>
int main(void)
{
    int fd = OK(inotify_init1(IN_NONBLOCK));
    OK(inotify_add_watch(fd, ".", IN_CREATE));
    put_file("f", "", 0);
    char b[1000];
    say("event of %d", read(fd, b, sizeof b) > 0);
    return 0;
}
