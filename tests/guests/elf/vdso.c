// The vDSO is an ELF file with the usual symbols, and its clocks agree with the system calls'.
#include "guest.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/time.h>
static const char *base;
static const Elf64_Sym *symbols;
static const char *strings;
static uint32_t count;
static void *find(const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(strings + symbols[i].st_name, name) && symbols[i].st_shndx)
            return (void *)(base + symbols[i].st_value);
    return NULL;
}
int main(void)
{
    base = (char *)getauxval(AT_SYSINFO_EHDR);
    const Elf64_Ehdr *header = (void *)base;
    YES(!memcmp(header->e_ident, ELFMAG, 4) && header->e_type == ET_DYN && header->e_machine == EM_X86_64);
    const Elf64_Phdr *p = (void *)(base + header->e_phoff);
    const Elf64_Dyn *dynamic = NULL;
    unsigned long bias = 0;
    for (int i = 0; i < header->e_phnum; i++) {
        if (p[i].p_type == PT_DYNAMIC)
            dynamic = (void *)(base + p[i].p_vaddr);
        if (p[i].p_type == PT_LOAD)
            bias = p[i].p_vaddr;
    }
    YES(dynamic && bias == 0);
    const uint32_t *table = NULL, *gnu = NULL;
    for (; dynamic->d_tag; dynamic++) {
        if (dynamic->d_tag == DT_SYMTAB)
            symbols = (void *)(base + dynamic->d_un.d_ptr);
        if (dynamic->d_tag == DT_STRTAB)
            strings = base + dynamic->d_un.d_ptr;
        if (dynamic->d_tag == DT_HASH)
            table = (void *)(base + dynamic->d_un.d_ptr);
        if (dynamic->d_tag == DT_GNU_HASH)
            gnu = (void *)(base + dynamic->d_un.d_ptr);
    }
    if (table) {
        count = table[1];
    } else if (gnu) {
        // Number of symbols: the highest bucket's chain, to its end.
        const uint32_t *buckets = gnu + 4 + gnu[2] * 2, *chain = buckets + gnu[0];
        for (uint32_t i = 0; i < gnu[0]; i++)
            if (buckets[i] > count)
                count = buckets[i];
        while (count && !(chain[count - gnu[1]] & 1))
            count++;
        count++;
    }
    int (*gettime)(clockid_t, struct timespec *) = find("__vdso_clock_gettime");
    int (*getres)(clockid_t, struct timespec *) = find("__vdso_clock_getres");
    int (*today)(struct timeval *, void *) = find("__vdso_gettimeofday");
    time_t (*seconds)(time_t *) = find("__vdso_time");
    int (*cpu)(unsigned *, unsigned *, void *) = find("__vdso_getcpu");
    YES(gettime && today && seconds && cpu);
    (void)getres;
    clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                          CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
    for (size_t i = 0; i < COUNT(clocks); i++) {
        // The coarse clocks may lag by a tick, so that only a window of 20 ms is asked of them.
        bool coarse = clocks[i] == CLOCK_REALTIME_COARSE || clocks[i] == CLOCK_MONOTONIC_COARSE;
        bool good = true;
        int64_t slack = coarse ? 20000000 : 0;
        for (int n = 0; n < 100; n++) {
            struct timespec a, b, c;
            MUST(syscall(SYS_clock_gettime, clocks[i], &a));
            MUST(gettime(clocks[i], &b));
            MUST(syscall(SYS_clock_gettime, clocks[i], &c));
            int64_t x = a.tv_sec * 1000000000ll + a.tv_nsec, y = b.tv_sec * 1000000000ll + b.tv_nsec;
            int64_t z = c.tv_sec * 1000000000ll + c.tv_nsec;
            good &= x <= y + slack && y <= z + slack && b.tv_nsec < 1000000000;
        }
        say("clock %d between two system calls: %s", clocks[i], good ? "yes" : "no");
    }
    struct timeval tv;
    today(&tv, NULL);
    time_t t = seconds(NULL), now = time(NULL);
    YES(t == now || t + 1 == now);
    YES(tv.tv_sec == now || tv.tv_sec + 1 == now);
    unsigned number = 99, node = 99;
    say("getcpu %d", cpu(&number, &node, NULL));
    YES(number < 1024 && node < 64);
    return 0;
}
