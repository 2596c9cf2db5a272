// Shared mappings of /dev/zero and of a memfd; F_ADD_SEALS seen by the child; a memfd grown by it.
#include "process.h"
int main(void)
{
    int zero = open("/dev/zero", O_RDWR), memory = memfd_create("name", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    ftruncate(memory, PAGE);
    char *z = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0), *m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    reap("child", CHILD({
        strcpy(z, "zero"), strcpy(m, "memfd");
        RET(ftruncate(memory, 3 * PAGE));
        pwrite(memory, "end", 3, 3 * PAGE - 3);
        RET(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
    }));
    say("%s %s", z, m);
    struct stat st;
    fstat(memory, &st);
    say("size %ld", (long)st.st_size / (long)PAGE);
    RET(fcntl(memory, F_GET_SEALS));
    RET(ftruncate(memory, 0));
    return 0;
}
