// More sites than a table of 16384 holds, each passed twice.
// slow
#include "guest.h"
#define SITES 18000
int main(void)
{
    size_t size = (SITES * 16 + PAGE - 1) & -PAGE;
    unsigned char *code = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < SITES; i++)
        memcpy(code + i * 16, "\xb8\x27\0\0\0\x0f\x05\xc3", 8);
    mprotect(code, size, PROT_READ | PROT_EXEC);
    long wrong = 0, pid = getpid();
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < SITES; i++)
            wrong += ((long (*)(void))(code + i * 16))() != pid;
    say("%ld wrong", wrong);
    return 0;
}
