// Changing files that came with the image: written, truncated, renamed, linked, removed, made again; directories too.
// env: DATA=@data
// allow: (old descriptor.*), private: .* P, (.*) => (old descriptor.*), private: .* P, (.*) : mmap(2) leaves open whether a private mapping shows later changes
#include "guest.h"
#include <dirent.h>
static void list(const char *path)
{
    char *names[64], line[2000] = "";
    int n = 0;
    DIR *d = opendir(path);
    struct dirent *e;
    if (!d) {
        say("%s: %s", path, error_name(errno));
        return;
    }
    while ((e = readdir(d)) && n < 64)
        if (e->d_name[0] != '.')
            names[n++] = strdup(e->d_name);
    closedir(d);
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++)
            if (strcmp(names[i], names[k]) > 0) {
                char *t = names[i];
                names[i] = names[k], names[k] = t;
            }
    for (int i = 0; i < n; i++)
        strcat(strcat(line, " "), names[i]);
    say("%s:%s", path, line);
}
static void show(const char *path)
{
    static char b[300000];
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        say("%s: %s", path, error_name(errno));
        return;
    }
    fstat(fd, &st);
    long n = read(fd, b, sizeof b);
    say("%s: %ld %ld %016lx mode %o owner %u links %ld", path, (long)st.st_size, n, hash(b, (size_t)n), st.st_mode, st.st_uid, (long)st.st_nlink);
    close(fd);
}
int main(void)
{
    char b[300] = {0};
    struct stat st, before;
    MUST(chdir(getenv("DATA")));
    // A descriptor and mappings from before the first change see the change, as of one file.
    int old = MUST(open("size-12345", O_RDONLY));
    char *shared = mmap(0, 12345, PROT_READ, MAP_SHARED, old, 0), *private = mmap(0, 12345, PROT_READ | PROT_WRITE, MAP_PRIVATE, old, 0);
    char first = shared[5000];
    private[0] = 'P';
    stat("size-12345", &before);
    int fd = MUST(open("size-12345", O_RDWR));
    RET(pwrite(fd, "CHANGED", 7, 5000));
    pread(old, b, 7, 5000);
    say("old descriptor: %s, shared mapping: %.7s, private: %.7s %c, other before: %d", b, shared + 5000, private + 5000, private[0], first != 'C');
    stat("size-12345", &st);
    YES(st.st_ino == before.st_ino && st.st_dev == before.st_dev);
    show("size-12345");
    RET(write(fd, "x", 1));
    RET(lseek(fd, 0, SEEK_CUR));
    close(fd);
    // Appending, truncating, growing.
    fd = MUST(open("size-4096", O_WRONLY | O_APPEND));
    RET(write(fd, "tail", 4));
    show("size-4096");
    RET(truncate("size-8193", 100)), show("size-8193");
    RET(truncate("size-8193", 9000)), show("size-8193");
    fd = MUST(open("size-8192", O_WRONLY | O_TRUNC));
    show("size-8192");
    RET(truncate("size-100000", 100001)), show("size-100000");
    fd = MUST(open("size-262144", O_RDWR));
    char *map = mmap(0, 262144, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memcpy(map + 200000, "through a mapping", 17);
    show("size-262144");
    // Attributes alone.
    RET(chmod("size-100", 0600)), show("size-100");
    RET(chown("size-100", 12, 34)), show("size-100");
    RET(utimensat(AT_FDCWD, "size-2000", (struct timespec[]){{5, 6}, {7, 8}}, 0));
    stat("size-2000", &st);
    say("%ld.%ld", (long)st.st_mtime, st.st_mtim.tv_nsec);
    show("size-2000");
    // Hard links stay one file.
    fd = open("hard-1", O_WRONLY);
    write(fd, "both", 4);
    show("hard-1"), show("hard-2");
    RET(link("size-1", "hard-3")), show("size-1");
    // Names.
    RET(rename("size-4097", "renamed")), show("renamed"), show("size-4097");
    RET(rename("renamed", "size-4000")), show("size-4000");
    RET(unlink("size-8191"));
    OK(open("size-8191", O_RDONLY));
    RET(access("size-8191", F_OK));
    RET(unlink("size-8191"));
    put_file("size-8191", "again", 5), show("size-8191");
    list(".");
    // Directories.
    RET(rmdir("deep"));
    RET(rename("deep/a/b", "moved"));
    list("moved"), list("moved/c"), list("deep/a");
    RET(access("moved/c/d/e/f/leaf", F_OK));
    RET(rename("moved/c", "deep/a/b"));
    list("deep/a/b/d");
    RET(unlink("few/one")), RET(unlink("few/two"));
    list("few");
    RET(rmdir("few"));
    RET(unlink("few/three"));
    RET(rmdir("few"));
    OK(open("few", O_RDONLY));
    RET(mkdir("few", 0755));
    list("few");
    put_file("few/new", "", 0);
    list("few");
    put_file("few/one", "", 0);
    list("few");
    RET(unlink("link"));
    RET(symlink("size-0", "link")), show("link");
    RET(rename("dangling", "link"));
    memset(b, 0, sizeof b);
    RET(readlink("link", b, 99));
    say("%s", b);
    // A directory that is read while entries go.
    DIR *d = opendir("many");
    struct dirent *e;
    int removed = 0;
    while ((e = readdir(d)))
        if (e->d_name[0] != '.') {
            snprintf(b, sizeof b, "many/%s", e->d_name);
            removed += unlink(b) == 0;
        }
    say("removed %d", removed);
    RET(rmdir("many"));
    return 0;
}
