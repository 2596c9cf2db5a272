// Thousands of arguments, and long ones: about 200 KiB.
// args: short@@3000
// args: 0123456789012345678901234567890123456789012345678901234567890123456789@@2500 end
#include "guest.h"
int main(int argc, char **argv)
{
    uint64_t h = 0;
    for (int i = 1; i < argc; i++)
        h = h * 31 + hash(argv[i], strlen(argv[i]));
    say("%d arguments, %016lx", argc, h);
    return 0;
}
