/* reset PAGES: says that it is ready; what begins there writes to so many pages and goes back there, again and again.
 * Asked for "once", it writes a line to standard output in the place of going back.
 * reset cow PAGES: in a clone, how long the first write to each of so many pages takes, on average; natively in a child of fork(2). */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

#define PAGE 4096L

static void tell(int device, const char *word) {
    if (write(device, word, strlen(word)) < 0) fail(word);
}

static int is_once(int device) {
    char document[4096];
    ssize_t count = read(device, document, sizeof document - 1);
    if (count < 0) fail("read");
    document[count] = 0;
    return strstr(document, "once") != NULL;
}

static void spoil(volatile char *memory, long pages) {
    for (long i = 0; i < pages; i++) memory[i * PAGE]++;
}

static double first_writes(volatile char *memory, long pages) {
    double start = now();
    spoil(memory, pages);
    return (now() - start) / (double)pages;
}

int main(int argc, char **argv) {
    int cow = argc > 2 && !strcmp(argv[1], "cow");
    long pages = argc > 1 ? atol(argv[argc - 1]) : 0;
    if (pages < 1) return 2;
    char *memory = mmap(NULL, (size_t)(pages * PAGE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    memset(memory, 1, (size_t)(pages * PAGE));
    int device = open("/dev/ramet", O_RDWR);
    if (device < 0 && cow) {
        fflush(stdout);
        if (fork() == 0) {
            double sample = first_writes(memory, pages);
            print_samples(&sample, 1);
            fflush(stdout);
            _exit(0);
        }
        wait(NULL);
        return 0;
    }
    if (device < 0) fail("/dev/ramet");
    tell(device, "ready");
    if (cow) {
        double sample = first_writes(memory, pages);
        print_samples(&sample, 1);
        return 0;
    }
    int once = is_once(device);
    spoil(memory, pages);
    if (once) {
        if (write(1, ".", 1) != 1) fail("write");
        return 0;
    }
    tell(device, "reset");
    return 1;
}
