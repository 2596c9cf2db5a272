/* What a VM costs the host at the least: a process of this one, forked, with a KVM VM of the same slots as a clone, its vCPU entered once.
 * Prints a line when COUNT of them are there; they end with standard input. bare COUNT RAM RESIDENT IMAGE (sizes in bytes; IMAGE: a file) */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHARED = 4 << 20, TABLES = 0x1000, CODE = 0x10000 };

static struct kvm_cpuid2 *cpuid;
static int kvm, ready = -1;

static void check(long result, const char *what) {
    if (result >= 0) return;
    perror(what);
    if (ready >= 0 && write(ready, "!", 1) < 0) exit(2);
    exit(1);
}

/* out %al,$0x80; hlt */
static const uint8_t code[] = {0xe6, 0x80, 0xf4};

static uint8_t *memory(size_t size) {
    size_t large = 2 << 20;
    uint8_t *all = mmap(NULL, size + large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) check(-1, "mmap");
    uint8_t *start = (uint8_t *)(((uintptr_t)all + large - 1) & ~(uintptr_t)(large - 1));
    madvise(start, size, MADV_HUGEPAGE);
    return start;
}

static struct kvm_segment segment(int code_segment) {
    return (struct kvm_segment){.limit = 0xffffffff, .selector = code_segment ? 0x33 : 0x2b, .type = code_segment ? 11 : 3,
                                .present = 1, .dpl = 3, .s = 1, .l = code_segment, .db = !code_segment, .g = 1};
}

static void slot(int vm, unsigned number, uint64_t at, size_t size, const void *where, int read_only) {
    struct kvm_userspace_memory_region region = {number, read_only ? KVM_MEM_READONLY : 0, at, size, (uint64_t)where};
    check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

static void live(uint8_t *ram, size_t ram_size, uint8_t *shared, const void *image, size_t image_size) {
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    check(vm, "KVM_CREATE_VM");
    slot(vm, 0, 0, ram_size, ram, 0);
    slot(vm, 1, 1ull << 36, SHARED, shared, 0);
    if (image_size) slot(vm, 2, 1ull << 37, image_size, image, 1);
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    check(vcpu, "KVM_CREATE_VCPU");
    check(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
    struct kvm_run *run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    struct kvm_sregs sregs;
    check(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
    sregs.cs = segment(1);
    sregs.ss = sregs.ds = sregs.es = segment(0);
    sregs.cr0 = 0x80050033;
    sregs.cr3 = TABLES;
    sregs.cr4 = 0x620;
    sregs.efer = 0x500;
    check(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
    struct kvm_regs regs = {.rip = CODE, .rflags = 0x3002};
    check(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
    check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
    check(run->exit_reason == KVM_EXIT_IO ? 0 : -1, "the guest's exit");
    check(write(ready, "", 1), "write");
    for (;;) pause();
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    int count = atoi(argv[1]);
    size_t ram_size = strtoull(argv[2], NULL, 0), resident = strtoull(argv[3], NULL, 0), image_size = 0;
    check(kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    cpuid = calloc(1, sizeof *cpuid + 256 * sizeof cpuid->entries[0]);
    cpuid->nent = 256;
    check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
    uint8_t *ram = memory(ram_size), *shared = memory(SHARED);
    memset(ram, 0x5a, resident < ram_size ? resident : ram_size);
    uint64_t *tables = (uint64_t *)(ram + TABLES);
    memset(tables, 0, 3 * 4096);
    tables[0] = (TABLES + 0x1000) | 7;
    tables[512] = (TABLES + 0x2000) | 7;
    tables[1024] = 0x87;
    memcpy(ram + CODE, code, sizeof code);
    int file = open(argv[4], O_RDONLY | O_CLOEXEC);
    check(file, argv[4]);
    struct stat stat;
    check(fstat(file, &stat), "fstat");
    image_size = ((size_t)stat.st_size + 4095) & ~(size_t)4095;
    void *image = mmap(NULL, image_size, PROT_READ, MAP_SHARED, file, 0);
    if (image == MAP_FAILED) check(-1, "mmap");
    int ends[2];
    check(pipe(ends), "pipe");
    signal(SIGCHLD, SIG_IGN);
    pid_t *all = calloc((size_t)count, sizeof *all), own = getpid();
    for (int i = 0; i < count; i++) {
        check(all[i] = fork(), "fork");
        if (all[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != own) _exit(1);
            ready = ends[1];
            live(ram, ram_size, shared, image, image_size);
        }
        char byte;
        if (read(ends[0], &byte, 1) != 1 || byte != 0) return 1;
    }
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0);
    for (int i = 0; i < count; i++) kill(all[i], SIGKILL);
    return 0;
}
