// Device files: null, zero, full, random, urandom, tty, fd, stdin.
// variants: static musl
// users: root nobody
#include "guest.h"
#include <sys/sysmacros.h>
static bool all_zero(const char *b, size_t n)
{
    while (n--)
        if (*b++)
            return false;
    return true;
}
int main(void)
{
    char b[8192], c[8192];
    struct stat st;
    int null = MUST(open("/dev/null", O_RDWR)), zero = MUST(open("/dev/zero", O_RDWR)), full = MUST(open("/dev/full", O_RDWR));
    RET(read(null, b, 10));
    RET(write(null, b, 5000));
    memset(b, 1, sizeof b);
    RET(read(zero, b, sizeof b));
    YES(all_zero(b, sizeof b));
    RET(write(zero, b, 100));
    memset(b, 1, sizeof b);
    RET(read(full, b, 100));
    YES(all_zero(b, 100));
    RET(write(full, b, 1));
    RET(write(full, b, 0));
    RET(lseek(zero, 100, SEEK_SET));
    RET(pread(zero, b, 10, 1l << 40));
    RET(ftruncate(null, 0));
    OK(open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0644));
    const char *random[] = {"/dev/random", "/dev/urandom"};
    for (int i = 0; i < 2; i++) {
        int fd = MUST(open(random[i], O_RDONLY));
        RET(read(fd, b, sizeof b));
        RET(read(fd, c, sizeof c));
        YES(memcmp(b, c, sizeof b) && !all_zero(b, 64) && memcmp(b, b + 64, 64));
        // Every byte value comes.
        bool seen[256] = {0};
        for (size_t k = 0; k < sizeof b; k++)
            seen[(unsigned char)b[k]] = true;
        int n = 0;
        for (int k = 0; k < 256; k++)
            n += seen[k];
        YES(n > 250);
    }
    int wr = OK(open("/dev/urandom", O_WRONLY));
    RET(write(wr, "entropy", 7));
    const char *names[] = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console", "none"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[40];
        snprintf(path, sizeof path, "/dev/%s", names[i]);
        if (stat(path, &st))
            say("%s: %s", path, error_name(errno));
        else if (i == 7)
            say("%s: exists", path);
        else
            say("%s: %u:%u character %d", path, major(st.st_rdev), minor(st.st_rdev), S_ISCHR(st.st_mode));
    }
    const char *links[] = {"/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"};
    for (size_t i = 0; i < COUNT(links); i++) {
        memset(b, 0, 100);
        readlink(links[i], b, 99);
        say("%s -> %s", links[i], b);
    }
    put_file("f", "through /dev/fd", 15);
    int fd = open("f", O_RDONLY);
    char path[40];
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    int again = OK(open(path, O_RDONLY));
    memset(b, 0, 100);
    RET(read(again, b, 99));
    say("%s", b);
    int out = OK(open("/dev/stdout", O_WRONLY));
    write(out, "through /dev/stdout\n", 20);
    OK(open("/dev/none", O_RDONLY));
    OK(open("/dev/null/x", O_RDONLY));
    return 0;
}
