// Writes of up to PIPE_BUF bytes from several threads do not mix.
#include "guest.h"
static int fds[2];
static void *writer(void *id)
{
    char block[1000];
    memset(block, 'A' + (int)(long)id, sizeof block);
    for (int i = 0; i < 500; i++)
        if (write(fds[1], block, sizeof block) != sizeof block)
            return (void *)1;
    return NULL;
}
int main(void)
{
    pthread_t t[4];
    char block[1000];
    int mixed = 0, counts[4] = {0};
    pipe(fds);
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], 0, writer, (void *)i);
    for (int i = 0; i < 2000; i++) {
        for (size_t got = 0; got < sizeof block;) {
            long n = read(fds[0], block + got, sizeof block - got);
            if (n <= 0)
                die("read");
            got += n;
        }
        for (size_t k = 1; k < sizeof block; k++)
            mixed += block[k] != block[0];
        counts[block[0] - 'A']++;
    }
    say("mixed %d, %d %d %d %d", mixed, counts[0], counts[1], counts[2], counts[3]);
    return 0;
}
