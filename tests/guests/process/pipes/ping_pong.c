// 500 rounds over two pipes, one byte each.
// variants: static musl
#include "process.h"
int main(void)
{
    int to[2], from[2], good = 0;
    pipe(to), pipe(from);
    pid_t child = CHILD({
        char c;
        close(to[1]), close(from[0]);
        while (read(to[0], &c, 1) == 1) {
            c++;
            write(from[1], &c, 1);
        }
    });
    close(to[0]), close(from[1]);
    for (int i = 0; i < 500; i++) {
        char c = (char)i, d = 0;
        write(to[1], &c, 1), read(from[0], &d, 1);
        good += d == (char)(c + 1);
    }
    close(to[1]);
    reap("child", child);
    say("%d", good);
    return 0;
}
