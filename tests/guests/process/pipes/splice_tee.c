// tee, splice and vmsplice between pipes of different processes.
#include "process.h"
int main(void)
{
    int a[2], b[2], c[2];
    char text[20] = {0};
    pipe(a), pipe(b), pipe(c);
    pid_t child = CHILD({
        RET(tee(a[0], b[1], 100, 0));
        RET(splice(a[0], NULL, c[1], NULL, 5, 0));
    });
    write(a[1], "some data", 9);
    reap("child", child);
    read(b[0], text, 19);
    say("teed: %s", text);
    memset(text, 0, 20);
    read(c[0], text, 19);
    say("spliced: %s", text);
    memset(text, 0, 20);
    read(a[0], text, 19);
    say("left: %s", text);
    struct iovec v = {"gift", 4};
    reap("child", CHILD(RET(vmsplice(a[1], &v, 1, 0))));
    read(a[0], text, 4);
    say("%.4s", text);
    return 0;
}
