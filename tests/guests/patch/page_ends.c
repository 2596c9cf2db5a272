// Sites at the ends of pages: the syscall's last byte on the last byte of a page with nothing behind; the mov and
// the syscall on different pages; the site across two pages.
#include "guest.h"
static const unsigned char mov_syscall[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05};
static const unsigned char epilogue[] = {0xc3};
typedef long (*function)(void);
static unsigned char *area;
// Code so that byte `at` of the mov/syscall pair is the first of the second page.
static void across(int at)
{
    unsigned char *p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *start = p + PAGE - at;
    memcpy(start, mov_syscall, 7), memcpy(start + 7, epilogue, 1);
    mprotect(p, 2 * PAGE, PROT_READ | PROT_EXEC);
    int good = 0;
    for (int i = 0; i < 100; i++)
        good += ((function)start)() == getpid();
    // Only the second page writable again, then read-only, then code in it replaced.
    mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (int i = 0; i < 100; i++)
        good += ((function)start)() == getpid();
    say("split at %d: %d", at, good);
    munmap(p, 2 * PAGE);
}
// The syscall is the page's last instruction: its return address is not mapped, so that coming back is SIGSEGV there.
#include <ucontext.h>
static volatile long result, where, code;
static void handler(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)number;
    result = u->uc_mcontext.gregs[REG_RAX];
    where = u->uc_mcontext.gregs[REG_RIP] - (long)(area + PAGE);
    code = info->si_code;
    u->uc_mcontext.gregs[REG_RIP] = *(long *)u->uc_mcontext.gregs[REG_RSP];
    u->uc_mcontext.gregs[REG_RSP] += 8;
}
int main(void)
{
    for (int at = 0; at <= 8; at++)
        across(at);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, 0);
    area = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(area + PAGE, PAGE);
    memcpy(area + PAGE - 7, mov_syscall, 7);
    for (int i = 0; i < 20; i++) {
        where = -1;
        ((function)(area + PAGE - 7))();
        if (result != getpid() || where != 0 || code != SEGV_MAPERR)
            say("round %d: %d %ld %ld", i, result == getpid(), where, code);
    }
    memcpy(area + PAGE - 5, "\x6a\x27\x58\x0f\x05", 5); // push $39; pop %rax; syscall
    for (int i = 0; i < 20; i++) {
        where = -1;
        ((function)(area + PAGE - 5))();
        if (result != getpid() || where != 0 || code != SEGV_MAPERR)
            say("without mov, round %d: %d %ld %ld", i, result == getpid(), where, code);
    }
    // Fallen through into the next page, once it is there.
    mmap(area + PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    area[PAGE] = 0xc3;
    memcpy(area + PAGE - 7, mov_syscall, 7);
    say("falls through: %d", ((function)(area + PAGE - 7))() == getpid());
    // A site at the first bytes of a mapping.
    memcpy(area, "\x0f\x05\xc3", 3);
    long pid;
    for (int i = 0; i < 20; i++) {
        __asm__ volatile("call *%1" : "=a"(pid) : "r"(area), "a"(39) : "rcx", "r11", "memory");
        if (pid != getpid())
            say("start of a mapping: wrong");
    }
    say("done");
    return 0;
}
