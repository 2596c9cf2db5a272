// The program break: growth, shrinking, zero pages, limits, what is in the way.
// variants: static musl
#include "guest.h"
#include <sys/resource.h>
#define BRK(x) ((char *)syscall(SYS_brk, (x)))
int main(void)
{
    char *start = BRK(0);
    YES(BRK(0) == start);
    YES(BRK(start + 3 * PAGE + 5) == start + 3 * PAGE + 5);
    int dirty = 0;
    for (size_t i = 0; i < 3 * PAGE + 5; i++)
        dirty |= start[i];
    say("%s", dirty ? "dirty" : "zero");
    memset(start, 1, 3 * PAGE + 5);
    YES(BRK(start + PAGE) == start + PAGE);
    YES(BRK(start + 3 * PAGE) == start + 3 * PAGE);
    char *edge = (char *)(((uintptr_t)start + PAGE + PAGE - 1) & -PAGE);
    say("kept %d, fresh %d", start[10], edge[10]);
    // Below its start and nonsense: nothing changes.
    YES(BRK(1) == start + 3 * PAGE);
    YES(BRK(-1) == start + 3 * PAGE);
    YES(BRK(start + (1ul << 46)) == start + 3 * PAGE);
    // A mapping in the way.
    char *wall = (char *)(((uintptr_t)start + 64 * PAGE) & -PAGE);
    YES(mmap(wall, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == wall);
    YES(BRK(wall + 10 * PAGE) == start + 3 * PAGE);
    munmap(wall, PAGE);
    YES(BRK(wall + 10 * PAGE) == wall + 10 * PAGE);
    // RLIMIT_DATA bounds it.
    struct rlimit limit = {1 << 20, RLIM_INFINITY};
    MUST(setrlimit(RLIMIT_DATA, &limit));
    YES(BRK(start + (64 << 20)) == wall + 10 * PAGE);
    YES(BRK(start) == start);
    limit.rlim_cur = RLIM_INFINITY;
    MUST(setrlimit(RLIMIT_DATA, &limit));
    YES(BRK(start + (32 << 20)) == start + (32 << 20));
    start[(32 << 20) - 1] = 1;
    say("end %d", start[(32 << 20) - 1]);
    return 0;
}
