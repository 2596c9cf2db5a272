// What a shell does for `a | b > f`: fork, dup2, close, exec, wait; written out in C.
// variants: static musl
#include "process.h"
int main(void)
{
    int p[2], out = open("f", O_CREAT | O_WRONLY, 0600);
    pipe(p);
    pid_t a = CHILD(dup2(p[1], 1); close(p[0]); close(p[1]); close(out); execlp("printf", "printf", "c\\nb\\na\\n", NULL));
    pid_t b = CHILD(dup2(p[0], 0); dup2(out, 1); close(p[0]); close(p[1]); close(out); execlp("sort", "sort", NULL));
    close(p[0]), close(p[1]), close(out);
    reap("printf", a), reap("sort", b);
    char text[20] = {0};
    read(open("f", O_RDONLY), text, 19);
    say("%s", text);
    return 0;
}
