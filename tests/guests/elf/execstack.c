// A program whose stack is executable by its own wish runs code on it; huge alignment and merged segments load.
// variants: static pie
// flags: -z execstack -Wl,-z,noseparate-code
#include "guest.h"
static int table[5000] = {[4999] = 9};
int main(void)
{
    unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
    unsigned char *volatile p = code;
    __asm__ volatile("" ::: "memory"); // a call does not count as reading the array
    say("on the stack: %d", ((int (*)(void))p)());
    say("data %d", table[4999]);
    return 0;
}
