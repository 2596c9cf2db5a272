// Code made at run time with system calls in it: executed, overwritten by other code in the same place, executed again.
#include "guest.h"
typedef long (*function)(long);
static unsigned char *code;
static int emit_call(unsigned char *p, int number, bool mov)
{
    int n = 0;
    if (mov) {
        p[n++] = 0xb8, memcpy(p + n, &number, 4), n += 4;
    } else {
        p[n++] = 0x6a, p[n++] = (unsigned char)number, p[n++] = 0x58; // push; pop %rax
    }
    p[n++] = 0x0f, p[n++] = 0x05, p[n++] = 0xc3;
    return n;
}
// mov $value, %eax; then as many nops as a site had; ret
static void emit_constant(unsigned char *p, unsigned value)
{
    p[0] = 0xb8, memcpy(p + 1, &value, 4), p[5] = 0x90, p[6] = 0x90, p[7] = 0xc3;
}
static void test(const char *what, bool toggle)
{
    long wrong = 0, pid = getpid(), parent = getppid();
    for (int i = 0; i < 300; i++) {
        function f = (function)(code + (i % 3) * 64);
        unsigned char *p = (unsigned char *)f;
        if (toggle)
            mprotect(code, PAGE, PROT_READ | PROT_WRITE);
        int kind = i % 5;
        if (kind == 0)
            emit_call(p, 39, true);
        else if (kind == 1)
            emit_call(p, 110, true);
        else if (kind == 2)
            emit_constant(p, 0x12345);
        else if (kind == 3)
            emit_call(p, 39, false);
        else
            p[0] = 0x31, p[1] = 0xc0, p[2] = 0xc3; // xor %eax, %eax; ret
        if (toggle)
            mprotect(code, PAGE, PROT_READ | PROT_EXEC);
        long expect = kind == 0 || kind == 3 ? pid : kind == 1 ? parent : kind == 2 ? 0x12345 : 0;
        for (int n = 0; n < 4; n++)
            wrong += f(0) != expect;
    }
    say("%s: %ld wrong", what, wrong);
}
int main(void)
{
    code = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    test("writable and executable", false);
    test("by turns", true);
    // Only the number changed, in place, between executions.
    mprotect(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    long wrong = 0;
    emit_call(code, 39, true);
    for (int i = 0; i < 200; i++) {
        unsigned number = i % 2 ? 39 : 110;
        memcpy(code + 1, &number, 4);
        wrong += ((function)code)(0) != (i % 2 ? getpid() : getppid());
    }
    say("number changed in place: %ld wrong", wrong);
    // Only the syscall overwritten by nops, the mov kept, and back.
    wrong = 0;
    for (int i = 0; i < 200; i++) {
        unsigned number = 39;
        memcpy(code + 1, &number, 4), code[0] = 0xb8;
        memcpy(code + 5, i % 2 ? "\x90\x90" : "\x0f\x05", 2);
        wrong += ((function)code)(0) != (i % 2 ? 39 : getpid());
    }
    say("syscall replaced by nops and back: %ld wrong", wrong);
    // Unmapped and mapped again at the same address with other code.
    wrong = 0;
    for (int i = 0; i < 50; i++) {
        emit_call(code, i % 2 ? 39 : 110, true);
        for (int n = 0; n < 3; n++)
            wrong += ((function)code)(0) != (i % 2 ? getpid() : getppid());
        munmap(code, PAGE);
        if (mmap(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != code)
            die("mmap");
        wrong += code[0] != 0 || code[5] != 0;
        emit_constant(code, i);
        wrong += ((function)code)(0) != i;
    }
    say("mapped anew: %ld wrong", wrong);
    // Written through another view, executed here; and code from a file, shared and private.
    int fd = memfd_create("code", 0);
    ftruncate(fd, PAGE);
    unsigned char *w = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char *x = mmap(0, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    wrong = 0;
    for (int i = 0; i < 100; i++) {
        if (i % 3 == 2)
            emit_constant(w, i);
        else
            emit_call(w, i % 3 ? 39 : 110, true);
        for (int n = 0; n < 3; n++)
            wrong += ((function)x)(0) != (i % 3 == 2 ? i : i % 3 ? getpid() : getppid());
    }
    say("two views: %ld wrong", wrong);
    emit_call(w, 39, true);
    unsigned char *p = mmap(0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    wrong = 0;
    for (int n = 0; n < 10; n++)
        wrong += ((function)p)(0) != getpid();
    char bytes[8];
    pread(fd, bytes, 8, 0);
    wrong += memcmp(bytes, "\xb8\x27\0\0\0\x0f\x05\xc3", 8) != 0; // the file does not see what became of the site
    say("private view of a file: %ld wrong", wrong);
    return 0;
}
