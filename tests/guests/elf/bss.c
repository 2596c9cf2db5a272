// Zeroed tail of the data page, large bss, initialised data kept, data writable, constants and code not.
// variants: static static-pie pie nonpie musl
#include "guest.h"
#include <setjmp.h>
static char small[3] = {1, 2, 3};
static char tail[5000];
static char large[8 << 20];
static int table[3000] = {[0] = 7, [2999] = 9};
static const int constant[1000] = {1, 2, 3};
static int *const volatile relocated = table + 2999;
static sigjmp_buf back;
static siginfo_t last;
static void fault(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    last = *info;
    siglongjmp(back, 1);
}
static void try_write(const char *what, volatile void *address)
{
    if (sigsetjmp(back, 1) == 0) {
        *(volatile char *)address = 1;
        say("%s: written", what);
    } else {
        say("%s: %s code %d, address right: %s", what, signal_name(last.si_signo), last.si_code,
            last.si_addr == address ? "yes" : "no");
    }
}
int main(void)
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, 0);
    int bad = 0;
    for (size_t i = 0; i < sizeof tail; i++)
        bad |= tail[i];
    for (size_t i = 0; i < sizeof large; i += 512)
        bad |= large[i];
    say("bss %s", bad ? "dirty" : "zero");
    memset(large, 1, sizeof large);
    say("data %d %d %d, %d", small[2], table[0], *relocated, constant[2]);
    try_write("data", small);
    try_write("constants", (void *)constant);
    try_write("code", (void *)main);
    try_write("relro", (void *)&relocated);
    // Not executable: data, heap, stack.
    char stack[16] = {(char)0xc3};
    char *heap = malloc(16);
    heap[0] = (char)0xc3, small[0] = (char)0xc3;
    void *places[] = {small, heap, stack};
    const char *names[] = {"data", "heap", "stack"};
    for (int i = 0; i < 3; i++) {
        if (sigsetjmp(back, 1) == 0) {
            ((void (*)(void))places[i])();
            say("%s executed", names[i]);
        } else {
            say("executing %s: %s code %d, address right: %s", names[i], signal_name(last.si_signo), last.si_code,
                last.si_addr == places[i] ? "yes" : "no");
        }
    }
    return 0;
}
