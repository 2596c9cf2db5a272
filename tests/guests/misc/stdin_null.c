// Without input: end of file at once; closing and reopening standard descriptors.
#include "guest.h"
int main(void)
{
    char c;
    RET(read(0, &c, 1));
    close(0);
    RET(open("/dev/null", O_RDONLY));
    RET(dup2(1, 5));
    close(1);
    put_file("out", "", 0);
    open("out", O_WRONLY);
    say("into the file");
    dup2(5, 1);
    char b[20] = {0};
    read(open("out", O_RDONLY), b, 19);
    say("file has %.13s", b);
    return 0;
}
