// System call sites of every form, each passed many times: the call is made, the result right, nothing else touched.
#include "guest.h"
#define ROUNDS 300
// Forms without arguments that give the process id, as functions.
#define SITE(name, body) __asm__(".text\n.globl " #name "\n" #name ":\n" body "\nret\n"); long name(void)
SITE(mov_eax, "mov $39, %eax\nsyscall");
SITE(mov_rax, "mov $39, %rax\nsyscall");
SITE(mov_long, ".byte 0x48, 0xb8, 39, 0, 0, 0, 0, 0, 0, 0\nsyscall");
SITE(no_mov, "lea 39, %rax\nsyscall");
SITE(push_pop, "push $39\npop %rax\nsyscall");
SITE(mov_nop, "mov $39, %eax\nnop\nsyscall");
SITE(mov_other, "mov $39, %eax\nmov %eax, %edx\nsyscall");
SITE(from_register, "mov $39, %r10d\nmov %r10, %rax\nsyscall");
SITE(short_tail, "mov $39, %eax\nsyscall"); // ret directly behind
SITE(padded, "mov $39, %eax\nsyscall\nnopl 0(%rax)\nnop");
SITE(two_in_a_row, "mov $39, %eax\nsyscall\nmov $39, %eax\nsyscall");
SITE(same_register, "mov $39, %eax\nsyscall\nmov %rax, %r8\nmov $39, %eax\nsyscall\ncmp %r8, %rax\nje 1f\nmov $-1, %rax\n1:");
SITE(rex_prefix, "mov $39, %eax\n.byte 0x48, 0x0f, 0x05"); // a prefix that means nothing before syscall
SITE(high_bits, "movabs $0x12300000027, %rax\nsyscall");   // Linux looks at the low half
SITE(mov_in_other_block, "mov $39, %eax\njmp 1f\nnop\n1: syscall");
SITE(loop_to_site, "mov $39, %eax\nmov $3, %r9d\n1: syscall\nmov %rax, %r8\nmov $39, %eax\ndec %r9d\njnz 1b\nmov %r8, %rax");
// In a leaf function that keeps data in the red zone.
SITE(red_zone, "movq $0x1234, -8(%rsp)\nmovq $0x5678, -128(%rsp)\nmov $39, %eax\nsyscall\n"
               "cmpq $0x1234, -8(%rsp)\njne 9f\ncmpq $0x5678, -128(%rsp)\njne 9f\nret\n9: mov $-2, %rax");
SITE(red_zone_no_mov, "movq $0x1234, -8(%rsp)\nmovq $0x5678, -128(%rsp)\nlea 39, %eax\nsyscall\n"
                      "cmpq $0x1234, -8(%rsp)\njne 9f\ncmpq $0x5678, -128(%rsp)\njne 9f\nret\n9: mov $-2, %rax");
// With a stack pointer that is no stack at all.
SITE(no_stack, "mov %rsp, %rdx\nmov $0x1000, %esp\nmov $39, %eax\nsyscall\nmov %rdx, %rsp");
SITE(no_stack_no_mov, "mov %rsp, %rdx\nmov $0x1000, %esp\nlea 39, %eax\nsyscall\nmov %rdx, %rsp");
// Another number: what is not there is ENOSYS, wherever the number comes from.
SITE(unknown, "mov $9999, %eax\nsyscall");
SITE(negative, "mov $-1, %eax\nsyscall");
SITE(negative_no_mov, "or $-1, %rax\nsyscall");
SITE(above_table, "mov $0x7fffffff, %eax\nsyscall");
// rcx is the return address, r11 the flags.
SITE(rcx_is_return, "mov $39, %eax\nsyscall\n8: lea 8b(%rip), %rdx\nsub %rdx, %rcx\nmov %rcx, %rax");
SITE(rcx_is_return_no_mov, "lea 39, %eax\nsyscall\n8: lea 8b(%rip), %rdx\nsub %rdx, %rcx\nmov %rcx, %rax");
SITE(r11_is_flags, "cmp %eax, %eax\nstc\nmov $39, %eax\nsyscall\nmov %r11, %rax\nand $0xcd5, %eax");
SITE(r11_is_flags_no_mov, "xor %eax, %eax\nmov $39, %al\nstc\nsyscall\nmov %r11, %rax\nand $0x1, %eax");
SITE(flags_kept, "xor %eax, %eax\nmov $39, %eax\nstd\nstc\nsyscall\npushf\npop %rax\ncld\nand $0xc41, %eax");
int main(void)
{
    long pid = getpid();
    struct {
        const char *name;
        long (*call)(void);
    } sites[] = {
#define ENTRY(f) {#f, f}
        ENTRY(mov_eax), ENTRY(mov_rax), ENTRY(mov_long), ENTRY(no_mov), ENTRY(push_pop), ENTRY(mov_nop), ENTRY(mov_other),
        ENTRY(from_register), ENTRY(short_tail), ENTRY(padded), ENTRY(two_in_a_row), ENTRY(same_register), ENTRY(rex_prefix),
        ENTRY(high_bits), ENTRY(mov_in_other_block), ENTRY(loop_to_site), ENTRY(red_zone), ENTRY(red_zone_no_mov),
        ENTRY(no_stack), ENTRY(no_stack_no_mov), ENTRY(unknown), ENTRY(negative), ENTRY(negative_no_mov), ENTRY(above_table),
        ENTRY(rcx_is_return), ENTRY(rcx_is_return_no_mov), ENTRY(r11_is_flags), ENTRY(r11_is_flags_no_mov), ENTRY(flags_kept),
    };
    for (size_t i = 0; i < COUNT(sites); i++) {
        long first = sites[i].call(), differing = 0;
        for (int n = 0; n < ROUNDS; n++)
            differing += sites[i].call() != first;
        if (first == pid)
            say("%s: process id, %ld others", sites[i].name, differing);
        else
            say("%s: %lx, %ld others", sites[i].name, first, differing);
    }
    return 0;
}
