// wait4 with addresses that are not the program's: EFAULT, and the child is gone all the same.
#include "process.h"
int main(void)
{
    pid_t child = CHILD(_exit(1));
    RET(syscall(SYS_wait4, child, 8, 0, 0));
    RET(syscall(SYS_wait4, child, 0, 0, 0));
    child = CHILD(_exit(1));
    RET(syscall(SYS_wait4, child, 0, 0, 8));
    RET(syscall(SYS_wait4, child, 0, 0, 0));
    child = CHILD(_exit(1));
    RET(syscall(SYS_waitid, P_PID, child, 8, WEXITED, 0));
    RET(syscall(SYS_wait4, child, 0, 0, 0));
    return 0;
}
