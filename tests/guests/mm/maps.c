// /proc/self/maps describes what was mapped: ranges, rights, names, merging of neighbours.
// variants: static pie
#include "guest.h"
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
struct line {
    unsigned long start, end, offset;
    char rights[5];
    char name[300];
};
static struct line lines[500];
static int read_maps(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char text[1000];
    int n = 0;
    unsigned long previous = 0;
    while (f && n < 500 && fgets(text, sizeof text, f)) {
        struct line *l = &lines[n++];
        unsigned major, minor;
        unsigned long inode;
        l->name[0] = 0;
        if (sscanf(text, "%lx-%lx %4s %lx %x:%x %lu %299[^\n]", &l->start, &l->end, l->rights, &l->offset, &major, &minor,
                   &inode, l->name) < 7)
            say("cannot parse: %s", text);
        if (l->start < previous && !strstr(text, "vsyscall"))
            say("not in order: %s", text);
        previous = l->end;
    }
    fclose(f);
    return n;
}
static struct line *at(const void *p)
{
    int n = read_maps();
    for (int i = 0; i < n; i++)
        if (lines[i].start <= (unsigned long)p && (unsigned long)p < lines[i].end)
            return &lines[i];
    return NULL;
}
static const char *tail(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
static void describe(const char *what, const void *p)
{
    struct line *l = at(p);
    if (!l)
        say("%s: not mapped", what);
    else
        say("%s: %s offset %lx name %s", what, l->rights, l->offset, tail(l->name));
}
static int data = 1;
int main(void)
{
    int local;
    int n = read_maps();
    YES(n > 5 && n < 100);
    describe("code", (void *)main);
    struct line *l = at(&data);
    say("data %s", l ? l->rights : "not mapped");
    describe("stack", &local);
    sbrk(8192);
    describe("heap", (char *)sbrk(0) - 4096);
    char *p = mmap(0, 9 * PAGE, PROT_NONE, ANON, -1, 0);
    munmap(p + 8 * PAGE, PAGE);
    mmap(p, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mmap(p + PAGE, 6 * PAGE, PROT_READ | PROT_WRITE, ANON | MAP_FIXED, -1, 0);
    l = at(p + PAGE);
    YES(l && l->start == (unsigned long)p + PAGE && l->end == (unsigned long)p + 7 * PAGE && !strcmp(l->rights, "rw-p"));
    mprotect(p + 3 * PAGE, PAGE, PROT_READ | PROT_EXEC);
    l = at(p + 3 * PAGE);
    YES(l && l->end - l->start == PAGE && !strcmp(l->rights, "r-xp"));
    l = at(p + 2 * PAGE);
    YES(l && l->start == (unsigned long)p + PAGE && l->end == (unsigned long)p + 3 * PAGE);
    mprotect(p + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE);
    l = at(p + 2 * PAGE);
    YES(l && l->start == (unsigned long)p + PAGE && l->end == (unsigned long)p + 7 * PAGE);
    munmap(p + 4 * PAGE, PAGE);
    YES(at(p + 4 * PAGE) == NULL);
    l = at(p);
    YES(l && !strcmp(l->rights, "rw-s"));
    put_file("mapped file", "x", 1);
    int fd = open("mapped file", O_RDWR);
    char *f = mmap(0, 3 * PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE);
    describe("file", f);
    describe("shared file", mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    unlink("mapped file");
    describe("deleted file", f);
    unsigned long vdso = 0;
    n = read_maps();
    for (int i = 0; i < n; i++)
        if (!strcmp(lines[i].name, "[vdso]"))
            vdso = lines[i].start;
    YES(vdso != 0);
    return 0;
}
