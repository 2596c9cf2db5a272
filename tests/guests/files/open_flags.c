// open: creation, exclusive, truncation, directory, symbolic links, access modes, errors.
// variants: static musl
// users: root nobody
#include "guest.h"
#include <sys/ioctl.h>
#define OPEN(...) ({ int f_ = open(__VA_ARGS__); say("open(" #__VA_ARGS__ "): %s", f_ < 0 ? error_name(errno) : "ok"); f_; })
int main(void)
{
    char c;
    mkdir("w", 0755), MUST(chdir("w"));
    OPEN("none", O_RDONLY);
    int fd = OPEN("f", O_CREAT | O_EXCL | O_RDWR, 0640);
    RET(write(fd, "hello", 5));
    OPEN("f", O_CREAT | O_EXCL | O_RDWR, 0640);
    OPEN("f", O_CREAT | O_RDONLY, 0600);
    int wr = OPEN("f", O_WRONLY), rd = OPEN("f", O_RDONLY);
    RET(read(wr, &c, 1));
    RET(write(rd, &c, 1));
    struct stat st;
    fstat(fd, &st);
    say("mode %o size %ld links %ld own %d", st.st_mode, (long)st.st_size, (long)st.st_nlink, st.st_uid == geteuid());
    OPEN("f", O_WRONLY | O_TRUNC);
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    mkdir("d", 0755);
    OPEN("d", O_RDONLY);
    OPEN("d", O_WRONLY);
    OPEN("d", O_RDWR);
    OPEN("d", O_RDONLY | O_CREAT, 0644);
    int dir = OPEN("d", O_RDONLY | O_DIRECTORY);
    OPEN("f", O_RDONLY | O_DIRECTORY);
    OPEN("d/", O_RDONLY);
    OPEN("f/", O_RDONLY);
    OPEN("f/x", O_RDONLY);
    OPEN("none/x", O_RDONLY);
    OPEN("new/", O_CREAT | O_WRONLY, 0644);
    OPEN("", O_RDONLY);
    OPEN("/", O_RDONLY);
    OPEN("//", O_RDONLY);
    OPEN(".", O_WRONLY);
    OPEN("..", O_CREAT | O_WRONLY, 0644);
    RET(read(dir, &c, 1));
    RET(write(dir, &c, 1));
    symlink("f", "link"), symlink("d", "dirlink"), symlink("missing", "dangling"), symlink("loop", "loop");
    OPEN("link", O_RDONLY);
    OPEN("link", O_RDONLY | O_NOFOLLOW);
    OPEN("link", O_CREAT | O_EXCL | O_WRONLY, 0644);
    OPEN("dirlink", O_RDONLY | O_DIRECTORY);
    OPEN("dirlink", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    OPEN("dirlink/", O_RDONLY | O_NOFOLLOW);
    OPEN("dangling", O_RDONLY);
    OPEN("dangling", O_CREAT | O_EXCL | O_WRONLY, 0644);
    OPEN("dangling", O_CREAT | O_WRONLY, 0644);
    say("created through the link: %s", access("missing", F_OK) ? "no" : "yes");
    OPEN("loop", O_RDONLY);
    OPEN("loop", O_RDONLY | O_NOFOLLOW);
    // O_PATH: no reading, but fstat, fchdir, openat.
    int path = OPEN("f", O_PATH);
    RET(read(path, &c, 1));
    RET(write(path, &c, 1));
    RET(fstat(path, &st));
    RET(fchmod(path, 0600));
    RET(ftruncate(path, 0));
    RET(lseek(path, 0, SEEK_SET));
    RET(ioctl(path, 0x5401, &st));
    OK(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, path, 0));
    RET(fcntl(path, F_GETFL) & ~0x8000);
    int link = OPEN("link", O_PATH | O_NOFOLLOW);
    fstat(link, &st);
    say("link itself: %d", S_ISLNK(st.st_mode));
    char text[10] = {0};
    RET(readlinkat(link, "", text, 10));
    say("%s", text);
    int pathdir = OPEN("d", O_PATH | O_DIRECTORY);
    OK(openat(pathdir, ".", O_RDONLY));
    OPEN("f", O_WRONLY | O_RDWR);
    OPEN((char *)8, O_RDONLY);
    OK(openat(rd, "x", O_RDONLY));
    OK(openat(777, "x", O_RDONLY));
    OK(openat(777, "/", O_RDONLY));
    OK(openat(AT_FDCWD, "d", O_RDONLY));
    OPEN("f", O_RDONLY | O_NOATIME | O_NONBLOCK | O_NOCTTY | O_SYNC | O_LARGEFILE);
    RET(creat("f", 0) >= 0);
    // A call without O_CREAT ignores the mode; with it, undefined bits are masked off.
    umask(0);
    OK(open("bits", O_CREAT | O_WRONLY, 0177777));
    stat("bits", &st);
    say("%o", st.st_mode);
    return 0;
}
