// Code with a site that has run is copied elsewhere, changed, and run there; the original is freed.
#include "guest.h"
typedef long (*function)(void);
int main(void)
{
    // mov $39, %eax; syscall; mov $1, %eax; ret: the constant behind the site tells the copies apart.
    static const unsigned char code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xb8, 1, 0, 0, 0, 0xc3};
    unsigned char *a = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *b = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(a, code, sizeof code);
    for (int i = 0; i < 10; i++)
        ((function)a)();
    memcpy(b + 100, a, sizeof code); // with whatever the site looks like now
    b[108] = 2;
    int good = 0;
    for (int i = 0; i < 10; i++)
        good += ((function)(b + 100))() == 2, good += ((function)a)() == 1;
    say("copy and original: %d of 20", good);
    munmap(a, PAGE);
    good = 0;
    for (int i = 0; i < 10; i++)
        good += ((function)(b + 100))() == 2;
    say("copy alone: %d of 10", good);
    return 0;
}
