// Code with a site that has run is moved by mremap, and run at the new address; other code takes the old one.
#include "guest.h"
typedef long (*function)(void);
int main(void)
{
    static const unsigned char code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xc3}; // lea 0(%rip), %rax
    unsigned char *a = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(a, code, sizeof code);
    int good = 0;
    for (int i = 0; i < 10; i++)
        good += ((function)a)() == (long)a + 14;
    unsigned char *target = mmap(0, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *b = mremap(a, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    YES(b == target);
    for (int i = 0; i < 10; i++)
        good += ((function)b)() == (long)b + 14;
    mmap(a, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memcpy(a, "\xb8\x07\0\0\0\x90\x90\xc3", 8);
    for (int i = 0; i < 10; i++)
        good += ((function)a)() == 7;
    say("%d of 30", good);
    return 0;
}
