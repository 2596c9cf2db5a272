// Sites entered in the middle: a jump to the `syscall` of a mov+syscall site, after it was passed by the front, from
// several threads at once, with other numbers in eax.
#include "guest.h"
// front: mov $39, %eax; middle: syscall; ret
#define PAIR(n)                                                                    \
    long front##n(void);                                                           \
    long middle##n(void);                                                          \
    __asm__(".text\n.globl front" #n "\n.globl middle" #n "\nfront" #n ":\nmov $39, %eax\nmiddle" #n ":\nsyscall\nret\n")
PAIR(0);
PAIR(1);
PAIR(2);
PAIR(3);
PAIR(4);
static long middle_with(long (*f)(void), long number)
{
    long r;
    __asm__ volatile("call *%1" : "=a"(r) : "r"(f), "a"(number) : "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "r11", "memory");
    return r;
}
static volatile int stop;
static void *by_front(void *unused)
{
    long wrong = 0, pid = getpid();
    (void)unused;
    for (int i = 0; i < 20000; i++) {
        wrong += front2() != pid;
        if (i < 2000)
            wrong += front3() != pid;
    }
    return (void *)wrong;
}
static void *by_middle(void *unused)
{
    long wrong = 0, parent = getppid(), tid = syscall(SYS_gettid);
    (void)unused;
    for (int i = 0; i < 3000; i++) {
        wrong += middle_with(middle2, 110) != parent;
        wrong += middle_with(middle2, 186) != tid;
        wrong += middle_with(middle3, 110) != parent;
    }
    return (void *)wrong;
}
int main(void)
{
    long pid = getpid(), parent = getppid(), wrong = 0;
    for (int i = 0; i < 50; i++)
        wrong += front0() != pid;
    say("front first: %ld", wrong);
    for (int i = 0; i < 50; i++)
        wrong += middle_with(middle0, 110) != parent;
    say("then the middle: %ld", wrong);
    for (int i = 0; i < 50; i++)
        wrong += front0() != pid, wrong += middle_with(middle0, 110) != parent;
    say("by turns: %ld", wrong);
    for (int i = 0; i < 50; i++)
        wrong += middle_with(middle1, 110) != parent;
    for (int i = 0; i < 50; i++)
        wrong += front1() != pid, wrong += middle_with(middle1, 39) != pid;
    say("middle first: %ld", wrong);
    pthread_t t[4];
    pthread_create(&t[0], 0, by_front, 0), pthread_create(&t[1], 0, by_middle, 0);
    pthread_create(&t[2], 0, by_front, 0), pthread_create(&t[3], 0, by_middle, 0);
    for (int i = 0; i < 4; i++) {
        void *r;
        pthread_join(t[i], &r);
        wrong += (long)r;
    }
    say("threads by both ways: %ld", wrong);
    say("middle with an unknown number: %ld", middle_with(middle4, 9999));
    wrong = 0;
    for (int i = 0; i < 50; i++)
        wrong += front4() != pid;
    say("then the front: %ld", wrong);
    return 0;
}
