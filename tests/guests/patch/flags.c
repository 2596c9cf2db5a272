// Flags that a program sets live through system calls, by a patched site and by one that cannot be patched, with a signal on
// the way and without; a handler starts with the direction flag clear.
#include "guest.h"
#define CARRY 1ul
#define PARITY_ZERO_SIGN 0xc4ul
#define DIRECTION 0x400ul
#define OVERFLOW 0x800ul
#define NESTED 0x4000ul
#define ALIGNMENT 0x40000ul
static volatile unsigned long in_handler;
static void handler(int number)
{
    unsigned long flags;
    (void)number;
    __asm__ volatile("pushf\npop %0" : "=r"(flags));
    in_handler = flags & (DIRECTION | NESTED);
}
// call(flags, number, a, b): the flags after a system call that was made with `flags` on.
unsigned long call(unsigned long flags, long number, long a, long b);
__asm__(".globl call\ncall:\nmov %rsi,%rax\nmov %rdi,%r8\nmov %rdx,%rdi\nmov %rcx,%rsi\n"
        "pushf\nor %r8,(%rsp)\npopf\nsyscall\npushf\npop %rax\npushf\nandq $~0x44400,(%rsp)\npopf\nret\n");
unsigned long call_parent(unsigned long flags);
__asm__(".globl call_parent\ncall_parent:\npushf\nor %rdi,(%rsp)\npopf\nmov $110,%eax\nsyscall\npushf\npop %rax\n"
        "pushf\nandq $~0x44400,(%rsp)\npopf\nret\n");
unsigned long call_write(unsigned long flags, long fd, const void *text, long length);
__asm__(".globl call_write\ncall_write:\nmov %rdi,%r8\nmov %rsi,%rdi\nmov %rdx,%rsi\nmov %rcx,%rdx\n"
        "pushf\nor %r8,(%rsp)\npopf\nmov $1,%eax\nsyscall\npushf\npop %rax\npushf\nandq $~0x44400,(%rsp)\npopf\nret\n");
int main(void)
{
    unsigned long sets[] = {0, CARRY | OVERFLOW, PARITY_ZERO_SIGN, DIRECTION, ALIGNMENT, NESTED, DIRECTION | NESTED | ALIGNMENT};
    signal(SIGUSR1, handler);
    long pid = getpid();
    char text[] = "xwritten";
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT(sets); i++) {
            unsigned long f = sets[i];
            bool kept = (call_parent(f) & f) == f;
            bool wrote = (call_write(f, 1, text + 1, 0) & f) == f;
            bool other = (call(f, SYS_getppid, 0, 0) & f) == f;
            in_handler = 1;
            bool with_signal = (call(f, SYS_kill, pid, SIGUSR1) & f) == f;
            say("%lx: %d %d %d %d, handler %lx", f, kept, wrote, other, with_signal, in_handler);
        }
    return 0;
}
