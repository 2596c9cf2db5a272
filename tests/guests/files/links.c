// Hard and symbolic links: counts, readlink, loops, limits, linkat flags.
// variants: static musl
// users: root nobody
#include "guest.h"
int main(void)
{
    struct stat st, other;
    char b[PATH_MAX + 10] = {0}, name[PATH_MAX + 10];
    mkdir("w", 0755), MUST(chdir("w"));
    put_file("f", "data", 4);
    mkdir("d", 0755);
    RET(link("f", "g"));
    stat("f", &st), stat("g", &other);
    YES(st.st_ino == other.st_ino && st.st_nlink == 2);
    RET(link("f", "g"));
    RET(link("none", "x"));
    RET(link("d", "x"));
    RET(link("f", "none/x"));
    RET(link("f", "x/"));
    RET(link("f/", "x"));
    RET(symlink("f", "s"));
    RET(symlink("f", "s"));
    RET(symlink("", "e"));
    RET(symlink("x", ""));
    RET(symlink("x", "new/"));
    RET(readlink("s", b, 10));
    RET(readlink("s", b, 0));
    RET(readlink("f", b, 10));
    RET(readlink("d", b, 10));
    RET(readlink("none", b, 10));
    symlink("a-long-target", "t");
    memset(b, 0, sizeof b);
    RET(readlink("t", b, 5));
    say("%s", b);
    RET(readlink("t", (char *)8, 5));
    lstat("t", &st);
    say("size %ld mode %o", (long)st.st_size, st.st_mode);
    // linkat on a symbolic link: the link itself, or what it names.
    RET(linkat(AT_FDCWD, "s", AT_FDCWD, "s2", 0));
    lstat("s2", &st);
    say("a link %d", S_ISLNK(st.st_mode));
    RET(linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW));
    lstat("s3", &st);
    say("a link %d", S_ISLNK(st.st_mode));
    RET(linkat(AT_FDCWD, "s", AT_FDCWD, "s4", 0x8000));
    // Relative, absolute, through directories, and "..".
    symlink("../f", "d/up"), symlink("d/up", "viadir"), symlink("d", "dl"), symlink("dl/../f", "odd");
    RET(access("d/up", R_OK));
    RET(access("viadir", R_OK));
    RET(access("dl/up", R_OK));
    RET(access("odd", R_OK));
    symlink("/dev/null", "null");
    RET(access("null", W_OK));
    // Forty links are followed, not forty-one.
    put_file("end", "", 0);
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof name, "chain%d", i);
        if (i == 1)
            strcpy(b, "end");
        else
            snprintf(b, sizeof b, "chain%d", i - 1);
        symlink(b, name);
    }
    RET(access("chain40", F_OK));
    RET(access("chain41", F_OK));
    symlink("y", "x"), symlink("x", "y");
    RET(access("x", F_OK));
    RET(access("x/z", F_OK));
    RET(lstat("x", &st));
    RET(mkdir("x", 0755));
    RET(unlink("x"));
    symlink("nowhere", "dangling");
    RET(mkdir("dangling", 0755));
    RET(link("dangling", "dangling2"));
    RET(stat("dangling", &st));
    RET(lstat("dangling2", &st));
    RET(chdir("dl"));
    RET(access("up", F_OK));
    RET(chdir(".."));
    // Long targets.
    memset(name, 'n', sizeof name);
    name[4095] = 0;
    RET(symlink(name, "long"));
    RET(readlink("long", b, sizeof b));
    RET(stat("long", &st));
    name[4095] = 'n', name[4096] = 0;
    RET(symlink(name, "longer"));
    return 0;
}
