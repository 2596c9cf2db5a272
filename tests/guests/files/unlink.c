// unlink, rmdir, unlinkat: open files live on, directories, trailing slashes, errors.
// variants: static musl
// users: root nobody
#include "guest.h"
int main(void)
{
    char b[16] = {0};
    struct stat st;
    mkdir("w", 0755), MUST(chdir("w"));
    put_file("f", "content", 7);
    link("f", "g");
    int fd = MUST(open("f", O_RDWR));
    RET(unlink("f"));
    fstat(fd, &st);
    say("links %ld", (long)st.st_nlink);
    RET(unlink("g"));
    fstat(fd, &st);
    say("links %ld size %ld", (long)st.st_nlink, (long)st.st_size);
    RET(pread(fd, b, 16, 0));
    RET(write(fd, "CON", 3));
    RET(pread(fd, b, 16, 0));
    say("%s", b);
    RET(unlink("f"));
    RET(unlink(""));
    RET(unlink("none/x"));
    put_file("x", "", 0);
    RET(unlink("x/y"));
    RET(unlink("x/"));
    mkdir("d", 0755);
    RET(unlink("d"));
    RET(unlink("d/"));
    RET(rmdir("x"));
    RET(rmdir("none"));
    put_file("d/f", "", 0);
    RET(rmdir("d"));
    RET(unlinkat(AT_FDCWD, "d/f", AT_REMOVEDIR));
    RET(unlinkat(AT_FDCWD, "d/f", 0x8000));
    RET(unlink("d/f"));
    RET(rmdir("d/."));
    RET(rmdir("d/.."));
    RET(rmdir("."));
    RET(rmdir("/"));
    symlink("d", "l");
    RET(rmdir("l"));
    RET(rmdir("l/"));
    RET(unlink("l/"));
    RET(unlink("l"));
    RET(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    RET(unlinkat(777, "d", 0));
    RET(unlink((char *)8));
    // The current directory may be removed.
    mkdir("c", 0755), MUST(chdir("c"));
    RET(rmdir("../c"));
    OK(getcwd(b, 16) ? 0 : -1);
    OK(open("new", O_CREAT | O_WRONLY, 0644));
    OK(open(".", O_RDONLY));
    RET(access("..", F_OK));
    RET(chdir(".."));
    RET(access("x", F_OK));
    return 0;
}
