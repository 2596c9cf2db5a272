// Shared file mappings: one page cache for mappings, read and write; growth and truncation.
#include "guest.h"
int main(void)
{
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(ftruncate(fd, 3 * PAGE + 100));
    char *a = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *b = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
    char *private = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    YES(a != MAP_FAILED && b != MAP_FAILED);
    strcpy(a + PAGE + 10, "through a");
    say("b sees: %s", b + 10);
    char text[32] = {0};
    pread(fd, text, 9, PAGE + 10);
    say("read sees: %s", text);
    pwrite(fd, "by write", 9, 2 * PAGE);
    say("a and b see: %s, %s", a + 2 * PAGE, b + PAGE);
    say("private sees: %s, %s", private + PAGE + 10, private + 2 * PAGE);
    RET(msync(a, 4 * PAGE, MS_SYNC));
    RET(msync(a, 4 * PAGE, MS_ASYNC | MS_INVALIDATE));
    RET(msync(a, 4 * PAGE, MS_SYNC | MS_ASYNC));
    RET(msync(a + 1, PAGE, MS_SYNC));
    RET(msync(a, PAGE, 0x100));
    // Written behind the end of the file, in its last page: not in the file.
    strcpy(a + 3 * PAGE + 200, "lost");
    struct stat st;
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    // Truncated and grown again: zeros.
    MUST(ftruncate(fd, PAGE + 12));
    MUST(ftruncate(fd, 4 * PAGE));
    say("after shrinking and growing: '%.2s' %d %d", a + PAGE + 10, a[PAGE + 12], a[2 * PAGE]);
    strcpy(a + 3 * PAGE, "new tail");
    pread(fd, text, 9, 3 * PAGE);
    say("tail %s", text);
    munmap(a, 4 * PAGE);
    pread(fd, text, 9, 3 * PAGE);
    say("after unmapping: %s", text);
    // A second open file description, through the name; and after rename and unlink.
    rename("f", "g");
    int again = MUST(open("g", O_RDONLY));
    unlink("g");
    strcpy(b, "still shared");
    pread(again, text, 13, PAGE);
    say("%s", text);
    // Shared anonymous memory and a write through a system call into a mapping.
    char *anonymous = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    say("anonymous %d", anonymous[PAGE]);
    RET(pread(fd, anonymous + PAGE - 4, 13, PAGE));
    say("%s", anonymous + PAGE - 4);
    // Reading a file into its own shared mapping.
    RET(pread(fd, b + 100, 13, PAGE));
    say("%s", b + 100);
    // Sparse: holes read as zero.
    int hole = MUST(open("hole", O_RDWR | O_CREAT, 0644));
    MUST(ftruncate(hole, 1l << 32));
    char *h = mmap(0, 1l << 32, PROT_READ | PROT_WRITE, MAP_SHARED, hole, 0);
    YES(h != MAP_FAILED);
    h[(1l << 32) - 1] = 'e', h[1l << 31] = 'm';
    pread(hole, text, 1, (1l << 32) - 1), pread(hole, text + 1, 1, 1l << 31), pread(hole, text + 2, 1, 12345678);
    say("sparse %c%c%d", text[0], text[1], text[2]);
    return 0;
}
