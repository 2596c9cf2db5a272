// A directory descriptor opened before fork has one position for both; rewinding it is seen.
#include "process.h"
static int count(int fd)
{
    static char buffer[512];
    int n = 0;
    long got = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    for (long at = 0; at < got; at += *(unsigned short *)(buffer + at + 16))
        n++;
    return got < 0 ? -1 : n;
}
int main(void)
{
    mkdir("d", 0755);
    for (int i = 0; i < 100; i++) {
        char name[40];
        snprintf(name, 40, "d/a-name-of-some-length-%d", i);
        put_file(name, "", 0);
    }
    int fd = open("d", O_RDONLY | O_DIRECTORY), *total = shared_page(PAGE);
    *total = count(fd);
    reap("child", CHILD(for (int n; *total < 60 && (n = count(fd)) > 0;) *total += n));
    for (int n; (n = count(fd)) > 0;)
        *total += n;
    say("total %d", *total);
    reap("child", CHILD({
        say("at the end: %d", count(fd));
        lseek(fd, 0, SEEK_SET);
    }));
    YES(count(fd) > 0);
    return 0;
}
