// Each address that is random natively is random: one line per kind would hide the others, so one case each.
// variants: static-pie
// args: code
// args: stack
// args: mmap
// args: brk
// args: vdso
// repeat
#include "guest.h"
#include <sys/auxv.h>
int main(int argc, char **argv)
{
    int local;
    void *p = NULL;
    if (argc < 2)
        return 1;
    switch (argv[1][0]) {
    case 'c': p = (void *)main; break;
    case 's': p = &local; break;
    case 'm': p = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); break;
    case 'b': p = sbrk(0); break;
    case 'v': p = (void *)getauxval(AT_SYSINFO_EHDR); break;
    }
    say("%s at %p", argv[1], p);
    return 0;
}
