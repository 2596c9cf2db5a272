// Set-group-id directories pass their group on; writing and chown clear set-id bits; umask.
#include "guest.h"
static unsigned mode_of(const char *path)
{
    struct stat st;
    MUST(lstat(path, &st));
    return st.st_mode;
}
static unsigned group_of(const char *path)
{
    struct stat st;
    MUST(lstat(path, &st));
    return st.st_gid;
}
int main(void)
{
    umask(0);
    // Not in a sticky directory, where following others' links may be restricted.
    mkdir("w", 0755), MUST(chdir("w"));
    mkdir("g", 0777), chown("g", 0, 500), chmod("g", 02777);
    put_file("g/f", "", 0), mkdir("g/d", 0755);
    say("file %o group %u, directory %o group %u", mode_of("g/f"), group_of("g/f"), mode_of("g/d"), group_of("g/d"));
    RET(umask(027));
    RET(umask(022));
    umask(027);
    close(open("u", O_CREAT | O_WRONLY, 0777)), mkdir("ud", 0777), mkfifo("up", 0666);
    say("%o %o %o", mode_of("u"), mode_of("ud"), mode_of("up"));
    RET(umask(0177777));
    RET(umask(0));
    put_file("s", "data", 4);
    RET(chmod("s", 06755));
    say("%o", mode_of("s"));
    RET(chown("s", 1000, 1000));
    say("after chown by root %o", mode_of("s"));
    chmod("s", 06755);
    int fd = open("s", O_WRONLY);
    chmod("s", 06777);
    MUST(setresgid(2000, 2000, 2000));
    MUST(seteuid(2000));
    RET(write(fd, "x", 1));
    say("after a write by another user %o", mode_of("s"));
    MUST(seteuid(0));
    chmod("s", 06777);
    RET(write(fd, "x", 1));
    say("after a write by root %o", mode_of("s"));
    MUST(seteuid(2000));
    RET(truncate("s", 1));
    say("after truncate %o", mode_of("s"));
    // chmod by an owner outside the group loses set-group-id.
    MUST(seteuid(0));
    put_file("o", "", 0), chown("o", 2000, 999);
    MUST(seteuid(2000));
    RET(chmod("o", 02755));
    say("%o", mode_of("o"));
    RET(chmod("o", 010777));
    RET(chmod("none", 0));
    RET(chmod("", 0));
    RET(fchmod(99, 0));
    RET(chown("o", 2000, 2000));
    say("group %u", group_of("o"));
    RET(chown("o", 2000, 555));
    RET(chown("o", 0, -1));
    RET(lchown("o", -1, -1));
    MUST(seteuid(0));
    symlink("o", "l");
    RET(lchown("l", 7, 8));
    say("link's group %u, file's %u", group_of("l"), group_of("o"));
    RET(fchownat(AT_FDCWD, "l", 9, 9, 0));
    say("link's group %u, file's %u", group_of("l"), group_of("o"));
    RET(fchownat(open("o", O_RDONLY), "", 1, 1, AT_EMPTY_PATH));
    say("%u", group_of("o"));
    RET(fchmodat(AT_FDCWD, "l", 0600, 0));
    say("%o", mode_of("o"));
    RET(fchownat(AT_FDCWD, "l", 9, 9, 0x8));
    return 0;
}
