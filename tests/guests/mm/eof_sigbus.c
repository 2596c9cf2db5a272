// A page wholly behind the end of the file is SIGBUS; growing the file mends it, truncation brings it.
#include "guest.h"
#include <setjmp.h>
static sigjmp_buf back;
static siginfo_t last;
static void fault(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    last = *info;
    siglongjmp(back, 1);
}
static void look(const char *what, volatile char *p)
{
    if (sigsetjmp(back, 1))
        say("%s: %s code %d address right %d", what, signal_name(last.si_signo), last.si_code, last.si_addr == (void *)p);
    else
        say("%s: %d", what, *p);
}
int main(void)
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, 0);
    sigaction(SIGSEGV, &action, 0);
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(ftruncate(fd, PAGE + 1));
    for (int shared = 0; shared < 2; shared++) {
        say("%s", shared ? "shared" : "private");
        MUST(ftruncate(fd, PAGE + 1));
        char *p = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
        look("in the file", p + PAGE);
        look("same page, behind the end", p + 2 * PAGE - 1);
        look("next page", p + 2 * PAGE);
        look("last page", p + 8 * PAGE - 1);
        // A system call meets it as EFAULT.
        int zero = open("/dev/zero", O_RDONLY);
        RET(read(zero, p + 3 * PAGE, 1));
        RET(pwrite(fd, p + 3 * PAGE, 1, 0));
        MUST(ftruncate(fd, 4 * PAGE));
        look("after growing", p + 3 * PAGE);
        look("not so far", p + 4 * PAGE);
        MUST(ftruncate(fd, 100));
        look("after shrinking", p + 3 * PAGE);
        look("first page", p + 200);
        close(zero);
        munmap(p, 8 * PAGE);
    }
    MUST(ftruncate(fd, 0));
    char *p = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    look("empty file", p);
    // A private copy of a page goes with truncation too.
    MUST(ftruncate(fd, 2 * PAGE));
    p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    p[PAGE] = 7;
    MUST(ftruncate(fd, PAGE));
    look("copied page after truncation", p + PAGE);
    return 0;
}
