// stat, lstat, fstat, fstatat, statx: kinds, flags, masks, errors.
// variants: static
// users: root nobody
#include "guest.h"
#include <sys/sysmacros.h>
static const char *kind(mode_t m)
{
    return S_ISREG(m) ? "regular" : S_ISDIR(m) ? "directory" : S_ISLNK(m) ? "link" : S_ISFIFO(m) ? "fifo" : S_ISCHR(m) ? "character"
         : S_ISBLK(m) ? "block" : S_ISSOCK(m) ? "socket" : "none";
}
int main(void)
{
    struct stat st;
    struct statx x;
    mkdir("w", 0755), MUST(chdir("w"));
    put_file("f", "12345", 5), mkdir("d", 0750), symlink("f", "l");
    RET(mkfifo("p", 0604));
    const char *names[] = {"f", "d", "l", "p", "/dev/null", "/dev/zero", "/proc/self", "/proc/self/exe", "/"};
    for (size_t i = 0; i < COUNT(names); i++) {
        MUST(lstat(names[i], &st));
        say("%s: %s", names[i], kind(st.st_mode));
        if (i < 4)
            say("  mode %o, size %ld, links %ld, mine %d", st.st_mode, i == 1 ? 0 : (long)st.st_size, i == 1 ? 0 : (long)st.st_nlink,
                st.st_uid == geteuid());
        if (S_ISCHR(st.st_mode))
            say("  device %u:%u mode %o", major(st.st_rdev), minor(st.st_rdev), st.st_mode);
    }
    int fd = open("f", O_RDONLY);
    RET(fstat(fd, &st));
    RET(fstatat(fd, "", &st, AT_EMPTY_PATH));
    say("size %ld", (long)st.st_size);
    RET(fstatat(fd, "", &st, 0));
    RET(fstatat(fd, "x", &st, 0));
    RET(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
    say("%s", kind(st.st_mode));
    RET(fstatat(AT_FDCWD, "l", &st, AT_SYMLINK_NOFOLLOW));
    say("%s", kind(st.st_mode));
    RET(fstatat(AT_FDCWD, "l", &st, 0x8));
    RET(stat("f", (void *)8));
    RET(stat((void *)8, &st));
    RET(fstat(99, &st));
    RET(fstat(fd, (void *)8));
    RET(stat("l/x", &st));
    RET(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &x));
    YES((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    say("size %llu mode %o links %u uid mine %d", (unsigned long long)x.stx_size, x.stx_mode, x.stx_nlink, x.stx_uid == geteuid());
    stat("f", &st);
    YES(x.stx_ino == st.st_ino && makedev(x.stx_dev_major, x.stx_dev_minor) == st.st_dev);
    YES(x.stx_mtime.tv_sec == st.st_mtim.tv_sec && x.stx_mtime.tv_nsec == (unsigned)st.st_mtim.tv_nsec);
    YES(st.st_blksize >= 512 && st.st_blksize <= 1 << 20);
    RET(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x));
    YES(x.stx_mask & STATX_SIZE);
    RET(statx(AT_FDCWD, "f", 0x8, STATX_SIZE, &x));
    RET(statx(AT_FDCWD, "f", 0, 0x80000000u, &x));
    RET(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_SIZE, &x));
    RET(statx(AT_FDCWD, "none", 0, STATX_SIZE, &x));
    RET(statx(AT_FDCWD, "f", 0, STATX_SIZE, (void *)8));
    RET(syscall(SYS_statx, fd, 0, AT_EMPTY_PATH, STATX_SIZE, &x));
    // Link counts of directories.
    stat("d", &st);
    long before = (long)st.st_nlink;
    mkdir("d/1", 0755), mkdir("d/2", 0755), put_file("d/3", "", 0);
    stat("d", &st);
    say("a directory has %ld links, with two more inside %ld", before, (long)st.st_nlink);
    rmdir("d/1");
    stat("d", &st);
    say("then %ld", (long)st.st_nlink);
    // Blocks: a hole has none, data have some.
    int hole = open("hole", O_CREAT | O_RDWR, 0644);
    ftruncate(hole, 1 << 20);
    fstat(hole, &st);
    say("hole of %ld has %s blocks", (long)st.st_size, st.st_blocks ? "some" : "no");
    char data[8192] = {1};
    write(hole, data, sizeof data);
    fsync(hole);
    fstat(hole, &st);
    say("8192 bytes: at least 16 blocks %d", st.st_blocks >= 16);
    // Old calls.
    RET(syscall(SYS_stat, "f", &st));
    RET(syscall(SYS_lstat, "l", &st));
    RET(syscall(SYS_access, "f", F_OK));
    return 0;
}
