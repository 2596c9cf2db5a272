// Threads and children that share their memory: several at once, children of children, a program that is replaced meanwhile.
// variants: static musl
// flags: -Wno-clobbered
// args: many
// args: nested
// args: exec
// args: thread-of-child
#include "child.h"

static int ends[2];
static volatile int ticks;
static volatile bool stop;

static void *counts(void *argument)
{
    (void)argument;
    while (!stop) {
        ticks++;
        sleep_ms(1);
    }
    return NULL;
}

static void *spawns(void *argument)
{
    long sum = 0;
    for (int n = 0; n < 20; n++) {
        int code = (int)(long)argument * 20 + n, status;
        pid_t child = vfork();
        if (child == 0) {
            if (n % 4 == 0)
                sleep_ms(2);
            _exit(code);
        }
        if (waitpid(child, &status, 0) != child)
            die("waitpid");
        sum += WEXITSTATUS(status) == code;
    }
    return (void *)sum;
}

// Executes the program while the child that another thread has made still uses the memory.
static volatile int shared = 1;
static void *replaces(void *argument)
{
    sleep_ms(20);
    char end[16], *program = argument;
    snprintf(end, sizeof end, "%d", ends[0]);
    execl(program, "threads", "replaced", end, NULL);
    die("execl");
    return NULL;
}

static int other(void *argument)
{
    *(volatile int *)argument = 3;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2) {
        // The child ended as if nothing had happened.
        char text[32] = "";
        read(atoi(argv[2]), text, sizeof text - 1);
        say("child: %s", text);
        int status;
        YES(wait(&status) > 0);
        say("%s", status_text(status));
        return 0;
    }
    MUST(pipe(ends));
    pthread_t thread[6];
    if (!strcmp(argv[1], "many")) {
        pthread_create(&thread[5], NULL, counts, NULL);
        for (long n = 0; n < 5; n++)
            pthread_create(&thread[n], NULL, spawns, (void *)n);
        for (int n = 0; n < 5; n++) {
            void *sum;
            pthread_join(thread[n], &sum);
            say("%ld right", (long)sum);
        }
        YES(ticks > 0);
        stop = true;
        pthread_join(thread[5], NULL);
        RET(wait(NULL));
    } else if (!strcmp(argv[1], "nested")) {
        volatile int codes[3] = {0};
        pid_t child = VFORK({
            pid_t grandchild = VFORK(_exit(21));
            int status;
            waitpid(grandchild, &status, 0);
            codes[0] = WEXITSTATUS(status);
            grandchild = VFORK({
                codes[1] = getppid() != 1;
                pid_t last = VFORK(_exit(23));
                waitpid(last, &status, 0);
                codes[2] = WEXITSTATUS(status);
            });
            waitpid(grandchild, &status, 0);
            // One that nobody waits for.
            VFORK(_exit(24));
            _exit(22);
        });
        say("%d %d %d", codes[0], codes[1], codes[2]);
        reap("child", child);
        RET(wait(NULL));
    } else if (!strcmp(argv[1], "exec")) {
        static char program[PATH_MAX];
        MUST(readlink("/proc/self/exe", program, sizeof program - 1));
        pthread_create(&thread[0], NULL, replaces, program);
        VFORK({
            sleep_ms(100);
            write(ends[1], shared == 1 ? "memory whole" : "memory lost", 12);
            _exit(31);
        });
        sleep_ms(10000);
    } else {
        // A child with a thread of its own. (Not one of the C library's, which would take it for the parent's.)
        static volatile int word;
        static char stack[65536] __attribute__((aligned(16)));
        pid_t child = VFORK({
            pid_t tid = clone(other, stack + sizeof stack,
                              CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, (void *)&word);
            while (word != 3)
                sched_yield();
            _exit(tid != getpid() && tid > 0 ? 41 : 42);
        });
        reap("child", child);
    }
    return 0;
}
