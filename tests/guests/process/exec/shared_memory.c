// exec leaves no mapping of the old program: shared memory of the parent stays as it is, file mappings are written.
#include "process.h"
int main(void)
{
    char page[PAGE] = "before";
    put_file("f", page, PAGE);
    int fd = open("f", O_RDWR);
    char *map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *shared = shared_page(PAGE);
    reap("child", CHILD({
        strcpy(map, "by the child"), strcpy(shared, "by the child");
        execl("/bin/sh", "sh", "-c", "tr -d '\\000' < f; echo; printf XY | dd of=f conv=notrunc 2>/dev/null", NULL);
    }));
    say("%s, %s", map, shared);
    return 0;
}
