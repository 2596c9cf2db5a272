// The bytes of a site that has run. Natively they stay; a patched site reads as something else.
// allow: bytes after: .* => bytes after: .* : a patched site shows the patch to a program that reads its own code
#include "guest.h"
long call_site(void);
extern unsigned char site[];
__asm__(".text\n.globl call_site\n.globl site\ncall_site:\nsite:\nmov $39, %eax\nsyscall\nret\n");
static void show(const char *when)
{
    say("bytes %s: %02x %02x %02x %02x %02x %02x %02x %02x", when, site[0], site[1], site[2], site[3], site[4], site[5], site[6], site[7]);
}
int main(void)
{
    show("before");
    for (int i = 0; i < 10; i++)
        call_site();
    show("after");
    // The file is not changed by it.
    int fd = open("/proc/self/exe", O_RDONLY);
    static unsigned char file[1 << 20];
    long n = read(fd, file, sizeof file), found = 0;
    static const unsigned char pattern[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};
    for (long i = 0; i + 8 <= n; i++)
        found += !memcmp(file + i, pattern, 8);
    YES(found >= 1);
    return 0;
}
