// getdents64: all entries once, tiny buffers, seeking, deletion while reading, types, errors.
// variants: static
#include "guest.h"
#include <dirent.h>
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};
static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }
static int count(int fd, size_t size, uint64_t *names)
{
    static char buffer[65536];
    int n = 0;
    long got;
    *names = 0;
    while ((got = syscall(SYS_getdents64, fd, buffer, size)) > 0)
        for (long at = 0; at < got; n++) {
            struct entry *e = (void *)(buffer + at);
            *names += hash(e->name, strlen(e->name)); // order does not matter
            if (e->length % 8 || !e->inode)
                say("odd entry");
            at += e->length;
        }
    if (got < 0)
        say("getdents64: %s", error_name(errno));
    return n;
}
int main(void)
{
    char path[300];
    mkdir("d", 0755);
    for (int i = 0; i < 500; i++) {
        snprintf(path, sizeof path, "d/file-%d-%.*s", i, i % 40, "................................................");
        put_file(path, "", 0);
    }
    int fd = MUST(open("d", O_RDONLY | O_DIRECTORY));
    uint64_t first, names;
    say("%d entries", count(fd, 65536, &first));
    say("%d at the end", count(fd, 65536, &names));
    size_t sizes[] = {24, 100, 280, 1000, 4096, 32768};
    for (size_t i = 1; i < COUNT(sizes); i++) {
        RET(lseek(fd, 0, SEEK_SET));
        int n = count(fd, sizes[i], &names);
        say("buffer of %zu: %d entries, same names: %s", sizes[i], n, names == first ? "yes" : "no");
    }
    lseek(fd, 0, SEEK_SET);
    char buffer[1024];
    RET(syscall(SYS_getdents64, fd, buffer, 10));
    RET(syscall(SYS_getdents64, fd, (void *)8, 1024));
    RET(syscall(SYS_getdents64, fd, buffer, 0));
    RET(syscall(SYS_getdents64, open("d/file-0-", O_RDONLY), buffer, 1024));
    RET(syscall(SYS_getdents64, -1, buffer, 1024));
    // seekdir and telldir.
    DIR *dir = opendir("d");
    struct dirent *e;
    long positions[20];
    char remembered[20][256];
    for (int i = 0; i < 20; i++) {
        positions[i] = telldir(dir);
        e = readdir(dir);
        strcpy(remembered[i], e->d_name);
    }
    int good = 0;
    for (int i = 19; i >= 0; i--) {
        seekdir(dir, positions[i]);
        e = readdir(dir);
        good += e && !strcmp(e->d_name, remembered[i]);
    }
    say("seekdir found %d of 20", good);
    // Deleting what is read: every name comes once.
    rewinddir(dir);
    int removed = 0;
    while ((e = readdir(dir)))
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof path, "d/%s", e->d_name);
            removed += unlink(path) == 0;
        }
    closedir(dir);
    say("removed %d", removed);
    // Types.
    mkdir("d/dir", 0755), symlink("x", "d/link"), put_file("d/file", "", 0), mkfifo("d/fifo", 0644);
    dir = opendir("d");
    char *lines[10];
    int n = 0;
    while ((e = readdir(dir))) {
        snprintf(path, sizeof path, "%s %d", e->d_name, e->d_type);
        lines[n++] = strdup(path);
    }
    qsort(lines, n, sizeof *lines, by_name);
    for (int i = 0; i < n; i++)
        say("%s", lines[i]);
    // A removed directory is empty.
    mkdir("gone", 0755);
    fd = open("gone", O_RDONLY);
    rmdir("gone");
    RET(syscall(SYS_getdents64, fd, buffer, 1024));
    OK(openat(fd, "x", O_CREAT | O_WRONLY, 0644));
    struct stat st, other;
    fstat(fd, &st);
    say("links %ld", (long)st.st_nlink);
    // Inode numbers are those of stat.
    stat("d/file", &st);
    rewinddir(dir);
    while ((e = readdir(dir)))
        if (!strcmp(e->d_name, "file"))
            YES(e->d_ino == st.st_ino);
    stat("d", &st), stat("d/dir/..", &other);
    YES(st.st_ino == other.st_ino && st.st_dev == other.st_dev);
    return 0;
}
