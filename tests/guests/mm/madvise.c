// MADV_DONTNEED gives zeros or the file's content; other advice; errors.
// variants: static musl
#include "guest.h"
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)
int main(void)
{
    char *p = mmap(0, 8 * PAGE, RW, ANON, -1, 0);
    memset(p, 1, 8 * PAGE);
    RET(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
    say("%d %d %d %d", p[0], p[PAGE], p[3 * PAGE - 1], p[3 * PAGE]);
    RET(madvise(p + 3 * PAGE, 1, MADV_DONTNEED));
    say("rounded up to a page: %d %d", p[4 * PAGE - 1], p[4 * PAGE]);
    put_file("f", "file", 4);
    int fd = open("f", O_RDWR);
    char *f = mmap(0, PAGE, RW, MAP_PRIVATE, fd, 0);
    f[0] = 'p';
    RET(madvise(f, PAGE, MADV_DONTNEED));
    say("private file page: %s", f);
    char *s = mmap(0, PAGE, RW, MAP_SHARED, fd, 0);
    s[0] = 's';
    RET(madvise(s, PAGE, MADV_DONTNEED));
    say("shared file page: %s", s);
    char *a = mmap(0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    a[0] = 'a';
    RET(madvise(a, PAGE, MADV_DONTNEED));
    say("shared anonymous page: %c", a[0]);
    int advice[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTFORK, MADV_DOFORK,
                    MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK};
    for (size_t i = 0; i < COUNT(advice); i++)
        say("advice %d: %s", advice[i], madvise(p, PAGE, advice[i]) ? error_name(errno) : "ok");
    RET(madvise(p, PAGE, 12345));
    RET(madvise(p + 1, PAGE, MADV_NORMAL));
    RET(madvise(p, 0, MADV_DONTNEED));
    RET(madvise(p, -1ul, MADV_DONTNEED));
    munmap(p + 4 * PAGE, PAGE);
    memset(p, 1, 4 * PAGE), memset(p + 5 * PAGE, 1, 3 * PAGE);
    RET(madvise(p, 8 * PAGE, MADV_DONTNEED));
    say("across a hole: %d %d", p[0], p[7 * PAGE]);
    RET(madvise(f, PAGE, MADV_WIPEONFORK));
    RET(madvise((void *)0x7ffffffff000, PAGE, MADV_DONTNEED));
    // MADV_FREE: either the old content or zero until written; after a write the write counts.
    p[0] = 5;
    RET(madvise(p, PAGE, MADV_FREE));
    YES(p[0] == 5 || p[0] == 0);
    p[0] = 6;
    say("%d", p[0]);
    RET(madvise(f, PAGE, MADV_FREE));
    RET(madvise(p, PAGE, 23 /* MADV_POPULATE_WRITE */));
    RET(madvise(p + 4 * PAGE, PAGE, 22 /* MADV_POPULATE_READ */));
    mprotect(p, PAGE, PROT_READ);
    RET(madvise(p, PAGE, 23 /* MADV_POPULATE_WRITE */));
    RET(madvise(p, PAGE, 22 /* MADV_POPULATE_READ */));
    // Give back and touch again, many times.
    char *q = mmap(0, 1 << 20, RW, ANON, -1, 0);
    int dirty = 0;
    for (int i = 0; i < 100; i++) {
        for (size_t k = 0; k < 1 << 20; k += PAGE)
            dirty |= q[k], q[k] = 1;
        madvise(q, 1 << 20, MADV_DONTNEED);
    }
    say("%s", dirty ? "dirty" : "zero");
    // MADV_REMOVE punches a hole in shared memory.
    a[0] = 'h';
    RET(madvise(a, PAGE, MADV_REMOVE));
    say("%d", a[0]);
    return 0;
}
