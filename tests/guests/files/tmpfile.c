// O_TMPFILE: no name until linked; O_EXCL forbids it; through /proc and by AT_EMPTY_PATH.
// users: root
#include "guest.h"
int main(void)
{
    char path[64], b[10] = {0};
    struct stat st;
    mkdir("d", 0755);
    int fd = MUST(open("d", O_TMPFILE | O_RDWR, 0640));
    RET(write(fd, "secret", 6));
    fstat(fd, &st);
    say("links %ld mode %o size %ld", (long)st.st_nlink, st.st_mode, (long)st.st_size);
    RET(rmdir("d"));
    mkdir("d", 0755);
    fd = MUST(open("d", O_TMPFILE | O_RDWR, 0640));
    write(fd, "secret", 6);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    RET(linkat(AT_FDCWD, path, AT_FDCWD, "d/named", AT_SYMLINK_FOLLOW));
    fstat(fd, &st);
    say("links %ld", (long)st.st_nlink);
    int named = MUST(open("d/named", O_RDONLY));
    RET(read(named, b, 10));
    say("%s", b);
    RET(linkat(AT_FDCWD, path, AT_FDCWD, "d/named", AT_SYMLINK_FOLLOW));
    int second = MUST(open("d", O_TMPFILE | O_WRONLY, 0600));
    RET(linkat(second, "", AT_FDCWD, "d/second", AT_EMPTY_PATH));
    int exclusive = MUST(open("d", O_TMPFILE | O_WRONLY | O_EXCL, 0600));
    snprintf(path, sizeof path, "/proc/self/fd/%d", exclusive);
    RET(linkat(AT_FDCWD, path, AT_FDCWD, "d/third", AT_SYMLINK_FOLLOW));
    OK(open("d", O_TMPFILE | O_RDONLY, 0600));
    OK(open("d/named", O_TMPFILE | O_RDWR, 0600));
    OK(open("none", O_TMPFILE | O_RDWR, 0600));
    return 0;
}
