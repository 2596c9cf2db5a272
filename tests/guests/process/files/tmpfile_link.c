// O_TMPFILE made by one process, linked into a directory by another through /proc.
#include "process.h"
int main(void)
{
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0)
        die("O_TMPFILE");
    reap("writer", CHILD(write(fd, "content", 7)));
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    reap("linker", CHILD(RET(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW))));
    struct stat st;
    RET(stat("named", &st));
    say("size %ld, links %ld", (long)st.st_size, (long)st.st_nlink);
    return 0;
}
