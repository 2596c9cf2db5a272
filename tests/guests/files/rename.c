// rename and renameat2: over existing files and directories, flags, into itself, errors.
// variants: static musl
// users: root nobody
#include "guest.h"
#define HAS(path) say("%s: %s", path, access(path, F_OK) ? "no" : "yes")
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif
#define RENAME2(a, b, flags) syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags)
static void show(const char *path)
{
    char text[32] = {0};
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, text, 31) < 0)
        say("%s: %s", path, error_name(errno));
    else
        say("%s: %s", path, text);
    close(fd);
}
int main(void)
{
    mkdir("w", 0755), MUST(chdir("w"));
    put_file("a", "A", 1), put_file("b", "B", 1);
    int fd = open("b", O_RDONLY);
    RET(rename("a", "b"));
    show("a"), show("b");
    char c = 0;
    RET(read(fd, &c, 1));
    say("still open: %c", c);
    RET(rename("none", "x"));
    RET(rename("b", "b"));
    RET(rename("b", "none/x"));
    RET(rename("b", "b/x"));
    mkdir("d", 0755), mkdir("e", 0755), mkdir("full", 0755), put_file("full/f", "", 0);
    RET(rename("b", "d"));
    RET(rename("d", "b"));
    RET(rename("d", "full"));
    RET(rename("full", "d"));
    HAS("d/f");
    RET(rename("d", "d/sub"));
    RET(rename("d", "d/x/y"));
    RET(rename("d/", "moved/"));
    HAS("moved/f");
    RET(rename("b", "new/"));
    RET(rename("b/", "c"));
    RET(rename(".", "x"));
    RET(rename("e/.", "x"));
    RET(rename("..", "x"));
    RET(rename("e", "."));
    RET(rename("e", ""));
    RET(rename("", "e"));
    RET(rename("/", "/x"));
    RET(rename((char *)8, "x"));
    RET(rename("b", (char *)8));
    // Two names of one file: nothing happens.
    link("b", "b2");
    RET(rename("b", "b2"));
    HAS("b"), HAS("b2");
    symlink("b", "l");
    RET(rename("l", "m"));
    char target[10] = {0};
    readlink("m", target, 9);
    say("link moved, target %s", target);
    RET(rename("b", "m"));
    struct stat st;
    lstat("m", &st);
    say("link replaced: %d", S_ISREG(st.st_mode));
    put_file("p", "P", 1), put_file("q", "Q", 1);
    RET(RENAME2("p", "q", RENAME_NOREPLACE));
    RET(RENAME2("p", "r", RENAME_NOREPLACE));
    RET(RENAME2("r", "q", RENAME_EXCHANGE));
    show("r"), show("q");
    RET(RENAME2("r", "none", RENAME_EXCHANGE));
    RET(RENAME2("r", "e", RENAME_EXCHANGE));
    show("e");
    HAS("r/.");
    RET(RENAME2("r", "e", RENAME_EXCHANGE | RENAME_NOREPLACE));
    RET(RENAME2("r", "e", 0x80));
    RET(RENAME2("moved", "moved/f", RENAME_EXCHANGE));
    // A directory's ".." follows it.
    mkdir("t1", 0755), mkdir("t2", 0755), mkdir("t1/child", 0755);
    RET(rename("t1/child", "t2/child"));
    struct stat up;
    stat("t2/child/..", &up), stat("t2", &st);
    YES(up.st_ino == st.st_ino);
    MUST(chdir("t2/child"));
    MUST(rename("../../t2", "../../t3"));
    char cwd[PATH_MAX], *at;
    at = getcwd(cwd, sizeof cwd);
    say("cwd ends in %s", at ? strstr(at, "/t3") : "?");
    return 0;
}
