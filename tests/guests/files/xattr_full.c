// A file whose extended attributes take all the room there is: no more fit, but each can be made smaller, replaced and removed.
#include "guest.h"
#include <sys/xattr.h>
int main(void)
{
    char name[32], value[64], got[64];
    int fd = open("f", O_RDWR | O_CREAT, 0600), count = 0, replaced = 0, same = 0, removed = 0;
    for (; count < 4096; count++) {
        snprintf(name, sizeof name, "user.name_%d", count);
        snprintf(value, sizeof value, "a first value %d", count);
        if (fsetxattr(fd, name, value, strlen(value), XATTR_CREATE))
            break;
    }
    say("many %d", count > 100);
    for (int n = 0; n < count; n++) {
        snprintf(name, sizeof name, "user.name_%d", n);
        snprintf(value, sizeof value, "value %d", n);
        replaced += fsetxattr(fd, name, value, strlen(value), XATTR_REPLACE) == 0;
        ssize_t length = fgetxattr(fd, name, got, sizeof got);
        same += length == (ssize_t)strlen(value) && !memcmp(got, value, length);
    }
    say("replaced %d same %d", replaced == count, same == count);
    for (int n = 0; n < count; n++) {
        snprintf(name, sizeof name, "user.name_%d", n);
        removed += fremovexattr(fd, name) == 0;
    }
    say("removed %d left %zd", removed == count, flistxattr(fd, got, sizeof got));
    return 0;
}
