// The state of registers and stack at the very first instruction.
// variants: bare
// args: a bc
typedef unsigned long u64;
struct state {
    u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rsp, flags, cs, ss, ds, es, fs, gs, mxcsr;
    u64 fcw;
} state;
__asm__(".globl _start\n_start:\n"
        "mov %rax, state(%rip)\nmov %rbx, state+8(%rip)\nmov %rcx, state+16(%rip)\nmov %rdx, state+24(%rip)\n"
        "mov %rsi, state+32(%rip)\nmov %rdi, state+40(%rip)\nmov %rbp, state+48(%rip)\nmov %r8, state+56(%rip)\n"
        "mov %r9, state+64(%rip)\nmov %r10, state+72(%rip)\nmov %r11, state+80(%rip)\nmov %r12, state+88(%rip)\n"
        "mov %r13, state+96(%rip)\nmov %r14, state+104(%rip)\nmov %r15, state+112(%rip)\nmov %rsp, state+120(%rip)\n"
        "pushf\npop %rax\nmov %rax, state+128(%rip)\nmov %cs, state+136(%rip)\nmov %ss, state+144(%rip)\n"
        "mov %ds, state+152(%rip)\nmov %es, state+160(%rip)\nmov %fs, state+168(%rip)\nmov %gs, state+176(%rip)\n"
        "stmxcsr state+184(%rip)\nfnstcw state+192(%rip)\nmov %rsp, %rdi\nand $-16, %rsp\ncall begin\nhlt\n");
static long call(long n, long a, long b, long c)
{
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}
static u64 length(const char *s)
{
    u64 n = 0;
    while (s[n])
        n++;
    return n;
}
static void put(const char *s) { call(1, 1, (long)s, length(s)); }
static void hex(const char *name, u64 v)
{
    char text[20];
    int i = 19;
    text[i] = 0;
    do
        text[--i] = "0123456789abcdef"[v & 15];
    while (v >>= 4);
    put(name), put(" "), put(text + i), put("\n");
}
static void yes(const char *name, int v) { put(name), put(v ? ": yes\n" : ": no\n"); }
static u64 zeros[8192];
static u64 data[8192] = {1};
void begin(u64 *stack)
{
    yes("general registers are zero",
        !(state.rax | state.rbx | state.rcx | state.rdx | state.rsi | state.rdi | state.rbp | state.r8 | state.r9 |
          state.r10 | state.r11 | state.r12 | state.r13 | state.r14 | state.r15));
    hex("rsp modulo 16", state.rsp % 16);
    hex("flags without IF and IOPL", state.flags & ~0x3200ul & ~2ul);
    hex("cs", state.cs & 0xffff), hex("ss", state.ss & 0xffff), hex("ds", state.ds), hex("es", state.es);
    hex("fs", state.fs), hex("gs", state.gs), hex("mxcsr", state.mxcsr & 0xffffffff), hex("fcw", state.fcw & 0xffff);
    u64 argc = stack[0];
    char **argv = (char **)stack + 1;
    hex("argc", argc);
    yes("argv ends in null", argv[argc] == 0);
    put(argv[1]), put(" "), put(argv[2]), put("\n");
    char **env = argv + argc + 1;
    int n = 0;
    while (env[n])
        n++;
    hex("environment", n);
    u64 *aux = (u64 *)(env + n + 1);
    u64 name = 0, random = 0, entries = 0;
    for (; aux[0]; aux += 2, entries++) {
        if (aux[0] == 31)
            name = aux[1];
        if (aux[0] == 25)
            random = aux[1];
    }
    yes("auxiliary vector of a sane length", entries > 10 && entries < 40);
    yes("strings contiguous", argv[1] == argv[0] + length(argv[0]) + 1 && argv[2] == argv[1] + length(argv[1]) + 1 &&
                                  env[0] == argv[2] + length(argv[2]) + 1);
    yes("environment contiguous", n < 2 || env[1] == env[0] + length(env[0]) + 1);
    yes("name behind environment", name == (u64)env[n - 1] + length(env[n - 1]) + 1);
    yes("eight zero bytes, then the stack's end", *(u64 *)(name + length((char *)name) + 1) == 0 &&
                                                       (name + length((char *)name) + 1 + 8) % 4096 == 0);
    yes("random bytes below strings", random < (u64)argv[0] && random > (u64)aux);
    int dirty = 0;
    for (int i = 0; i < 8192; i++)
        dirty |= zeros[i] != 0 || (i && data[i]);
    yes("bss and data clean", !dirty);
    call(231, 3, 0, 0);
}
