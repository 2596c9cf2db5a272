// The old program's memory comes free: large programs follow each other, many times; nothing of the old one is seen.
// args: large
// args: chain
// args: maps
// args: limit
// slow
#include "exec.h"
#include <sys/resource.h>

static void again(const char *what, int stage)
{
    char number[16];
    snprintf(number, sizeof number, "%d", stage);
    execve(self(), (char *[]){"memory", (char *)what, number, NULL}, environ);
    die("execve");
}

static int areas(void)
{
    char line[512];
    FILE *file = fopen("/proc/self/maps", "r");
    int count = 0;
    while (fgets(line, sizeof line, file))
        count++;
    fclose(file);
    return count;
}

int main(int argc, char **argv)
{
    const char *what = argv[1];
    int stage = argc > 2 ? atoi(argv[2]) : 0;
    if (!strcmp(what, "large")) {
        // Twice this does not fit into the VM.
        size_t size = 300ul << 20;
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        YES(memory != MAP_FAILED);
        bool clean = true;
        for (size_t at = 0; at < size; at += 4096) {
            clean = clean && !memory[at];
            memory[at] = 1;
        }
        YES(clean);
        if (stage < 2)
            again(what, stage + 1);
    } else if (!strcmp(what, "chain")) {
        malloc(100000);
        if (stage < 100)
            again(what, stage + 1);
        YES(number_in("/proc/self/statm") < 20000);
        say("stage %d", stage);
    } else if (!strcmp(what, "maps")) {
        if (!stage) {
            for (int n = 0; n < 300; n++) {
                char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                mprotect(page, 4096, PROT_READ);
            }
            mmap((void *)0x200000000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            mmap((void *)0x10000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            YES(areas() > 300);
            again(what, 1);
        }
        YES(areas() < 30);
        YES(msync((void *)0x200000000000, 4096, MS_SYNC) == -1 && errno == ENOMEM);
        YES(msync((void *)0x10000, 4096, MS_SYNC) == -1 && errno == ENOMEM);
        YES(clock_ns(CLOCK_MONOTONIC) > 0);
    } else {
        // A limit that the new program does not fit into.
        say("to be ended");
        setrlimit(RLIMIT_AS, &(struct rlimit){64 << 10, 64 << 10});
        again("maps", 1);
    }
    return 0;
}
