// A child that faults is killed by the right signal, its parent goes on.
#include "process.h"
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int recurse(int n) { volatile char page[PAGE]; page[0] = (char)n; return recurse(n + 1) + page[0]; }
int main(void)
{
    volatile int zero = 0;
    put_file("f", "", 0);
    reap("null pointer", CHILD(*(volatile int *)0 = 1));
    reap("division", CHILD(_exit(100 / zero)));
    reap("undefined instruction", CHILD(__asm__ volatile("ud2")));
    reap("breakpoint", CHILD(__asm__ volatile("int3")));
    reap("kernel address", CHILD(*(volatile char *)0xffffffff81000000 = 1));
    reap("past the end of a file", CHILD({
        char *p = mmap(0, PAGE, PROT_READ, MAP_SHARED, open("f", O_RDONLY), 0);
        _exit(*(volatile char *)p);
    }));
    reap("stack overflow", CHILD({
        struct rlimit limit = {1 << 20, 1 << 20};
        setrlimit(RLIMIT_STACK, &limit);
        recurse(0);
    }));
    reap("executing data", CHILD({
        char *p = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *p = (char)0xc3;
        ((void (*)(void))p)();
    }));
    reap("fault while SIGSEGV is blocked", CHILD({
        sigset_t set;
        sigfillset(&set), sigprocmask(SIG_BLOCK, &set, NULL);
        *(volatile int *)0 = 1;
    }));
    return 0;
}
