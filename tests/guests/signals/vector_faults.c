// Page faults that the kernel serves, and faults with a handler, keep all vector and x87 registers.
#include "vector.h"
static int level;
static char *area;
static volatile int faults;
static void handler(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    faults++;
    scramble_vectors(level);
    mprotect((char *)((uintptr_t)info->si_addr & -PAGE), PAGE, PROT_READ | PROT_WRITE);
}
// Called by with_vectors with its registers loaded: touches memory only, in assembler.
void touch(void);
char *touch_at;
__asm__(".globl touch\ntouch:\nmov touch_at(%rip),%rdi\nmov $50,%rsi\n1:movb $1,(%rdi)\nlea 4096(%rdi),%rdi\n"
        "lea -1(%rsi),%rsi\nmov %rsi,%rcx\njrcxz 2f\njmp 1b\n2:ret\n");
int main(void)
{
    level = vector_level();
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, 0);
    int wrong = 0;
    for (int i = 0; i < 40; i++) {
        struct vectors in, out;
        bool handled = i % 2;
        area = mmap(0, 50 * PAGE, handled ? PROT_NONE : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        touch_at = area;
        struct action go = {-2, {(long)touch}, 0};
        fill_vectors(&in, i);
        with_vectors(&in, &out, &go, level);
        wrong += compare_vectors(&in, &out, level, true);
        munmap(area, 50 * PAGE);
    }
    say("%d faults handled, %d registers wrong", faults, wrong);
    return 0;
}
