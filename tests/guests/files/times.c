// Times of files: what changes which, utimensat with its special values, errors.
// users: root nobody
#include "guest.h"
#include <sys/time.h>
static struct stat st;
static bool later(struct timespec a, struct timespec b) { return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec); }
static void changed(const char *what, const char *path)
{
    struct stat now;
    stat(path, &now);
    say("%s: mtime %s, ctime %s", what, later(now.st_mtim, st.st_mtim) ? "later" : "same", later(now.st_ctim, st.st_ctim) ? "later" : "same");
    st = now;
    sleep_ms(15);
}
int main(void)
{
    mkdir("w", 0755), MUST(chdir("w"));
    put_file("f", "x", 1);
    stat("f", &st);
    sleep_ms(15);
    int fd = open("f", O_RDWR);
    write(fd, "y", 1), changed("write", "f");
    ftruncate(fd, 5), changed("ftruncate", "f");
    ftruncate(fd, 5), changed("ftruncate to the same size", "f");
    truncate("f", 5), changed("truncate to the same size", "f");
    chmod("f", 0600), changed("chmod", "f");
    link("f", "g"), changed("link", "f");
    rename("g", "h"), changed("rename", "f");
    unlink("h"), changed("unlink of another name", "f");
    char c;
    pread(fd, &c, 1, 0), changed("read", "f");
    write(fd, "", 0), changed("empty write", "f");
    open("f", O_WRONLY | O_TRUNC), changed("O_TRUNC", "f");
    mkdir("d", 0755), stat("d", &st), sleep_ms(15);
    put_file("d/x", "", 0), changed("file made in a directory", "d");
    put_file("d/x", "1", 1), changed("file in it written", "d");
    rename("d/x", "d/y"), changed("renamed in it", "d");
    unlink("d/y"), changed("unlinked in it", "d");
    struct timespec t[2] = {{1000, 5}, {2000, 7}};
    RET(utimensat(AT_FDCWD, "f", t, 0));
    stat("f", &st);
    say("%ld.%ld %ld.%ld", (long)st.st_atime, st.st_atim.tv_nsec, (long)st.st_mtime, st.st_mtim.tv_nsec);
    t[0].tv_nsec = UTIME_OMIT, t[1].tv_nsec = UTIME_NOW;
    RET(utimensat(AT_FDCWD, "f", t, 0));
    stat("f", &st);
    say("%ld.%ld, now %d", (long)st.st_atime, st.st_atim.tv_nsec, labs(time(0) - st.st_mtime) < 3);
    t[0].tv_nsec = t[1].tv_nsec = UTIME_OMIT;
    RET(utimensat(AT_FDCWD, "f", t, 0));
    t[0].tv_nsec = 1000000000;
    RET(utimensat(AT_FDCWD, "f", t, 0));
    RET(utimensat(AT_FDCWD, "f", 0, 0));
    stat("f", &st);
    YES(labs(time(0) - st.st_atime) < 3);
    RET(futimens(fd, (struct timespec[]){{-5, 0}, {1l << 32, 0}}));
    fstat(fd, &st);
    say("%ld %ld", (long)st.st_atime, (long)st.st_mtime);
    symlink("f", "l");
    RET(utimensat(AT_FDCWD, "l", (struct timespec[]){{77, 0}, {88, 0}}, AT_SYMLINK_NOFOLLOW));
    lstat("l", &st);
    say("link %ld", (long)st.st_mtime);
    stat("l", &st);
    say("file %ld", (long)st.st_mtime);
    RET(utimensat(AT_FDCWD, "none", 0, 0));
    RET(utimensat(AT_FDCWD, "f", (void *)8, 0));
    RET(utimensat(AT_FDCWD, "f", 0, 0x8));
    RET(utimensat(99, "f", 0, 0));
    RET(futimens(99, 0));
    RET(utimes("f", (struct timeval[]){{3, 4}, {5, 6}}));
    stat("f", &st);
    say("%ld.%ld %ld.%ld", (long)st.st_atime, st.st_atim.tv_nsec, (long)st.st_mtime, st.st_mtim.tv_nsec);
    return 0;
}
