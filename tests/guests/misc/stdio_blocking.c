// Standard input from the caller, in pieces, to its end; output and error are separate.
// stdin: first\nsecond\n
#include "guest.h"
int main(void)
{
    char b[100] = {0};
    RET(read(0, b, 3));
    say("%s", b);
    memset(b, 0, sizeof b);
    long n = 0, got;
    while ((got = read(0, b + n, sizeof b - n)) > 0)
        n += got;
    for (long i = 0; i < n; i++)
        if (b[i] == '\n')
            b[i] = '|';
    say("%ld %s", n, b);
    RET(read(0, b, 1));
    RET(write(2, "error text\n", 11));
    RET(write(1, "", 0));
    // More than the console's ring holds, in one write and in many.
    static char big[150000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = i % 100 == 99 ? '\n' : (char)('a' + i / 100 % 26);
    for (long done = 0; done < (long)sizeof big;)
        done += write(1, big + done, sizeof big - done);
    for (int i = 0; i < 1000; i++)
        write(1, big, 100);
    close(1);
    return write(1, "x", 1) == -1 && errno == EBADF ? 6 : 7;
}
