// memfd_create: sealing, sharing between mappings, errors.
#include "guest.h"
int main(void)
{
    RET(memfd_create("name", 0x100));
    char longer[300];
    memset(longer, 'n', 299), longer[299] = 0;
    RET(memfd_create(longer, 0));
    longer[249] = 0;
    OK(memfd_create(longer, 0));
    int plain = MUST(memfd_create("plain", 0));
    RET(fcntl(plain, F_GET_SEALS));
    RET(fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE));
    int fd = MUST(memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    RET(fcntl(fd, F_GETFD));
    RET(fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    RET(fcntl(fd, F_GET_SEALS));
    RET(write(fd, "0123456789", 10));
    RET(ftruncate(fd, 2 * PAGE));
    struct stat st;
    fstat(fd, &st);
    say("size %ld mode %o links %ld", (long)st.st_size, st.st_mode, (long)st.st_nlink);
    char *a = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *b = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    a[PAGE] = 'x';
    say("shared %c %.10s", b[PAGE], b);
    RET(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    RET(ftruncate(fd, PAGE));
    RET(ftruncate(fd, 3 * PAGE));
    RET(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    RET(ftruncate(fd, 4 * PAGE));
    RET(pwrite(fd, "x", 1, 3 * PAGE));
    RET(pwrite(fd, "xy", 2, 3 * PAGE - 1));
    RET(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(a, 2 * PAGE);
    RET(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    RET(write(fd, "x", 1));
    a = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    say("writable shared mapping: %s", a == MAP_FAILED ? error_name(errno) : "ok");
    a = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    say("private mapping: %s", a == MAP_FAILED ? error_name(errno) : "ok");
    RET(mprotect(b, PAGE, PROT_READ | PROT_WRITE));
    RET(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
    RET(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    RET(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    RET(fcntl(fd, F_GET_SEALS));
    RET(fcntl(0, F_GET_SEALS));
    // Reopened through /proc, with its own offset.
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = MUST(open(path, O_RDONLY));
    char text[5] = {0};
    RET(read(again, text, 4));
    say("%s, link starts with /memfd:sealed: %s", text,
        (memset(longer, 0, 300), readlink(path, longer, 299) > 0 && !strncmp(longer, "/memfd:sealed", 13)) ? "yes" : "no");
    RET(lseek(again, 0, SEEK_END));
    return 0;
}
