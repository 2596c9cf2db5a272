// Private mappings, anonymous and of a file: copied at fork, with their protection; what was unmapped stays unmapped.
#include "process.h"
static void fault(int number) { say("child: %s", signal_name(number)); _exit(7); }
int main(void)
{
    char page[PAGE];
    memset(page, 'f', sizeof page);
    put_file("f", page, sizeof page);
    int fd = MUST(open("f", O_RDWR));
    char *anonymous = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *file = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    strcpy(anonymous, "before");
    strcpy(file, "changed");
    munmap(anonymous + PAGE, PAGE);
    mprotect(anonymous + 2 * PAGE, PAGE, PROT_READ);
    reap("child", CHILD({
        say("%s %s %c %d", anonymous, file, file[100], anonymous[3 * PAGE]);
        strcpy(anonymous, "child"), strcpy(file, "child");
        anonymous[7 * PAGE] = 1;
    }));
    say("%s %s %d", anonymous, file, anonymous[7 * PAGE]);
    reap("write to what is read only", CHILD({
        handle(SIGSEGV, fault, 0);
        anonymous[2 * PAGE] = 1;
    }));
    reap("read of what was unmapped", CHILD({
        handle(SIGSEGV, fault, 0);
        _exit(anonymous[PAGE]);
    }));
    reap("killed", CHILD(anonymous[PAGE] = 1));
    pread(fd, page, 10, 0);
    say("file: %.10s", page);
    return 0;
}
