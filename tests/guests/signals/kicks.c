// Registers survive preemption and timer signals at random instants: loops with all registers loaded, results compared.
// args: 4000
// slow
#include "vector.h"
#include <sys/time.h>
static int level;
static volatile long kicks;
static volatile bool enough;
static timer_t timer;
static uint64_t chance;
// The next kick comes after a random time: a period would meet the same few instructions again and again.
static void arm(void)
{
    chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
    struct itimerspec once = {.it_value = {0, 1000 + (long)(chance % 100000)}};
    timer_settime(timer, 0, &once, 0);
}
static void handler(int number)
{
    kicks++;
    if (kicks % 4 == 0)
        scramble_vectors(level);
    if (number == SIGALRM && !enough)
        arm();
}
// A checksum over all general registers in a tight loop: any register that is not restored changes the result.
uint64_t churn(uint64_t rounds, uint64_t seed);
__asm__(".globl churn\nchurn:\npush %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rdi,%rcx\nmov %rsi,%rax\nmov $1,%ebx\nmov $2,%edx\nmov $3,%ebp\nmov $5,%esi\nmov $7,%edi\nmov $11,%r8d\n"
        "mov $13,%r9d\nmov $17,%r10d\nmov $19,%r11d\nmov $23,%r12d\nmov $29,%r13d\nmov $31,%r14d\nmov $37,%r15d\n"
        "1:add %rax,%rbx\nrol $7,%rbx\nxor %rbx,%rdx\nlea 1(%rdx,%rdx,2),%rdx\nadd %rdx,%rbp\nror $11,%rbp\nxor %rbp,%rsi\n"
        "adc %rsi,%rdi\nrol $3,%rdi\nsbb %rdi,%r8\nadd %r8,%r9\nadc %r9,%r10\nxor %r10,%r11\nrol $17,%r11\nadd %r11,%r12\n"
        "adc %r12,%r13\nxor %r13,%r14\nadd %r14,%r15\nror $23,%r15\nadc %r15,%rax\n"
        // the red zone belongs to the loop
        "mov %rax,-8(%rsp)\nmov %rbx,-128(%rsp)\nadd -8(%rsp),%rbx\nxor -128(%rsp),%rax\n"
        "dec %rcx\njnz 1b\n"
        "xor %rbx,%rax\nxor %rdx,%rax\nxor %rbp,%rax\nxor %rsi,%rax\nxor %rdi,%rax\nxor %r8,%rax\nxor %r9,%rax\n"
        "xor %r10,%rax\nxor %r11,%rax\nxor %r12,%rax\nxor %r13,%rax\nxor %r14,%rax\nxor %r15,%rax\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n");
static double series(int n)
{
    double a = 0, b = 1;
    for (int i = 1; i < n; i++)
        a += b / i, b = b * 0.999999 + 1e-7;
    return a;
}
static long double wide(int n)
{
    long double a = 1;
    for (int i = 1; i < n; i++)
        a = a * 1.0000001L + 1.0L / i;
    return a;
}
static uint64_t mixed_calls(int n)
{
    // System calls in between, so that kicks land in the kernel and on its way in and out.
    uint64_t sum = 0;
    int pipes[2];
    char text[64];
    pipe(pipes);
    for (int i = 0; i < n; i++) {
        sum += (uint64_t)(getppid() == getppid());
        sum += (uint64_t)write(pipes[1], "0123456789", 10);
        sum += (uint64_t)read(pipes[0], text, sizeof text);
        struct timespec ts;
        sum += (uint64_t)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts) + text[9];
        char *p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        p[PAGE] = (char)i;
        sum += (uint64_t)(unsigned char)p[PAGE] + (uint64_t)munmap(p, 2 * PAGE);
    }
    close(pipes[0]), close(pipes[1]);
    return sum;
}
static void *spinner(void *stop)
{
    uint64_t first = churn(1000, 42);
    long wrong = 0;
    while (!*(volatile int *)stop)
        wrong += churn(1000, 42) != first;
    return (void *)wrong;
}
int main(int argc, char **argv)
{
    long wanted = argc > 1 ? atol(argv[1]) : 1000;
    level = vector_level();
    uint64_t expect_churn = churn(20000, 9), expect_calls = mixed_calls(50);
    double expect_series = series(20000);
    long double expect_wide = wide(20000);
    volatile int stop = 0;
    pthread_t t;
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGALRM), sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    pthread_create(&t, 0, spinner, (void *)&stop);
    sigprocmask(SIG_UNBLOCK, &set, 0);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, 0);
    sigaction(SIGUSR1, &action, 0); // from outside
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    chance = (uint64_t)now.tv_nsec << 20 | (uint64_t)getpid() | 1;
    arm();
    long wrong[5] = {0};
    say("ready for kicks");
    for (int i = 0; kicks < wanted; i++) {
        struct vectors in, out;
        struct action spin = {-1, {20000}, 0};
        wrong[0] += churn(20000, 9) != expect_churn;
        wrong[1] += series(20000) != expect_series;
        wrong[2] += memcmp(&(long double){wide(20000)}, &expect_wide, 10) != 0;
        fill_vectors(&in, i);
        with_vectors(&in, &out, &spin, level);
        wrong[3] += compare_vectors(&in, &out, level, true);
        wrong[4] += mixed_calls(50) != expect_calls;
    }
    enough = true;
    stop = 1;
    void *other;
    pthread_join(t, &other);
    say("wrong: general %ld, double %ld, x87 %ld, vector %ld, calls %ld, other thread %ld", wrong[0], wrong[1], wrong[2],
        wrong[3], wrong[4], (long)other);
    say("enough kicks: %s", kicks >= wanted ? "yes" : "no");
    return 0;
}
