// Files of the image: every size read and mapped, large directories, links, and all ways of changing them.
// env: DATA=@data
// users: root nobody
#include "guest.h"
#include <dirent.h>
static int count(const char *path, uint64_t *names)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int n = 0;
    *names = 0;
    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.')
            n++, *names += hash(e->d_name, strlen(e->d_name));
    if (d)
        closedir(d);
    return n;
}
int main(void)
{
    char path[100];
    struct stat st;
    uint64_t names;
    static char content[300000];
    MUST(chdir(getenv("DATA")));
    int sizes[] = {0, 1, 100, 2000, 4000, 4080, 4095, 4096, 4097, 8191, 8192, 8193, 12345, 100000, 262144};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        snprintf(path, sizeof path, "size-%d", sizes[i]);
        int fd = MUST(open(path, O_RDONLY));
        fstat(fd, &st);
        memset(content, 0, sizeof content);
        long n = read(fd, content, sizeof content);
        uint64_t h = hash(content, (size_t)n);
        long half = pread(fd, content, 777, sizes[i] / 2);
        uint64_t part = hash(content, half > 0 ? (size_t)half : 0);
        uint64_t mapped = hash("", 0);
        if (sizes[i]) {
            size_t whole = ((size_t)sizes[i] + PAGE - 1) & -PAGE;
            char *p = mmap(0, whole, PROT_READ, MAP_PRIVATE, fd, 0), *q = mmap(0, whole, PROT_READ, MAP_SHARED, fd, 0);
            int dirty = 0;
            for (size_t k = (size_t)sizes[i]; k < whole; k++)
                dirty |= p[k] | q[k];
            mapped = hash(p, (size_t)sizes[i]) == hash(q, (size_t)sizes[i]) && !dirty ? hash(p, (size_t)sizes[i]) : 0;
        }
        say("%s: size %ld mode %o read %ld %016lx part %ld %016lx mapped %s", path, (long)st.st_size, st.st_mode, n, h, half, part,
            mapped == h ? "the same" : "another");
        close(fd);
    }
    int entries = count("many", &names);
    say("many: %d %016lx", entries, names);
    snprintf(path, sizeof path, "many/entry-%d-", 777);
    RET(access("many/entry-777-xxxxxxxxxxxxxxxxx", F_OK));
    RET(access("many/entry-9999", F_OK));
    entries = count("deep/a/b/c/d/e/f", &names);
    say("deep: %d", entries);
    memset(content, 0, 100);
    RET(readlink("link", content, 99));
    say("%s", content);
    RET(access("link", F_OK));
    RET(access("dangling", F_OK));
    RET(access("deep/a/up/size-1", F_OK));
    stat("hard-1", &st);
    ino_t inode = st.st_ino;
    stat("hard-2", &st);
    YES(st.st_ino == inode && st.st_nlink == 2);
    stat("program", &st);
    say("program %o", st.st_mode);
    RET(access("private", R_OK));
    OK(open("size-1", O_RDWR));
    OK(open("new", O_CREAT | O_WRONLY, 0644));
    return 0;
}
