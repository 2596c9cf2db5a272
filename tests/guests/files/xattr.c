// Extended attributes: reads of absent ones give Linux's errors.
// allow: .*etxattr.* => .*etxattr.* : the writable layer may refuse to store attributes
#include "guest.h"
#include <sys/xattr.h>
int main(void)
{
    char b[100];
    put_file("f", "", 0);
    int fd = open("f", O_RDONLY);
    RET(getxattr("none", "user.x", b, 100));
    RET(getxattr("f", "x", b, 100));
    RET(getxattr("f", "", b, 100));
    RET(getxattr("f", "security.capability", b, 100));
    RET(getxattr("f", "system.posix_acl_access", b, 100));
    RET(fgetxattr(fd, "security.capability", b, 100));
    RET(fgetxattr(99, "security.capability", b, 100));
    RET(lgetxattr("f", "security.capability", 0, 0));
    RET(listxattr("none", b, 100));
    RET(listxattr("f", b, 100) >= 0);
    RET(flistxattr(fd, 0, 0) >= 0);
    RET(getxattr((char *)8, "user.x", b, 100));
    RET(getxattr("f", (char *)8, b, 100));
    return 0;
}
