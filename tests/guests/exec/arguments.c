// Argument lists: none, null pointers, as large as they may be.
// variants: static pie
// args: none
// args: null
// args: no-environment
// args: empty
// args: many
// args: limit
// args: limit-small-stack
// args: limit-tiny-stack
// args: limit-no-stack-limit
// args: one-long
// args: script-limit
#include "exec.h"
#include <sys/resource.h>

// Bytes that strings and pointers may take.
static size_t allowed(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    size_t most = limit.rlim_cur / 4;
    if (most > 6 << 20)
        most = 6 << 20;
    return most < 128 << 10 ? 128 << 10 : most;
}

// Tries a list that is one byte too long, then the longest.
static void fill(const char *program)
{
    char *environment[] = {"STAGE=1", NULL};
    size_t left = allowed(), piece = 100000;
    size_t count = left / piece + 2;
    char **list = calloc(count + 3, sizeof *list);
    size_t strings = 0;
    left -= strlen(program) + 1 + strlen(environment[0]) + 1;
    list[strings++] = "fill";
    left -= 5;
    // Each with its pointer; the environment's pointer, the first argument's.
    left -= 16;
    while (left > 8) {
        size_t take = left - 8 < piece ? left - 8 : piece;
        if (left - 8 - take > 0 && left - 8 - take <= 9)
            take -= 16;
        list[strings] = malloc(take + 1);
        memset(list[strings], 'a' + strings % 26, take);
        list[strings][take - 1] = 0;
        left -= take + 8;
        strings++;
    }
    char *last = list[strings - 1];
    size_t length = strlen(last);
    last[length] = 'z';
    last[length + 1] = 0;
    RET(execve(program, list, environment));
    last[length] = 0;
    execve(program, list, environment);
    die("execve of what fits");
}

static void after(int argc, char **argv)
{
    uint64_t total = 0, sum = 0;
    for (int n = 0; n < argc; n++) {
        total += strlen(argv[n]) + 1;
        sum = sum * 31 + hash(argv[n], strlen(argv[n]));
    }
    // The program's own name differs in length from place to place.
    YES(total < 8 << 20);
    say("%d arguments", argc);
    if (argc < 5)
        for (int n = 0; n < argc; n++)
            say("\"%.20s\"", argv[n]);
    int variables = 0;
    for (char **variable = environ; *variable; variable++)
        variables++;
    say("%d variables", variables);
    if (getenv("SUM"))
        say("sum %lx", (long)sum);
    YES(argv[argc] == NULL);
    // The strings lie where /proc says.
    int fd = open("/proc/self/cmdline", O_RDONLY);
    static char text[1 << 16];
    size_t all = 0;
    for (ssize_t got; (got = read(fd, text, sizeof text)) > 0;)
        all += got;
    YES(all == total);
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    say("stack limit %ld", (long)limit.rlim_cur);
}

int main(int argc, char **argv)
{
    if (getenv("STAGE") || argc != 2) {
        after(argc, argv);
        return 0;
    }
    const char *what = argv[1], *program = self();
    char *environment[] = {"STAGE=1", "SUM=1", NULL}, *list[] = {"a", "b", NULL}, *nothing[] = {NULL};
    if (!strcmp(what, "none"))
        execve(program, nothing, environment);
    if (!strcmp(what, "null"))
        execve(program, NULL, environment);
    if (!strcmp(what, "no-environment"))
        execve(program, (char *[]){"a", "b", "c", NULL}, NULL);
    if (!strcmp(what, "empty"))
        execve(program, (char *[]){"", "", "", NULL}, (char *[]){"STAGE=", "", NULL});
    if (!strcmp(what, "many")) {
        static char *many[100001];
        for (size_t n = 0; n < COUNT(many) - 1; n++)
            asprintf(&many[n], "%zu", n);
        execve(program, many, environment);
    }
    if (!strcmp(what, "limit-small-stack"))
        setrlimit(RLIMIT_STACK, &(struct rlimit){256 << 10, RLIM_INFINITY});
    if (!strcmp(what, "limit-tiny-stack")) {
        // The strings must fit into the stack, a word above them too.
        setrlimit(RLIMIT_STACK, &(struct rlimit){64 << 10, RLIM_INFINITY});
        list[1] = malloc(65536);
        memset(list[1], 't', 65536);
        size_t room = 65536 - 8 - 2 - strlen("STAGE=1") - 1 - strlen("SUM=1") - 1 - strlen(program) - 1;
        list[1][room] = 0;
        RET(execve(program, list, environment));
        // The pointers and the rest of the stack need room as well, the dynamic linker most.
        list[1][room - 40000] = 0;
        environment[1] = NULL;
        execve(program, list, environment);
    }
    if (!strcmp(what, "limit-no-stack-limit"))
        setrlimit(RLIMIT_STACK, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    if (!strncmp(what, "limit", 5))
        fill(program);
    if (!strcmp(what, "one-long")) {
        list[1] = malloc(131072);
        memset(list[1], 'x', 131071);
        list[1][131071] = 0;
        execve(program, list, environment);
    }
    if (!strcmp(what, "script-limit")) {
        // The interpreter's name and argument count, too.
        setrlimit(RLIMIT_STACK, &(struct rlimit){256 << 10, RLIM_INFINITY});
        symlink(program, "i");
        put_program("s", "#!./i argument\n", 0755);
        // "./s", "STAGE=1", two pointers; then "./i", "argument", "./s" for "first".
        size_t room = (128 << 10) - 4 - 8 - 24 - 6;
        char *long_one = malloc(room + 1);
        memset(long_one, 'y', room);
        for (size_t length = room - 1; length > room - 40; length--) {
            long_one[length] = 0;
            execve("./s", (char *[]){"first", long_one, NULL}, (char *[]){"STAGE=1", NULL});
            say("%zu below: %s", room - length, error_name(errno));
        }
    }
    die("execve");
}
