// Fifty times: four processes use a pipe, a mutex, a semaphore and a file together, one is killed at a random instant.
// slow
#include "process.h"
#include <semaphore.h>
#include <sys/file.h>
int main(void)
{
    struct { pthread_mutex_t m; sem_t s; volatile long a, b; } *p = shared_page(PAGE);
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr), pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&p->m, &attr);
    int survived = 0, mutexes = 0, locks = 0, pipes = 0;
    put_file("f", "", 0);
    for (int round = 0; round < 50; round++) {
        int fd[2];
        pipe(fd);
        gate stop = new_gate();
        pid_t child[4];
        for (int k = 0; k < 4; k++)
            child[k] = CHILD({
                int file = open("f", O_RDWR);
                struct pollfd q = {stop.fd[0], POLLIN, 0};
                char c[16];
                close(fd[k % 2]);
                handle(SIGPIPE, SIG_IGN, 0);
                fcntl(fd[1 - k % 2], F_SETFL, O_NONBLOCK);
                while (poll(&q, 1, 0) == 0) {
                    if (pthread_mutex_lock(&p->m) == EOWNERDEAD)
                        p->b = p->a, pthread_mutex_consistent(&p->m);
                    p->a++, p->b++;
                    pthread_mutex_unlock(&p->m);
                    flock(file, LOCK_EX), pwrite(file, c, 16, k * 16), flock(file, LOCK_UN);
                    if (k % 2)
                        read(fd[0], c, 16);
                    else
                        write(fd[1], c, 16);
                }
                _exit(k);
            });
        nanosleep(&(struct timespec){0, 500000 + (round * 37 % 50) * 40000}, NULL);
        kill(child[round % 4], SIGKILL);
        pass(stop);
        for (int k = 0; k < 4; k++) {
            int status = status_of(child[k]);
            survived += WIFEXITED(status) && WEXITSTATUS(status) == k;
        }
        int r = pthread_mutex_lock(&p->m);
        if (r == EOWNERDEAD)
            p->b = p->a, pthread_mutex_consistent(&p->m);
        mutexes += (r == 0 || r == EOWNERDEAD) && p->a == p->b;
        pthread_mutex_unlock(&p->m);
        int file = open("f", O_RDWR);
        locks += flock(file, LOCK_EX | LOCK_NB) == 0;
        close(file), close(fd[1]);
        char drain[4096];
        long n;
        while ((n = read(fd[0], drain, sizeof drain)) > 0)
            ;
        pipes += n == 0;
        close(fd[0]), close(stop.fd[0]), close(stop.fd[1]);
    }
    say("survivors %d, mutexes whole %d, locks free %d, pipes ended %d", survived, mutexes, locks, pipes);
    return 0;
}
