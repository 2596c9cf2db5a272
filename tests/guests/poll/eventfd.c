// eventfd: counting, semaphore mode, nonblocking, overflow, blocking between threads, errors.
// variants: static musl
#include "guest.h"
#include <sys/eventfd.h>
static int fd;
static void *late(void *unused)
{
    uint64_t v = 5;
    (void)unused;
    sleep_ms(15);
    write(fd, &v, 8);
    return NULL;
}
static void *late_read(void *unused)
{
    uint64_t v;
    (void)unused;
    sleep_ms(15);
    read(fd, &v, 8);
    return (void *)(long)(v == 0xfffffffffffffffeul);
}
int main(void)
{
    uint64_t v;
    fd = MUST(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
    RET(read(fd, &v, 8));
    say("%lu", v);
    RET(read(fd, &v, 8));
    v = 7, RET(write(fd, &v, 8)), v = 8, RET(write(fd, &v, 8));
    RET(read(fd, &v, 8));
    say("%lu", v);
    v = 0xffffffffffffffff;
    RET(write(fd, &v, 8));
    v = 0xfffffffffffffffe;
    RET(write(fd, &v, 8));
    v = 1;
    RET(write(fd, &v, 8));
    v = 0;
    RET(write(fd, &v, 8));
    RET(write(fd, &v, 4));
    RET(read(fd, &v, 7));
    RET(read(fd, (void *)8, 8));
    RET(read(fd, &v, 8));
    say("%lx", v);
    int semaphore = MUST(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
    RET(read(semaphore, &v, 8));
    say("%lu", v);
    RET(read(semaphore, &v, 8));
    RET(read(semaphore, &v, 8));
    RET(eventfd(0, 0x100));
    RET(lseek(fd, 0, SEEK_SET));
    fcntl(fd, F_SETFL, 0);
    pthread_t t;
    pthread_create(&t, 0, late, 0);
    RET(read(fd, &v, 8));
    say("%lu", v);
    pthread_join(t, 0);
    v = 0xfffffffffffffffe;
    write(fd, &v, 8);
    pthread_create(&t, 0, late_read, 0);
    v = 1;
    RET(write(fd, &v, 8));
    void *r;
    pthread_join(t, &r);
    say("%ld", (long)r);
    struct stat st;
    fstat(fd, &st);
    say("mode %o", st.st_mode & 07777);
    return 0;
}
