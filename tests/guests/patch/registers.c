// A system call changes rax, rcx and r11 and no other register, at sites with and without the mov, before and after patching.
#include "guest.h"
// Loads fifteen registers from `in`, makes the call whose number is in in[0], stores all to `out`.
#define SITE(name, before)                                                                                             \
    void name(const uint64_t *in, uint64_t *out);                                                                      \
    __asm__(".text\n.globl " #name "\n" #name ":\n"                                                                    \
            "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\npush %rsi\n"                            \
            "mov 8(%rdi),%rbx\nmov 16(%rdi),%rcx\nmov 24(%rdi),%rdx\nmov 32(%rdi),%rsi\nmov 48(%rdi),%rbp\n"           \
            "mov 56(%rdi),%r8\nmov 64(%rdi),%r9\nmov 72(%rdi),%r10\nmov 80(%rdi),%r11\nmov 88(%rdi),%r12\n"            \
            "mov 96(%rdi),%r13\nmov 104(%rdi),%r14\nmov 112(%rdi),%r15\nmov (%rdi),%rax\nmov 40(%rdi),%rdi\n" before   \
            "syscall\n"                                                                                                \
            "xchg %rax,(%rsp)\n" /* the out pointer, result on the stack */                                            \
            "mov %rbx,8(%rax)\nmov %rcx,16(%rax)\nmov %rdx,24(%rax)\nmov %rsi,32(%rax)\nmov %rdi,40(%rax)\n"           \
            "mov %rbp,48(%rax)\nmov %r8,56(%rax)\nmov %r9,64(%rax)\nmov %r10,72(%rax)\nmov %r11,80(%rax)\n"            \
            "mov %r12,88(%rax)\nmov %r13,96(%rax)\nmov %r14,104(%rax)\nmov %r15,112(%rax)\npop %rbx\nmov %rbx,(%rax)\n" \
            "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n")
SITE(plain, "");
SITE(getppid_mov, "mov $110,%eax\n");
SITE(read_mov, "mov $0,%eax\n");
SITE(mmap_mov, "mov $9,%eax\n");
SITE(yield_mov, "mov $24,%eax\n");
static const char *names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};
static long wrong;
static void check(const char *what, void (*site)(const uint64_t *, uint64_t *), long number, const long *arguments)
{
    for (int n = 0; n < 200; n++) {
        uint64_t in[15], out[15];
        for (int i = 0; i < 15; i++)
            in[i] = 0x9e3779b97f4a7c15ull * (i + 1 + n * 100);
        in[0] = number;
        int slots[] = {5, 4, 3, 9, 7, 8};
        for (int i = 0; arguments && i < 6; i++)
            in[slots[i]] = arguments[i];
        site(in, out);
        for (int i = 1; i < 15; i++)
            if (i != 2 && i != 10 && in[i] != out[i] && wrong++ < 5)
                say("%s changed %s", what, names[i]);
        if (number == SYS_mmap)
            munmap((void *)out[0], PAGE);
    }
    say("%s done", what);
}
int main(void)
{
    char b[16];
    int zero = open("/dev/zero", O_RDONLY), file = open("f", O_CREAT | O_RDWR, 0644);
    long on_zero[6] = {zero, (long)b, 16, 4, 5, 6}, bad[6] = {zero, 8, 16, 4, 5, 6}, map[6] = {0, PAGE, 3, 0x22, -1, 0};
    long put[6] = {file, (long)b, 16, 4, 5, 6};
    struct timespec t = {0, 100000};
    long nap[6] = {(long)&t, 0, 3, 4, 5, 6};
    check("getpid", plain, SYS_getpid, 0);
    check("getppid", getppid_mov, 0, 0);
    check("unknown", plain, 9999, 0);
    check("read", plain, SYS_read, on_zero);
    check("read with mov", read_mov, 0, on_zero);
    check("failing read", read_mov, 0, bad);
    check("write", plain, SYS_write, put);
    check("mmap", mmap_mov, SYS_mmap, map);
    check("mmap without mov", plain, SYS_mmap, map);
    check("yield", yield_mov, 0, 0);
    check("nanosleep", plain, SYS_nanosleep, nap);
    say("%ld wrong", wrong);
    return 0;
}
