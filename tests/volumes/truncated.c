/* Touches a mapped file behind its end: run natively and on a volume, the output is the same.
 *
 * truncated FILE        shortens the file itself
 * truncated FILE wait   says "mapped" and waits for a line: then somebody else has shortened the file to 40965 bytes
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 64

static sigjmp_buf env;
static char *volatile address;

static void handler(int number, siginfo_t *info, void *context)
{
    (void)context;
    address = info->si_addr;
    siglongjmp(env, number * 100 + info->si_code);
}

/* What an access does: 0, or the signal and its code, and where. */
#define TRY(name, map, access)                                                              \
    do {                                                                                    \
        address = map;                                                                      \
        int result = sigsetjmp(env, 1);                                                     \
        if (result == 0)                                                                    \
            access;                                                                         \
        printf("%s: %d at %ld\n", name, result, (long)(address - (map)));                   \
    } while (0)

int main(int count, char **arguments)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    int file = open(arguments[1], O_RDWR | O_CREAT, 0644);
    if (file < 0 || ftruncate(file, PAGES * PAGE) != 0)
        return 1;
    char *shared = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *private = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    volatile char x;
    for (int i = 0; i < PAGES; i++)
        shared[i * PAGE] = i;
    for (int i = 0; i < PAGES / 2; i++)
        x = private[i * PAGE];
    private[20 * PAGE] = 7;
    if (count > 2) {
        printf("mapped\n");
        fflush(stdout);
        char line[8];
        if (read(0, line, sizeof line) <= 0)
            return 1;
    } else if (ftruncate(file, 10 * PAGE + 5) != 0) {
        return 1;
    }
    TRY("read before the end", shared, x = shared[9 * PAGE]);
    TRY("read in the last page", shared, x = shared[10 * PAGE + 100]);
    TRY("read behind it", shared, x = shared[11 * PAGE + 8]);
    TRY("write behind it", shared, shared[30 * PAGE + 16] = 1);
    TRY("read of a private mapping", private, x = private[12 * PAGE + 4]);
    TRY("read of a private copy", private, x = private[20 * PAGE + 4]);
    TRY("write to a private mapping", private, private[25 * PAGE + 4] = 1);
    TRY("write to a page never touched", private, private[50 * PAGE + 4] = 1);
    TRY("write before the end", private, private[3 * PAGE] = 1);
    int ends[2];
    if (pipe(ends) != 0)
        return 1;
    long result = write(ends[1], shared + 40 * PAGE, 100);
    printf("write from behind the end: %ld %d\n", result, errno == EFAULT);
    result = write(ends[1], shared + 9 * PAGE, 100);
    printf("write from before it: %ld\n", result);
    result = read(ends[0], shared + 41 * PAGE, 100);
    printf("read to behind the end: %ld %d\n", result, errno == EFAULT);
    if (ftruncate(file, PAGES * PAGE) != 0)
        return 1;
    TRY("read when it has grown", shared, x = shared[11 * PAGE + 8]);
    TRY("read of a private mapping then", private, x = private[20 * PAGE]);
    printf("zero: %d\n", x);
    return 0;
}
