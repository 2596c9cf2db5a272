// Limits on the address space: RLIMIT_AS makes mmap, brk and malloc fail with ENOMEM, and no more.
#include "guest.h"
#include <sys/resource.h>
int main(void)
{
    struct rlimit limit = {256 << 20, RLIM_INFINITY};
    MUST(setrlimit(RLIMIT_AS, &limit));
    void *p = mmap(0, 300 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("300 MiB: %s", p == MAP_FAILED ? error_name(errno) : "ok");
    p = mmap(0, 200 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("200 MiB: %s", p == MAP_FAILED ? error_name(errno) : "ok");
    void *q = mmap(0, 100 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("100 MiB more: %s", q == MAP_FAILED ? error_name(errno) : "ok");
    q = mremap(p, 200 << 20, 280 << 20, MREMAP_MAYMOVE);
    say("grown to 280 MiB: %s", q == MAP_FAILED ? error_name(errno) : "ok");
    RET(malloc(100 << 20) == NULL);
    munmap(p, 200 << 20);
    RET(malloc(100 << 20) != NULL);
    return 0;
}
