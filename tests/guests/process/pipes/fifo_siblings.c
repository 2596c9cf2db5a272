// Two siblings that never shared a descriptor talk through two FIFOs; one is killed, the other sees it.
#include "process.h"
int main(void)
{
    mkfifo("to", 0600), mkfifo("from", 0600);
    pid_t a = CHILD({
        char b[20] = {0};
        int to = open("to", O_WRONLY);
        int from = open("from", O_RDONLY);
        write(to, "question", 8);
        read(from, b, 19);
        say("a got %s", b);
        write(to, "more", 4);
        RET(read(from, b, 19));
    });
    pid_t c = CHILD({
        char b[20] = {0};
        int to = open("to", O_RDONLY);
        int from = open("from", O_WRONLY);
        read(to, b, 19);
        say("c got %s", b);
        write(from, "answer", 6);
        read(to, b, 4);
        raise(SIGKILL);
    });
    int status = status_of(c);
    reap("a", a);
    say("c: %s", status_name(status));
    return 0;
}
