// Shared by the guest programs: deterministic output and names for errors and signals.
//
// A guest prints relations, never addresses, pids or times, so that its output on Linux and in the VM can be
// compared byte for byte. Output goes straight to descriptor 1: a program that dies loses nothing.
#ifndef GUEST_H
#define GUEST_H
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

UNUSED static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
UNUSED static void say(const char *format, ...)
{
    char text[8192];
    va_list list;
    int saved = errno;
    va_start(list, format);
    int n = vsnprintf(text, sizeof text - 1, format, list);
    va_end(list);
    if (n > (int)sizeof text - 2)
        n = sizeof text - 2;
    text[n++] = '\n';
    for (int done = 0; done < n;) {
        ssize_t put = write(1, text + done, n - done);
        if (put < 0 && errno != EINTR && errno != EAGAIN)
            _exit(98);
        if (put > 0)
            done += put;
    }
    errno = saved;
}

UNUSED static const char *error_name(int number)
{
    static __thread char other[24];
    switch (number) {
#define NAME(e) case e: return #e;
        NAME(EPERM) NAME(ENOENT) NAME(ESRCH) NAME(EINTR) NAME(EIO) NAME(ENXIO) NAME(E2BIG) NAME(ENOEXEC)
        NAME(EBADF) NAME(ECHILD) NAME(EAGAIN) NAME(ENOMEM) NAME(EACCES) NAME(EFAULT) NAME(ENOTBLK) NAME(EBUSY)
        NAME(EEXIST) NAME(EXDEV) NAME(ENODEV) NAME(ENOTDIR) NAME(EISDIR) NAME(EINVAL) NAME(ENFILE) NAME(EMFILE)
        NAME(ENOTTY) NAME(ETXTBSY) NAME(EFBIG) NAME(ENOSPC) NAME(ESPIPE) NAME(EROFS) NAME(EMLINK) NAME(EPIPE)
        NAME(EDOM) NAME(ERANGE) NAME(EDEADLK) NAME(ENAMETOOLONG) NAME(ENOLCK) NAME(ENOSYS) NAME(ENOTEMPTY)
        NAME(ELOOP) NAME(ENODATA) NAME(ETIME) NAME(EOVERFLOW) NAME(EILSEQ) NAME(ENOTSOCK) NAME(EDESTADDRREQ)
        NAME(EMSGSIZE) NAME(EPROTOTYPE) NAME(ENOPROTOOPT) NAME(EPROTONOSUPPORT) NAME(ESOCKTNOSUPPORT)
        NAME(EOPNOTSUPP) NAME(EAFNOSUPPORT) NAME(EADDRINUSE) NAME(ENETUNREACH) NAME(ECONNRESET) NAME(ENOBUFS)
        NAME(EISCONN) NAME(ENOTCONN) NAME(ETIMEDOUT) NAME(ECONNREFUSED) NAME(EALREADY) NAME(EINPROGRESS)
        NAME(ESTALE) NAME(ECANCELED) NAME(EOWNERDEAD) NAME(ENOTRECOVERABLE)
#undef NAME
    }
    snprintf(other, sizeof other, "error %d", number);
    return other;
}

UNUSED static const char *signal_name(int number)
{
    static __thread char other[24];
    switch (number) {
#define NAME(s) case s: return #s;
        NAME(SIGHUP) NAME(SIGINT) NAME(SIGQUIT) NAME(SIGILL) NAME(SIGTRAP) NAME(SIGABRT) NAME(SIGBUS) NAME(SIGFPE)
        NAME(SIGKILL) NAME(SIGUSR1) NAME(SIGSEGV) NAME(SIGUSR2) NAME(SIGPIPE) NAME(SIGALRM) NAME(SIGTERM)
        NAME(SIGSTKFLT) NAME(SIGCHLD) NAME(SIGCONT) NAME(SIGSTOP) NAME(SIGTSTP) NAME(SIGTTIN) NAME(SIGTTOU)
        NAME(SIGURG) NAME(SIGXCPU) NAME(SIGXFSZ) NAME(SIGVTALRM) NAME(SIGPROF) NAME(SIGWINCH) NAME(SIGIO)
        NAME(SIGPWR) NAME(SIGSYS)
#undef NAME
    }
    snprintf(other, sizeof other, "signal %d", number);
    return other;
}

// Ends the program: the guest itself could not do what it needs for its test.
UNUSED static void die(const char *what)
{
    say("TEST FAILED: %s: %s", what, error_name(errno));
    _exit(99);
}

// Prints "expression: ok" or the error's name: for results that differ from run to run.
#define OK(expression)                                                                         \
    ({                                                                                         \
        errno = 0;                                                                             \
        long ok_result = (long)(expression);                                                   \
        say("%s: %s", #expression, ok_result == -1 ? error_name(errno) : "ok");                \
        ok_result;                                                                             \
    })

// Prints "expression = result" or the error's name.
#define RET(expression)                                                                        \
    ({                                                                                         \
        errno = 0;                                                                             \
        long ret_result = (long)(expression);                                                  \
        if (ret_result == -1 && errno)                                                         \
            say("%s = %s", #expression, error_name(errno));                                    \
        else                                                                                   \
            say("%s = %ld", #expression, ret_result);                                          \
        ret_result;                                                                            \
    })

// For functions that return the error instead of setting errno (pthread_*).
#define ERR(expression)                                                                        \
    ({                                                                                         \
        int err_result = (expression);                                                         \
        say("%s = %s", #expression, err_result ? error_name(err_result) : "0");                \
        err_result;                                                                            \
    })

#define YES(condition) say("%s: %s", #condition, (condition) ? "yes" : "no")

// Ends the program if a call that has to work does not.
#define MUST(expression)                                                                       \
    ({                                                                                         \
        long must_result = (long)(expression);                                                 \
        if (must_result == -1)                                                                 \
            die(#expression);                                                                  \
        must_result;                                                                           \
    })

UNUSED static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

UNUSED static int64_t now_ms(void) { return clock_ns(CLOCK_MONOTONIC) / 1000000; }

UNUSED static void sleep_ms(int ms)
{
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000l};
    while (nanosleep(&wait, &wait) && errno == EINTR)
        ;
}

// A file with the given content, made or replaced.
UNUSED static void put_file(const char *path, const void *data, size_t size)
{
    int fd = MUST(open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644));
    if (write(fd, data, size) != (ssize_t)size)
        die("write");
    close(fd);
}

// 64-bit FNV-1a, for contents too long to print.
UNUSED static uint64_t hash(const void *data, size_t size)
{
    const unsigned char *byte = data;
    uint64_t h = 0xcbf29ce484222325ull;
    while (size--)
        h = (h ^ *byte++) * 0x100000001b3ull;
    return h;
}

#define PAGE 4096ul
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#endif
