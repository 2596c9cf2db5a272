/* The snapshot-restore recipe, on the host: a new KVM VM over a MAP_PRIVATE mapping of a snapshot, registers set, run. Prints for each round
 * the ticks from the request to the guest's first instruction, for the recipe as published and with VMs and vCPUs made ahead.
 * The snapshot is 64 MiB in a memory file, all of it resident. restore ROUNDS */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tsc.h"

enum { SIZE = 64 << 20, TABLES = 0x1000, CODE = 0x10000, RESULT = 0x20000 };

static int kvm, snapshot;
static struct kvm_cpuid2 *cpuid;

struct vm { int vm, vcpu; struct kvm_run *run; };

static void check(int result, const char *what) {
    if (result < 0) { perror(what); exit(1); }
}

/* rdtsc; shl $32,%rdx; or %rdx,%rax; mov %rax,RESULT; out %al,$0x80; hlt */
static const uint8_t code[] = {0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0x48, 0x89,
                               0x04, 0x25, 0x00, 0x00, 0x02, 0x00, 0xe6, 0x80, 0xf4};

static void make_snapshot(void) {
    snapshot = memfd_create("snapshot", MFD_CLOEXEC);
    check(ftruncate(snapshot, SIZE), "memfd");
    uint8_t *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, snapshot, 0);
    memset(memory, 0x5a, SIZE);
    uint64_t *tables = (uint64_t *)(memory + TABLES);
    memset(tables, 0, 3 * 4096);
    tables[0] = (TABLES + 0x1000) | 7;
    tables[512] = (TABLES + 0x2000) | 7;
    for (int i = 0; i < SIZE >> 21; i++) tables[1024 + i] = (uint64_t)i << 21 | 0x87;
    memcpy(memory + CODE, code, sizeof code);
    munmap(memory, SIZE);
}

static struct vm make(void) {
    struct vm v;
    check(v.vm = ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    check(v.vcpu = ioctl(v.vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
    check(ioctl(v.vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
    size_t size = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    v.run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v.vcpu, 0);
    return v;
}

static struct kvm_segment segment(int code_segment) {
    return (struct kvm_segment){.limit = 0xffffffff, .selector = code_segment ? 0x33 : 0x2b, .type = code_segment ? 11 : 3,
                                .present = 1, .dpl = 3, .s = 1, .l = code_segment, .db = !code_segment, .g = 1};
}

/* Time stamp of the guest's first instruction, which must be the host's own counter. */
static uint64_t start(struct vm *v) {
    uint8_t *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, snapshot, 0);
    struct kvm_userspace_memory_region slot = {.memory_size = SIZE, .userspace_addr = (uint64_t)memory};
    check(ioctl(v->vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
    struct kvm_sregs sregs;
    check(ioctl(v->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
    sregs.cs = segment(1);
    sregs.ss = sregs.ds = sregs.es = segment(0);
    sregs.cr0 = 0x80050033;
    sregs.cr3 = TABLES;
    sregs.cr4 = 0x620;
    sregs.efer = 0x500;
    check(ioctl(v->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
    struct kvm_regs regs = {.rip = CODE, .rflags = 0x3002};
    check(ioctl(v->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
    check(ioctl(v->vcpu, KVM_RUN, 0), "KVM_RUN");
    uint64_t stamp = *(volatile uint64_t *)(memory + RESULT);
    if (v->run->exit_reason != KVM_EXIT_IO) {
        fprintf(stderr, "the guest ended with exit %u\n", v->run->exit_reason);
        exit(1);
    }
    munmap(memory, SIZE);
    return stamp;
}

static void end(struct vm *v) {
    munmap(v->run, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
    close(v->vcpu);
    close(v->vm);
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 10;
    check(kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    cpuid = calloc(1, sizeof *cpuid + 256 * sizeof cpuid->entries[0]);
    cpuid->nent = 256;
    check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
    make_snapshot();
    for (int i = 0; i < rounds; i++) {
        uint64_t asked = read_tsc();
        struct vm published = make();
        uint64_t first = start(&published) - asked;
        end(&published);
        struct vm pooled = make();
        usleep(1000);
        asked = read_tsc();
        uint64_t second = start(&pooled) - asked;
        end(&pooled);
        printf("%lld %lld\n", (long long)first, (long long)second);
    }
    return 0;
}
