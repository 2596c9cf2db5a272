// The auxiliary vector's entries agree with the process and the CPU.
// variants: static static-pie pie nonpie musl musl-pie
#include "guest.h"
#include <cpuid.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
extern char **environ;
extern char __ehdr_start[] __attribute__((visibility("hidden")));
extern void _start(void);
int main(int argc, char **argv)
{
    (void)argc;
    ElfW(auxv_t) *a;
    char **e = environ;
    while (*e)
        e++;
    bool seen[64] = {0};
    for (a = (void *)(e + 1); a->a_type != AT_NULL; a++)
        if (a->a_type < 64)
            seen[a->a_type] = true;
    int wanted[] = {AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY, AT_UID, AT_EUID, AT_GID,
                    AT_EGID, AT_PLATFORM, AT_HWCAP, AT_CLKTCK, AT_SECURE, AT_RANDOM, AT_HWCAP2, AT_EXECFN,
                    AT_SYSINFO_EHDR};
    for (size_t i = 0; i < COUNT(wanted); i++)
        say("entry %d present: %s", wanted[i], seen[wanted[i]] ? "yes" : "no");
    say("page size %lu, clock ticks %lu, flags %lu, secure %lu", getauxval(AT_PAGESZ), getauxval(AT_CLKTCK),
        getauxval(AT_FLAGS), getauxval(AT_SECURE));
    say("platform %s", (char *)getauxval(AT_PLATFORM));
    YES(getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid());
    YES(getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
    Elf64_Ehdr *header = (void *)__ehdr_start;
    YES(getauxval(AT_PHDR) == (unsigned long)header + header->e_phoff);
    YES(getauxval(AT_PHENT) == sizeof(Elf64_Phdr));
    YES(getauxval(AT_PHNUM) == header->e_phnum);
    YES(getauxval(AT_ENTRY) == (unsigned long)_start);
    bool interpreted = false;
    Elf64_Phdr *p = (void *)getauxval(AT_PHDR);
    for (int i = 0; i < header->e_phnum; i++)
        interpreted |= p[i].p_type == PT_INTERP;
    YES((getauxval(AT_BASE) != 0) == interpreted);
    if (interpreted)
        YES(memcmp((void *)getauxval(AT_BASE), "\177ELF", 4) == 0);
    YES(!strcmp((char *)getauxval(AT_EXECFN), argv[0]));
    YES(memcmp((void *)getauxval(AT_SYSINFO_EHDR), "\177ELF", 4) == 0);
    YES(getauxval(AT_SYSINFO_EHDR) % PAGE == 0);
    unsigned char zero[16] = {0};
    YES(memcmp((void *)getauxval(AT_RANDOM), zero, 16) != 0);
    unsigned eax, ebx, ecx, edx;
    __cpuid(1, eax, ebx, ecx, edx);
    YES((unsigned)getauxval(AT_HWCAP) == edx);
    // The stack: arguments' strings lie above the vector.
    YES((char *)a < argv[0] && argv[0] < (char *)getauxval(AT_EXECFN));
    YES((header->e_type == ET_EXEC) == ((unsigned long)header == 0x400000));
    return 0;
}
