// Code written at run time: writable and executable at once, by turns, through two views of one memory file.
#include "guest.h"
#include <setjmp.h>
static sigjmp_buf back;
static void fault(int number) { siglongjmp(back, number); }
static void emit(unsigned char *p, unsigned value)
{
    p[0] = 0xb8; // mov $value, %eax
    memcpy(p + 1, &value, 4);
    p[5] = 0xc3;
}
int main(void)
{
    signal(SIGSEGV, fault);
    unsigned char *p = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned sum = 0;
    for (unsigned i = 0; i < 1000; i++) {
        emit(p, i);
        sum += ((unsigned (*)(void))p)();
    }
    say("rwx %u", sum);
    sum = 0;
    for (unsigned i = 0; i < 50; i++) {
        mprotect(p, PAGE, PROT_READ | PROT_WRITE);
        emit(p, i * 3);
        mprotect(p, PAGE, PROT_READ | PROT_EXEC);
        sum += ((unsigned (*)(void))p)();
    }
    say("by turns %u", sum);
    if (sigsetjmp(back, 1) == 0)
        p[0] = 1, say("written");
    else
        say("not writable now");
    int fd = memfd_create("code", 0);
    ftruncate(fd, PAGE);
    unsigned char *w = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char *x = mmap(0, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    sum = 0;
    for (unsigned i = 0; i < 1000; i++) {
        emit(w, i * 5);
        sum += ((unsigned (*)(void))x)();
    }
    say("two views %u", sum);
    return 0;
}
