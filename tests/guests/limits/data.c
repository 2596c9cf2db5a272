// RLIMIT_DATA of 0: the hard limit counts for mappings, as valgrind needs it; the heap cannot grow.
#include "guest.h"
#include <sys/resource.h>
static void try(const char *what, size_t length)
{
    void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("%s: %zu KiB: %s", what, length >> 10, at == MAP_FAILED ? error_name(errno) : "mapped");
    if (at != MAP_FAILED)
        munmap(at, length);
}
static void limit(rlim_t soft, rlim_t hard)
{
    struct rlimit l = {soft, hard};
    MUST(setrlimit(RLIMIT_DATA, &l));
}
int main(void)
{
    void *page = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    limit(0, RLIM_INFINITY);
    try("0, no hard limit", 1 << 20);
    say("heap: %s", sbrk(1 << 20) == (void *)-1 ? error_name(errno) : "grown");
    RET(mprotect(page, 4096, PROT_READ | PROT_WRITE));
    limit(4096, RLIM_INFINITY);
    try("a page, no hard limit", 1 << 20);
    limit(0, 16 << 20);
    try("0 of 16 MiB", 1 << 20);
    try("0 of 16 MiB", 32 << 20);
    limit(0, 0);
    try("0 of 0", 4096);
    RET(mprotect(page + 4096, 4096, PROT_READ | PROT_WRITE));
    return 0;
}
