// Every error of execve(2) leaves the caller as it was, and its threads alive.
// users: root nobody
#include "exec.h"

static volatile int turns;
static volatile bool stop;

static void *other(void *argument)
{
    (void)argument;
    while (!stop) {
        turns++;
        sched_yield();
    }
    return NULL;
}

static void try(const char *path)
{
    char *arguments[] = {"x", NULL};
    errno = 0;
    execve(path, arguments, environ);
    say("%.60s: %s", path, error_name(errno));
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, other, NULL);
    int closing = MUST(open("/dev/null", O_RDONLY | O_CLOEXEC));
    try("");
    try("missing");
    try("/");
    try("/proc/self/status");
    try("/dev/null");
    put_program("text", "no program\n", 0755);
    put_program("empty", "", 0755);
    put_program("closed", "#!/bin/true\n", 0644);
    put_program("short", "\177ELF\2\1\1", 0755);
    try("./text");
    try("./empty");
    try("./closed");
    try("./short");
    try("./text/x");
    try("./empty/");
    symlink("loop", "loop");
    try("./loop");
    try("loop/x");
    symlink("nowhere", "dangling");
    try("./dangling");
    char name[5000];
    memset(name, 'a', sizeof name);
    name[4999] = 0;
    try(name);
    name[4095] = 0;
    try(name);
    name[300] = 0;
    try(name);
    mkdir("private", 0000);
    put_program("interpreter-missing", "#!/no/such/program\n", 0755);
    put_program("interpreter-directory", "#!/\n", 0755);
    put_program("interpreter-closed", "#!./closed\n", 0755);
    put_program("interpreter-text", "#!./text\n", 0755);
    put_program("interpreter-itself", "#!./interpreter-itself\n", 0755);
    put_program("interpreter-none", "#!\n", 0755);
    put_program("interpreter-blank", "#!   \t \n", 0755);
    put_program("interpreter-relative", "#!no-slash\n", 0755);
    const char *scripts[] = {"missing", "directory", "closed", "text", "itself", "none", "blank", "relative"};
    for (size_t n = 0; n < COUNT(scripts); n++) {
        snprintf(name, sizeof name, "./interpreter-%s", scripts[n]);
        try(name);
    }
    char line[400] = "#!/";
    memset(line + 3, 'b', 300);
    strcpy(line + 303, "\n");
    put_program("long-line", line, 0755);
    try("./long-line");

    // A file that is open for writing.
    copy_self("copy", 0755);
    int fd = MUST(open("copy", O_WRONLY));
    try("./copy");
    close(fd);
    put_program("busy", "#!/no/such/program\n", 0755);
    fd = MUST(open("busy", O_RDWR));
    try("./busy");
    close(fd);
    try("./busy");
    put_program("through-copy", "#!./copy\n", 0755);
    fd = MUST(open("copy", O_WRONLY));
    try("./through-copy");
    close(fd);

    // Bad pointers.
    char *nowhere = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(nowhere + 2 * PAGE, PAGE, PROT_NONE);
    char *good[] = {"x", NULL}, *bad[] = {"x", nowhere + 2 * PAGE, NULL}, *kernel[] = {(char *)-4096l, NULL};
    char **cut = (char **)(nowhere + 2 * PAGE) - 2;
    cut[0] = cut[1] = "x";
    RET(execve(nowhere + 2 * PAGE, good, environ));
    RET(execve((char *)-1l, good, environ));
    RET(execve("./copy", (char **)(nowhere + 2 * PAGE), environ));
    RET(execve("./copy", (char **)-4096l, environ));
    RET(execve("./copy", bad, environ));
    RET(execve("./copy", good, bad));
    RET(execve("./copy", kernel, environ));
    RET(execve("./copy", cut, environ));
    RET(execve("./copy", good, cut));
    char *unterminated = nowhere + 2 * PAGE - 5;
    memset(unterminated, 'u', 5);
    char *run_out[] = {"x", unterminated, NULL};
    RET(execve("./copy", run_out, environ));
    RET(execve(unterminated, good, environ));

    // Sizes.
    char *string = malloc(140000);
    memset(string, 's', 140000);
    string[131072] = 0;
    char *one[] = {"x", string, NULL};
    RET(execve("./copy", one, environ));
    RET(execve("./copy", good, one));
    string[131071] = 0;
    static char *many[2000000];
    for (size_t n = 0; n < 100; n++)
        many[n] = string;
    RET(execve("./copy", many, environ));
    for (size_t n = 0; n < COUNT(many) - 1; n++)
        many[n] = "";
    RET(execve("./copy", many, environ));
    RET(execve("./copy", good, many));

    YES(fcntl(closing, F_GETFD) == FD_CLOEXEC);
    int before = turns;
    sleep_ms(10);
    YES(turns > before);
    stop = true;
    ERR(pthread_join(thread, NULL));
    return 0;
}
