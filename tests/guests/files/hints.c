// What is noted and has no effect: write life hints, mandatory locks of flock(2) that Linux no longer has.
#include "guest.h"
#include <sys/file.h>
#ifndef F_GET_RW_HINT
#define F_GET_RW_HINT 1035
#define F_SET_RW_HINT 1036
#endif
int main(void)
{
    int fd = MUST(open("file", O_RDWR | O_CREAT, 0644)), again = MUST(open("file", O_RDONLY));
    uint64_t hint = 99;
    RET(fcntl(fd, F_GET_RW_HINT, &hint)), say("%d", (int)hint);
    for (uint64_t wanted = 0; wanted < 8; wanted++) {
        hint = wanted;
        RET(fcntl(fd, F_SET_RW_HINT, &hint));
    }
    RET(fcntl(again, F_GET_RW_HINT, &hint)), say("%d", (int)hint);
    RET(fcntl(fd, F_SET_RW_HINT, 8));
    RET(fcntl(fd, F_GET_RW_HINT, 8));
    RET(fcntl(-1, F_GET_RW_HINT, &hint));
    hint = 2;
    RET(fcntl(fd, 1037, &hint)); // F_GET_FILE_RW_HINT
    RET(fcntl(fd, 1038, &hint)); // F_SET_FILE_RW_HINT

    RET(flock(fd, LOCK_EX));
    RET(flock(again, LOCK_MAND | LOCK_WRITE));
    RET(flock(again, LOCK_MAND | LOCK_EX | LOCK_NB));
    RET(flock(again, LOCK_MAND | 77));
    RET(flock(again, LOCK_EX | LOCK_NB));
    RET(flock(fd, LOCK_MAND | LOCK_UN));
    RET(flock(again, LOCK_EX | LOCK_NB));
    RET(flock(fd, 0));
    RET(flock(fd, 3));
    RET(flock(-1, 3));
    RET(flock(-1, LOCK_EX));
    return 0;
}
