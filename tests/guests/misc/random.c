// getrandom: sizes, flags, errors; no repetition.
#include "guest.h"
#include <sys/random.h>
int main(void)
{
    static unsigned char a[100000], b[100000];
    RET(getrandom(a, 256, 0));
    RET(getrandom(a, sizeof a, 0));
    RET(getrandom(b, sizeof b, GRND_NONBLOCK));
    YES(memcmp(a, b, sizeof a) != 0);
    RET(getrandom(a, 16, GRND_RANDOM));
    RET(getrandom(a, 0, 0));
    RET(getrandom(a, 16, 0x100));
    RET(getrandom(a, 16, GRND_RANDOM | 4));
    RET(getrandom((void *)8, 16, 0));
    // Ones and zeros are balanced.
    long ones = 0;
    for (size_t i = 0; i < sizeof b; i++)
        ones += __builtin_popcount(b[i]);
    YES(labs(ones - 400000) < 3000);
    uint64_t seen[2000];
    int repeated = 0;
    for (int i = 0; i < 2000; i++) {
        getrandom(&seen[i], 8, 0);
        for (int k = 0; k < i; k++)
            repeated += seen[k] == seen[i];
    }
    say("repeated %d", repeated);
    return 0;
}
