// Segments aligned to 2 MiB, without RELRO.
// variants: static static-pie pie
// flags: -Wl,-z,max-page-size=0x200000 -Wl,-z,norelro -Wl,-z,common-page-size=0x200000
#include "guest.h"
static int table[5000] = {[4999] = 9};
static char zero[3 << 20];
int main(void)
{
    int dirty = 0;
    for (size_t i = 0; i < sizeof zero; i += 1000)
        dirty |= zero[i];
    memset(zero, 1, sizeof zero);
    say("data %d, bss %s", table[4999], dirty ? "dirty" : "zero");
    return 0;
}
