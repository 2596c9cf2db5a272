// What the three designs have in common: the price of leaving the guest, memory shared by a session, futexes, crash points.
// A participant is a plain host process; wherever a guest would leave to its VMM it pays by spinning.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCS = 6, PIPES = 2, RING = 64 << 10, PAGE = 4096, FILE_MAX = 4 << 20, NAME = 24 };
enum { READ_END, WRITE_END };

struct costs {
    uint64_t exit_ns;      // guest to VMM and back
    uint64_t doorbell_ns;  // ioeventfd: stays in the host's kernel
    uint64_t poll_ns;      // how long a sleeper watches its word before it leaves the guest
};
extern struct costs costs;
extern int self;  // index of this participant

uint64_t now_ns(void);
void spin_ns(uint64_t ns);
void half_exit(void);
void *session_memory(size_t bytes);
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// Where one side of an object sleeps. The sleeper reads `sequence` first, then looks whether it must sleep, then calls sleep_at.
struct sleeper { _Atomic uint32_t waiting, sequence; };
// Sleeps until *word != expected or a wake-up later than `sequence`; watches the word for poll_ns before it leaves the guest.
void sleep_at(struct sleeper *sleeper, uint32_t sequence, _Atomic uint32_t *word, uint32_t expected);
// Wakes the sleeper by a doorbell; costs a load when nobody sleeps.
void wake_at(struct sleeper *sleeper);
// Wakes whoever may sleep or be about to: for ends of file and deaths, which change no index.
void wake_always(struct sleeper *sleeper);

// The process kills itself at the crash point at which this reaches 0.
extern int64_t crash_countdown;
// What the checker knows of its own: no design uses it.
enum { OWN_NAMES = 4, ABSENT = 0, PRESENT, IN_FLIGHT };
extern struct oracle {
    _Atomic uint64_t attempted, written, received, wrong;  // bytes of pipe 0
    _Atomic uint32_t stop, eof, owner_died, torn;
    _Atomic uint32_t names[PROCS][OWN_NAMES], wrong_names;  // names that one participant alone creates and unlinks
} *oracle;
static inline void crash_point(void) {
    if (__builtin_expect(--crash_countdown == 0, 0)) raise(SIGKILL);
}

// One design. Descriptors of pipes are fixed: both pipes exist from the start, each end is held by one participant.
struct design {
    const char *name;
    void (*start)(void);      // before the participants are forked
    void (*forked)(void);     // in their parent, when all of them are
    void (*join)(void);       // in each participant
    void (*died)(int who);    // told by the session's first process when it has reaped a participant
    const char *(*check)(bool all_gone);  // invariants at rest; NULL when they hold
    void (*stop)(void);
    ssize_t (*pipe_write)(int pipe, const void *data, size_t size);
    ssize_t (*pipe_read)(int pipe, void *data, size_t size);
    void (*pipe_close)(int pipe, int end);
    ssize_t (*file_write)(const void *data, size_t size);  // at the shared offset, which wraps at FILE_MAX
    int (*create)(const char *name);
    int (*open)(const char *name);
    void (*close)(int fd);
    int (*unlink)(const char *name);
    bool (*exists)(const char *name);
    void (*scribble)(void);   // garbage over everything that this participant may write
};
extern const struct design host_design, memory_design, keeper_design, ring_design, lease_design;

extern const int pipe_holder[PIPES][2];  // who holds [READ_END], [WRITE_END]

int run_bench(const struct design *design, uint64_t ms);
int run_kills(const struct design *design, int rounds, bool at_crash_points, bool scribble);
