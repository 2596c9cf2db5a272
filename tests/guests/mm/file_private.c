// Private file mappings: contents, copy-on-write, changes of the file, partial last page, offsets, rights.
#include "guest.h"
#define TRY(...) ({ void *p_ = mmap(__VA_ARGS__); say("mmap(" #__VA_ARGS__ "): %s", p_ == MAP_FAILED ? error_name(errno) : "ok"); p_; })
int main(void)
{
    char data[10000];
    for (int i = 0; i < 10000; i++)
        data[i] = 'a' + i % 23;
    put_file("f", data, sizeof data);
    int fd = MUST(open("f", O_RDWR));
    int rd = MUST(open("f", O_RDONLY)), wr = MUST(open("f", O_WRONLY));
    char *p = TRY(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    YES(memcmp(p, data, 10000) == 0);
    int dirty = 0;
    for (size_t i = 10000; i < 3 * PAGE; i++)
        dirty |= p[i];
    say("behind the end: %s", dirty ? "dirty" : "zero");
    p[0] = 'X', p[9999] = 'Y', p[10001] = 'Z';
    char check[4] = {0};
    pread(fd, check, 1, 0), pread(fd, check + 1, 1, 9999);
    say("file still %s, mapping %c%c%c", check, p[0], p[9999], p[10001]);
    // The file's change shows on a page that was not copied yet.
    pwrite(fd, "NEW", 3, PAGE);
    say("page not copied: %.3s", p + PAGE);
    p[PAGE + 100] = '!';
    pwrite(fd, "two", 3, PAGE);
    say("page copied: %.3s", p + PAGE);
    // Offset and closing the descriptor.
    char *q = TRY(0, PAGE, PROT_READ, MAP_PRIVATE, rd, PAGE);
    close(rd);
    say("at offset: %.3s, after unlink: ", q);
    unlink("f");
    say("%.3s %c", q, q[3]);
    // Errors.
    TRY(0, PAGE, PROT_READ, MAP_PRIVATE, wr, 0);
    TRY(0, PAGE, PROT_WRITE, MAP_SHARED, wr, 0);
    TRY(0, PAGE, PROT_READ, MAP_PRIVATE, rd, 0);
    int pipes[2];
    pipe(pipes);
    TRY(0, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0);
    mkdir("d", 0755);
    int dir = open("d", O_RDONLY);
    TRY(0, PAGE, PROT_READ, MAP_PRIVATE, dir, 0);
    YES(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 1) == -1 && errno == EINVAL);
    YES(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, -PAGE) == -1 && errno == EOVERFLOW);
    TRY(0, 0, PROT_READ, MAP_PRIVATE, fd, 0);
    char *far = TRY(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 100 * PAGE);
    (void)far;
    // Read-only descriptor: private writes allowed, shared writes not.
    put_file("g", "hello", 5);
    int ro = open("g", O_RDONLY);
    char *w = TRY(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0);
    w[0] = 'J';
    say("%s", w);
    TRY(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0);
    char *s = TRY(0, PAGE, PROT_READ, MAP_SHARED, ro, 0);
    RET(mprotect(s, PAGE, PROT_READ | PROT_WRITE));
    // Zero device, private: anonymous memory.
    int zero = open("/dev/zero", O_RDWR);
    char *z = TRY(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    z[PAGE] = 1;
    say("zero %d %d", z[0], z[PAGE]);
    int null = open("/dev/null", O_RDWR);
    TRY(0, PAGE, PROT_READ, MAP_PRIVATE, null, 0);
    return 0;
}
