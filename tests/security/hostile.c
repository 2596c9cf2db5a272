/* A guest kernel that breaks every rule it can: random hypercalls, garbage in every shared page and ring, in its own
 * page and descriptor tables. What it does depends on the boot records alone, so that a seed among the program's
 * arguments repeats a run. Assembled without a library; see test_hostile_guest.py. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

#define SHARED 0xffffffff90000000UL
#define SHARED_SIZE 0x400000UL
#define RECORDS (SHARED + 0x100000)
#define HOSTFS (SHARED + 0x80000)
#define CHANNEL (SHARED + SHARED_SIZE)
#define WINDOW 0xffffffff80000000UL
#define DIRECT 0xffffc00000000000UL
#define HYPERCALL 0x80

static u64 state;
/* There is a session, and its channel is there. */
static int open;
static u64 next(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}
static u64 below(u64 n) { return next() % n; }

static void out(u32 port, u8 value) { asm volatile("out %0, %w1" ::"a"(value), "d"(port) : "memory"); }

/* Numbers at which checks tend to go wrong, and numbers without any sense. */
static u64 odd(void) {
    static const u64 edges[] = {0, 1, 2, 8, 4095, 4096, 4097, 65535, 65536, 1UL << 20, 1UL << 21, 1UL << 31, 1UL << 32,
        (1UL << 47) - 1, 1UL << 47, 1UL << 52, 1UL << 63, -1UL, -4096UL, -4095UL, SHARED, WINDOW, DIRECT, 0x2000000000,
        0x3800000000, 0x4000000000, 0x4000001000, 0x7f00000000, 0x200000, 0x600000, 0x2000000};
    u64 value = below(3) ? edges[below(sizeof edges / sizeof *edges)] : next() >> below(64);
    return below(4) ? value : value + below(9) - 4;
}

static void poke(u64 address, u64 value) { *(volatile u64 *)address = value; }

static void hypercall(u32 number) {
    for (int i = 0; i < 6; i++)
        poke(SHARED + 16 + 8 * i, odd());
    if (number == 1) { /* WAIT: not for ever, or the run is boring */
        if (below(20)) poke(SHARED + 24, below(1000));
    } else if ((number == 3 || number == 4) && below(400)) {
        return; /* EXIT and PANIC end it: seldom */
    } else if (number == 9) {
        poke(SHARED + 16, 1 + below(9)); /* not ready: nobody freezes it */
    }
    out(HYPERCALL + number, 0);
}

static void name(u64 at, u64 *length) {
    static const char *names[] = {"a", "b", "dir", "link", "..", ".", "/", "../canary", "a/b", "", "canary", "file"};
    const char *text = names[below(sizeof names / sizeof *names)];
    u64 n = 0;
    while (text[n]) n++;
    if (!below(6)) {
        n = below(300);
        for (u64 i = 0; i < n; i++)
            *(volatile u8 *)(at + i) = next();
    } else {
        for (u64 i = 0; i < n; i++)
            *(volatile u8 *)(at + i) = text[i];
    }
    *length = n;
}

/* Requests for host files that are nearly right. */
static void files(void) {
    u64 length = 0, first = 0;
    name(HOSTFS + 0x1000, &first);
    length = first;
    if (!below(3)) {
        name(HOSTFS + 0x1000 + first, &length);
        length += first;
    }
    u32 *request = (u32 *)HOSTFS;
    request[0] = below(22);
    request[1] = below(12);
    request[2] = below(12);
    request[3] = below(3) ? below(0x1000) : odd();
    poke(HOSTFS + 16, below(3) ? below(8) * 4096 : odd());
    poke(HOSTFS + 24, below(3) ? length : odd());
    poke(HOSTFS + 32, below(3) ? first : odd());
    for (int i = 0; i < 12; i++)
        poke(HOSTFS + 40 + 8 * i, odd());
    out(HYPERCALL + 8, 0);
}

