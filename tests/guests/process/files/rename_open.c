// Renaming and replacing a file that another process holds open: it keeps the old one.
#include "process.h"
int main(void)
{
    put_file("a", "old a", 5), put_file("b", "old b", 5);
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        int a = open("a", O_RDWR);
        int b = open("b", O_RDWR);
        pass(done);
        await(go);
        char text[6] = {0};
        pread(a, text, 5, 0);
        say("a: %s", text);
        pread(b, text, 5, 0);
        say("b: %s", text);
        pwrite(a, "NEW", 3, 0);
        struct stat st;
        fstat(b, &st);
        say("links of b: %ld", (long)st.st_nlink);
    });
    await(done);
    RET(rename("a", "b"));
    put_file("a", "third", 5);
    pass(go);
    reap("child", child);
    char text[6] = {0};
    int fd = open("b", O_RDONLY);
    read(fd, text, 5);
    say("b now: %s", text);
    return 0;
}
