// splice(2), sendfile(2) and vmsplice(2) between what two processes share: files, pipes and sockets; with a device that each has for itself.
#include "process.h"
#include <sys/sendfile.h>
#include <sys/uio.h>
int main(void)
{
    static char data[30000], b[30000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7 + i / 251);
    int file = open("file", O_RDWR | O_CREAT, 0600), out = open("out", O_RDWR | O_CREAT, 0600), null = open("/dev/null", O_WRONLY);
    int p[2], s[2];
    write(file, data, sizeof data);
    pipe(p), socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    gate go = new_gate();
    pid_t child = CHILD({
        await(go);
        loff_t at = 1000;
        RET(splice(file, &at, p[1], NULL, 20000, 0));
        say("at %ld", (long)at);
        RET(splice(p[0], NULL, s[1], NULL, 5000, 0));
        RET(splice(p[0], NULL, null, NULL, 1000, 0));
        at = 100;
        RET(splice(p[0], NULL, out, &at, 30000, 0));
        RET(splice(p[0], NULL, out, NULL, 100, SPLICE_F_NONBLOCK));
        off_t from = 25000;
        RET(sendfile(s[1], file, &from, 10000));
        say("from %ld", (long)from);
        struct iovec v = {data, 6000};
        RET(vmsplice(p[1], &v, 1, 0));
        RET(lseek(file, 0, SEEK_SET));
        RET(splice(file, NULL, p[1], NULL, 10, 0));
        RET(lseek(file, 0, SEEK_CUR));
        RET(sendfile(p[1], file, NULL, 90));
        RET(lseek(file, 0, SEEK_CUR));
    });
    pass(go);
    reap("child", child);
    RET(recv(s[0], b, 10000, MSG_WAITALL));
    YES(!memcmp(b, data + 1000, 5000) && !memcmp(b + 5000, data + 25000, 5000));
    RET(pread(out, b, 30000, 0));
    YES(!memcmp(b + 100, data + 7000, 14000));
    RET(read(p[0], b, 30000));
    YES(!memcmp(b, data, 6000) && !memcmp(b + 6000, data, 100));
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    RET(splice(file, NULL, p[1], NULL, 10, 0));
    return 0;
}
