/* What this host's KVM costs without any of Ramet: a VM of one vCPU whose code is a few bytes long at CPL 3.
 * Prints one JSON object of samples in ns: "exit" (out, to user space and back), "kick" (out to a port bound to an eventfd, which
 * stays in the kernel), "touch" (first store to a 4 KiB page of guest memory whose host page is there). */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#define RAM (64UL << 20)
#define CODE 0x10000
#define PAGES 0x1000000 /* touched: from here on */
#define BATCH 64

static void need(int ok, const char *what) {
    if (!ok) perror(what), exit(1);
}
static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static char *ram;
static int vcpu;
static struct kvm_run *run;

/* Runs until the next exit, which must be an `out`. */
static void enter(void) {
    need(ioctl(vcpu, KVM_RUN, 0) == 0, "KVM_RUN");
    if (run->exit_reason != KVM_EXIT_IO) fprintf(stderr, "exit reason %u\n", run->exit_reason), exit(1);
}

static void start(const uint8_t *code, int length, uint64_t rcx, uint64_t rdi) {
    memcpy(ram + CODE, code, length);
    struct kvm_regs regs = {.rip = CODE, .rflags = 0x3002, .rsp = 0x8000, .rcx = rcx, .rdi = rdi};
    need(ioctl(vcpu, KVM_SET_REGS, &regs) == 0, "KVM_SET_REGS");
}

static void samples(const char *name, const uint64_t *ns, int count, const char *end) {
    printf("\"%s\": [", name);
    for (int i = 0; i < count; i++)
        printf("%s%llu", i ? ", " : "", (unsigned long long)ns[i]);
    printf("]%s", end);
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 200;
    if (count > 150) count = 150;
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    need(kvm >= 0, "/dev/kvm");
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    need(vm >= 0, "KVM_CREATE_VM");
    ram = mmap(0, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    need(ram != MAP_FAILED, "mmap");
    struct kvm_userspace_memory_region slot = {.memory_size = RAM, .userspace_addr = (uint64_t)ram};
    need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0, "memory");
    vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    need(vcpu >= 0, "KVM_CREATE_VCPU");
    run = mmap(0, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

    /* 2 MiB of 4 KiB pages for the code, then 4 KiB pages for what is touched: one page each, so that each is a fault. */
    uint64_t *pml4 = (void *)(ram + 0x1000), *pdpt = (void *)(ram + 0x2000), *pd = (void *)(ram + 0x3000);
    pml4[0] = 0x2007, pdpt[0] = 0x3007, pd[0] = 0x87;
    for (uint64_t table = 0; table < 20; table++) {
        uint64_t at = 0x20000 + table * 0x1000, *entries = (void *)(ram + at);
        pd[PAGES / 0x200000 + table] = at | 7;
        for (uint64_t page = 0; page < 512; page++)
            entries[page] = (PAGES + (table * 512 + page) * 4096) | 7;
    }
    struct kvm_sregs sregs;
    need(ioctl(vcpu, KVM_GET_SREGS, &sregs) == 0, "KVM_GET_SREGS");
    sregs.cr0 = 0x80010033, sregs.cr3 = 0x1000, sregs.cr4 = 0x620, sregs.efer = 0x501;
    sregs.cs = (struct kvm_segment){.limit = -1, .selector = 0x33, .type = 11, .present = 1, .dpl = 3, .s = 1, .l = 1, .g = 1};
    sregs.ss = (struct kvm_segment){.limit = -1, .selector = 0x2b, .type = 3, .present = 1, .dpl = 3, .db = 1, .s = 1, .g = 1};
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss;
    /* A task state segment whose bitmap allows all ports, for a KVM that forgets IOPL. */
    sregs.tr = (struct kvm_segment){.base = 0x40000, .limit = 0x2088, .selector = 0x40, .type = 11, .present = 1};
    *(uint16_t *)(ram + 0x40000 + 0x66) = 0x68;
    need(ioctl(vcpu, KVM_SET_SREGS, &sregs) == 0, "KVM_SET_SREGS");

    uint64_t *ns = calloc(count, sizeof *ns);
    static const uint8_t out[] = {0xe6, 0x10, 0xeb, 0xfc}; /* 1: out %al,$0x10; jmp 1b */
    start(out, sizeof out, 0, 0);
    for (int i = -20; i < count; i++) {
        uint64_t before = now();
        enter();
        if (i >= 0) ns[i] = now() - before;
    }
    printf("{");
    samples("exit", ns, count, ", ");

    /* BATCH kicks, one exit: 1: mov $BATCH,%ecx; 2: out %al,$0x11; dec %ecx; jnz 2b; out %al,$0x10; jmp 1b */
    static const uint8_t kicks[] = {0xb9, BATCH, 0, 0, 0, 0xe6, 0x11, 0xff, 0xc9, 0x75, 0xfa, 0xe6, 0x10, 0xeb, 0xf1};
    struct kvm_ioeventfd bound = {.addr = 0x11, .fd = eventfd(0, 0), .flags = KVM_IOEVENTFD_FLAG_PIO, .len = 1};
    need(ioctl(vm, KVM_IOEVENTFD, &bound) == 0, "KVM_IOEVENTFD");
    start(kicks, sizeof kicks, 0, 0);
    for (int i = -2; i < count; i++) {
        uint64_t before = now();
        enter();
        if (i >= 0) ns[i] = (now() - before) / BATCH;
    }
    samples("kick", ns, count, ", ");

    /* BATCH first stores, one exit: 1: mov $BATCH,%ecx; 2: mov %al,(%rdi); add $4096,%rdi; dec %ecx; jnz 2b; out %al,$0x10; jmp 1b */
    static const uint8_t touch[] = {0xb9, BATCH, 0, 0, 0, 0x88, 0x07, 0x48, 0x81, 0xc7, 0, 0x10, 0, 0, 0xff, 0xc9, 0x75, 0xf3,
        0xe6, 0x10, 0xeb, 0xe8};
    start(touch, sizeof touch, 0, PAGES);
    for (int i = 0; i < count; i++) {
        uint64_t before = now();
        enter();
        ns[i] = (now() - before) / BATCH;
    }
    samples("touch", ns, count, "}\n");
    return 0;
}
