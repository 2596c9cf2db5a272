// Address layout, AT_RANDOM and getrandom differ from run to run.
// variants: static-pie pie
// repeat
#include "guest.h"
#include <sys/auxv.h>
#include <sys/random.h>
int main(void)
{
    unsigned long value[3];
    memcpy(value, (void *)getauxval(AT_RANDOM), 16);
    say("%lx %lx", value[0], value[1]);
    if (getrandom(value, sizeof value, 0) != sizeof value)
        return 1;
    say("%lx %lx %lx", value[0], value[1], value[2]);
    int local;
    say("%p %p %p %p", (void *)main, (void *)&local, mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        sbrk(0));
    return 0;
}
