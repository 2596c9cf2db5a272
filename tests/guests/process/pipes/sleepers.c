// A thread sleeps on a pipe while another forks: it goes on in the parent, and in the child nothing of it holds the pipe. Nor does a descriptor that
// was closed while the thread slept on it.
#include "process.h"
#include <pthread.h>
static int full[2], empty[2];
static char block[65536 + 4096];
static void *writer(void *arg)
{
    (void)arg;
    RET(write(full[1], block, sizeof block));
    close(full[1]);
    return NULL;
}
static void *reader(void *arg)
{
    char b[10];
    (void)arg;
    RET(read(empty[0], b, 10));
    return NULL;
}
int main(void)
{
    pthread_t w, r;
    pipe(full), pipe(empty);
    pthread_create(&w, NULL, writer, NULL);
    pthread_create(&r, NULL, reader, NULL);
    sleep_ms(20);
    gate go = new_gate();
    pid_t child = CHILD({
        // The end that the parent waits for comes last.
        close(full[0]), close(empty[0]), close(empty[1]), close(full[1]);
        await(go);
    });
    ssize_t n;
    size_t all = 0;
    while ((n = read(full[0], block, 4096)) > 0)
        all += n;
    pthread_join(w, NULL);
    say("read %zu, then %zd", all, n);
    write(empty[1], "for the thread", 10);
    pthread_join(r, NULL);
    signal(SIGPIPE, SIG_IGN);
    close(empty[0]);
    RET(write(empty[1], "x", 1));
    pass(go);
    reap("child", child);
    return 0;
}
