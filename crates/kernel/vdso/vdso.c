/* The vDSO: time without a system call (vdso(7)).
 *
 * Reads the time page that the VMM keeps (crates/abi/src/time.rs), which the kernel maps, read-only, one page below this image.
 * Freestanding: no C library, no relocations, no global offset table. */

typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;

struct time_page {
    u32 sequence;
    u32 reserved;
    u64 tsc;
    u64 multiplier;
    struct clock_base {
        u64 seconds;
        u64 fraction;
    } clocks[3];
};
_Static_assert(sizeof(struct time_page) == 72, "ramet_abi::time::TimePage");
enum { BASE_MONOTONIC, BASE_REALTIME, BASE_BOOTTIME };

struct timespec {
    s64 seconds, nanoseconds;
};
struct timeval {
    s64 seconds, microseconds;
};
struct timezone {
    int minutes_west, dst;
};

/* The page below this image, whose first byte the linker calls __ehdr_start. In assembly, because to the compiler nothing can
 * lie before an object. */
static inline const struct time_page *time_page(void) {
    const struct time_page *page;
    __asm__(".hidden __ehdr_start\n\tleaq __ehdr_start-4096(%%rip), %0" : "=r"(page));
    return page;
}

#define SECOND 1000000000ul
#define EXPORT __attribute__((visibility("default")))
#define ALIAS(name, of) EXPORT __typeof__(of) name __attribute__((weak, alias(#of)))

enum {
    REALTIME = 0,
    MONOTONIC = 1,
    MONOTONIC_RAW = 4,
    REALTIME_COARSE = 5,
    MONOTONIC_COARSE = 6,
    BOOTTIME = 7,
    TAI = 11,
};
#define BIT(clock) (1u << (clock))
#define WALL (BIT(REALTIME) | BIT(REALTIME_COARSE) | BIT(TAI))
#define STEADY (BIT(MONOTONIC) | BIT(MONOTONIC_RAW) | BIT(MONOTONIC_COARSE))
#define COARSE (BIT(REALTIME_COARSE) | BIT(MONOTONIC_COARSE))

static inline u64 load(const u64 *from) { return __atomic_load_n(from, __ATOMIC_RELAXED); }

/* A clock of the page, in seconds and nanoseconds. Inlined, so that the nanoseconds never pass through memory. */
static inline __attribute__((always_inline)) u64 now(u32 clock, u64 *nanoseconds) {
    const struct time_page *page = time_page();
    const struct clock_base *base = &page->clocks[clock];
    u64 seconds, ns;
    u32 sequence;
    do {
        while ((sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE)) & 1)
            __builtin_ia32_pause();
        /* Not before the sequence was read, or time could run backwards. */
        __builtin_ia32_lfence();
        u64 ticks = __builtin_ia32_rdtsc() - load(&page->tsc);
        /* A stamp can be a little older than a fresh anchor. */
        if ((s64)ticks < 0)
            ticks = 0;
        seconds = load(&base->seconds);
        ns = (u64)(((unsigned __int128)ticks * load(&page->multiplier) + load(&base->fraction)) >> 32);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (__atomic_load_n(&page->sequence, __ATOMIC_RELAXED) != sequence);
    while (__builtin_expect(ns >= SECOND, 0)) {
        ns -= SECOND;
        seconds++;
        /* Or the compiler divides after all. */
        __asm__("" : "+r"(ns));
    }
    *nanoseconds = ns;
    return seconds;
}

/* The form that the kernel can patch: the number's `mov` right before the `syscall`. */
#define SYSCALL(number, first, second)                                                                          \
    ({                                                                                                          \
        long result;                                                                                            \
        __asm__ volatile("movl $" #number ", %%eax\n\tsyscall"                                                  \
                         : "=a"(result)                                                                         \
                         : "D"(first), "S"(second)                                                              \
                         : "rcx", "r11", "memory");                                                             \
        (int)result;                                                                                            \
    })

EXPORT int __vdso_clock_gettime(int clock, struct timespec *time) {
    u32 bit = (u32)clock < 32 ? BIT(clock) : 0;
    u32 base;
    if (bit & STEADY)
        base = BASE_MONOTONIC;
    else if (bit & WALL)
        base = BASE_REALTIME;
    else if (bit & BIT(BOOTTIME))
        base = BASE_BOOTTIME;
    else
        return SYSCALL(228, clock, time);
    u64 ns;
    time->seconds = (s64)now(base, &ns);
    // In order: a bad address is told as that of the first field.
    __asm__ volatile("" ::: "memory");
    time->nanoseconds = (s64)ns;
    return 0;
}

EXPORT int __vdso_gettimeofday(struct timeval *time, struct timezone *zone) {
    if (time) {
        u64 ns;
        time->seconds = (s64)now(BASE_REALTIME, &ns);
        time->microseconds = (s64)(ns / 1000);
    }
    if (zone) {
        zone->minutes_west = 0;
        zone->dst = 0;
    }
    return 0;
}

EXPORT s64 __vdso_time(s64 *time) {
    u64 ns;
    s64 seconds = (s64)now(BASE_REALTIME, &ns);
    if (time)
        *time = seconds;
    return seconds;
}

EXPORT int __vdso_clock_getres(int clock, struct timespec *resolution) {
    u32 bit = (u32)clock < 32 ? BIT(clock) : 0;
    if (!(bit & (STEADY | WALL | BIT(BOOTTIME))))
        return SYSCALL(229, clock, resolution);
    if (resolution) {
        resolution->seconds = 0;
        resolution->nanoseconds = bit & COARSE ? 4000000 : 1;
    }
    return 0;
}

/* A VM has one vCPU. */
EXPORT int __vdso_getcpu(u32 *cpu, u32 *node, void *unused) {
    (void)unused;
    if (cpu)
        *cpu = 0;
    if (node)
        *node = 0;
    return 0;
}

ALIAS(clock_gettime, __vdso_clock_gettime);
ALIAS(gettimeofday, __vdso_gettimeofday);
ALIAS(time, __vdso_time);
ALIAS(clock_getres, __vdso_clock_getres);
ALIAS(getcpu, __vdso_getcpu);
