// mlock and munlock with lengths and addresses near 2^64.
// users: root nobody
#include "guest.h"
int main(void)
{
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    RET(mlock(page, -1l));
    RET(mlock(page, -4095l));
    RET(mlock(page, -4096l));
    RET(mlock(page, -4097l));
    RET(mlock(page + 5, -1l));
    RET(munlock(page + 5, -1l));
    RET(munlock(page, -1l));
    RET(munlock(page, -5000l));
    RET(mlock((void *)-1l, 1));
    RET(mlock((void *)-4096l, 4096));
    RET(munlock((void *)-1l, 1));
    RET(syscall(SYS_mlock2, page, -1l, 1));
    RET(syscall(SYS_mlock2, page, -1l, 2));
    RET(mlock(page, 8192));
    RET(munlock(page, 8192));
    return 0;
}
