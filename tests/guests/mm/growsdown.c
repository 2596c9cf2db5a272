// MAP_GROWSDOWN: the mapping grows when the page below is touched.
#include "guest.h"
int main(void)
{
    char *area = mmap(0, 600 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    munmap(area, 600 * PAGE);
    char *p = mmap(area + 590 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    YES(p == area + 590 * PAGE);
    for (int i = 1; i <= 50; i++)
        p[-i * (long)PAGE] = (char)i;
    int good = 1;
    for (int i = 1; i <= 50; i++)
        good &= p[-i * (long)PAGE] == i;
    say("grown by 50 pages: %s", good ? "yes" : "no");
    return 0;
}