/* Requests for the session that are nearly right. */
static void session(void) {
    if (!open) return;
    static const u32 groups[] = {0, 0x100, 0x200, 0x300, 0x400, 0x500, 0x600};
    u64 at = CHANNEL + 0x10000;
    poke(at, (groups[below(7)] + below(0x18)) | (odd() << 32));
    for (int i = 1; i < 11; i++)
        poke(at + 8 * i, below(2) ? below(10) : odd());
    for (int i = 0; i < 64; i++)
        poke(CHANNEL + 0x20000 + 8 * below(512), odd());
    if (!below(4)) poke(CHANNEL + 8 * below(512), odd());
    out(HYPERCALL + 12 + below(2) * !below(8), 0);
}

/* What ends most guests at once: one in many thousands. */
static void perish(void) {
    switch (below(8)) {
    case 0: poke(WINDOW + 0x1000 + 8 * below(0x7000 / 8), odd()); break; /* page tables */
    case 1: poke(WINDOW + 0x8000 + 8 * below(0x4000 / 8), odd()); break; /* descriptor tables, stubs */
    case 2: *(volatile u64 *)odd() = odd(); break;
    case 3: poke(DIRECT + (odd() & 0x7ffffffff8UL), odd()); break;
    case 4: *(volatile u8 *)(DIRECT + (next() >> below(44) & 0x7fffffffffUL)); break;
    case 5: *(volatile u32 *)(SHARED + 0x3000 + 4 * below(64)) = next(); break; /* the console's indices */
    case 6: poke(CHANNEL + 8 * below(0x40000), odd()); break;
    default: asm volatile("hlt");
    }
}

static void act(void) {
    u64 kind = below(1000);
    if (kind < 300) hypercall(below(18));
    else if (kind < 600) files();
    else if (kind < 700) /* shared pages, but for the console's indices */
        for (u64 n = below(64); n; n--) {
            u64 offset = 8 * below(below(4) ? 0x10000 / 8 : SHARED_SIZE / 8);
            if (offset - 0x3000 >= 0x1000) poke(SHARED + offset, odd());
        }
    else if (kind < 760) /* the console's rings within their bounds */
        for (u64 ring = 0; ring < 4; ring++)
            poke(SHARED + 0x10000 + ring * 0x10000 + 8 * below(0x2000), odd());
    else if (kind < 850) out(0x70, 0);
    else if (kind < 880) out(below(0x10000), next());
    else if (kind < 890) asm volatile("in %%dx, %%al" ::"d"(below(0x10000)) : "eax");
    else if (kind < 925) asm volatile("syscall" ::: "rcx", "r11", "memory");
    else if (kind < 930) asm volatile("ud2");
    else if (kind < 940) asm volatile("int3");
    else if (kind < 980) session();
    else if (kind < 983) poke(SHARED + 16, 0), out(HYPERCALL + 11, 0), open |= *(volatile u64 *)(SHARED + 64) == 0;
    else if (kind < 993) out(0x80, 0);
    else if (kind < 999) asm volatile("cpuid" : "=a"(kind) : "a"(odd()), "c"(odd()) : "ebx", "edx");
    else if (!below(20)) perish();
}

/* Every trap comes here, with any stack: begin again. */
__attribute__((noreturn, used)) void again(void) {
    if (!state) {
        state = 0x9e3779b97f4a7c15;
        for (u64 i = 0; i < 512; i++)
            state = (state ^ ((u64 *)RECORDS)[i]) * 0x100000001b3, state += !state;
    }
    for (;;)
        act();
}

asm(".section .header, \"awx\"\n"
    ".ascii \"RAMETKRN\"\n"
    ".long ABI_VERSION, HEADER_SIZE\n"
    ".quad boot, entry, entry, entry\n"
    ".fill 8, 8, 0\n"
    ".quad entry, entry\n"
    ".text\n"
    ".globl boot\n"
    "boot: entry: lea 0xffffffff80500000, %rsp\n"
    "jmp again\n");
