// Participants that are killed at random instants, and what must hold for those that live on.
#include "model.h"

#include <sys/prctl.h>

enum { ACTORS = 4, VICTIM_SCRIBBLES = 3 };
static const struct design *d;
static uint64_t seed = 88172645463325252u;

static uint64_t any(uint64_t below) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed % below;
}
static uint8_t byte_at(uint64_t position) { return (uint8_t)(position * 131 + (position >> 8) * 7 + (position >> 16)); }

static void producer(void) {
    static char data[6000];
    uint64_t position = 0;
    while (!oracle->stop) {
        size_t size = 1 + any(any(4) ? 100 : sizeof data);
        for (size_t n = 0; n < size; n++) data[n] = (char)byte_at(position + n);
        oracle->attempted += size;
        if (d->pipe_write(0, data, size) != (ssize_t)size) break;
        oracle->written += size;
        position += size;
    }
    d->pipe_close(0, WRITE_END);
}

static void consumer(void) {
    static char data[5000];
    uint64_t position = 0;
    for (ssize_t size; (size = d->pipe_read(0, data, 1 + any(sizeof data))) != 0;) {
        if (size < 0) { oracle->wrong++; return; }
        for (ssize_t n = 0; n < size; n++) oracle->wrong += (uint8_t)data[n] != byte_at(position + (uint64_t)n);
        oracle->received += (uint64_t)size;
        position += (uint64_t)size;
    }
    oracle->eof = 1;
}

// Creates or unlinks a name that nobody else changes, and says so to the checker before and after. Others look at it, which takes a lease back.
static void own_name(void) {
    uint32_t k = (uint32_t)any(OWN_NAMES), was = oracle->names[self][k];
    char name[NAME];
    snprintf(name, sizeof name, "own%d.%u", self, k);
    if (d->exists(name) != (was == PRESENT)) oracle->wrong_names++;
    oracle->names[self][k] = IN_FLIGHT;
    int fd = was == PRESENT ? d->unlink(name) : d->create(name);
    if (fd < 0) oracle->wrong_names++;
    oracle->names[self][k] = was == PRESENT ? ABSENT : PRESENT;
    if (was == ABSENT && fd >= 0) d->close(fd);
}

static void look_at_others(void) {
    char name[NAME];
    snprintf(name, sizeof name, "own%d.%d", (int)any(ACTORS), (int)any(OWN_NAMES));
    if (any(2)) {
        d->exists(name);
    } else {
        int fd = d->open(name);
        if (fd >= 0) d->close(fd);
    }
}

static bool names_as_told(void) {
    for (int p = 0; p < ACTORS; p++)
        for (uint32_t k = 0; k < OWN_NAMES; k++) {
            char name[NAME];
            snprintf(name, sizeof name, "own%d.%u", p, k);
            if (oracle->names[p][k] != IN_FLIGHT && d->exists(name) != (oracle->names[p][k] == PRESENT)) return false;
        }
    return oracle->wrong_names == 0;
}

static void churner(bool scribbles) {
    int fds[8], held = 0;
    static char data[PAGE];
    for (uint64_t until = 200 + any(2000), n = 0; !oracle->stop; n++) {
        char name[NAME];
        snprintf(name, sizeof name, "n%d.%d", any(8) ? self : (int)any(ACTORS), (int)any(6));
        int fd = -1;
        switch (any(8)) {
        case 0: case 1: case 2: if (held < 8) fd = d->create(name); break;
        case 3: if (held < 8) fd = d->open(name); break;
        case 4: case 5: d->unlink(name); break;
        case 6: d->exists(name); break;
        default: d->file_write(data, sizeof data); break;
        }
        switch (any(16)) {
        case 0: look_at_others(); break;
        case 1: case 2: case 3: case 4: case 5: case 6: own_name(); break;
        default: break;
        }
        if (fd >= 0) fds[held++] = fd;
        if (held && any(2)) d->close(fds[--held]);
        if (scribbles && n == until) d->scribble(), pause();
    }
}

static bool reap(pid_t pid, int *status, uint64_t deadline) {
    for (;;) {
        if (waitpid(pid, status, WNOHANG) == pid) return true;
        if (now_ns() > deadline) return false;
        usleep(50);
    }
}

static struct { unsigned stuck, crashed, bytes, eof, counts, names, died_in_lock, torn, pipes_hurt; } found;

static void complain(const char *what, int round) {
    if (getenv("VERBOSE")) fprintf(stderr, "%s round %d: %s\n", d->name, round, what);
}

static void one_round(int round, bool at_crash_points, bool scribble) {
    pid_t pids[ACTORS];
    int status;
    bool stuck = false, crashed = false, bytes = false, no_eof = false;
    memset(oracle, 0, sizeof *oracle);
    d->start();
    int victim = scribble ? VICTIM_SCRIBBLES : (int)any(ACTORS);
    int64_t countdown = 1 + (int64_t)any(any(2) ? 100 : 3000);
    for (self = 0; self < ACTORS; self++) {
        any(2);
        if ((pids[self] = fork()) != 0) continue;
        seed += (uint64_t)self * 7919 + 1;
        if (at_crash_points && self == victim) crash_countdown = countdown;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        d->join();
        if (self == 0) producer();
        else if (self == 1) consumer();
        else churner(scribble && self == victim);
        _exit(0);
    }
    self = PROCS - 1;  // the session's first process acts as the participant that nobody plays
    d->forked();
    if (at_crash_points || scribble) {
        if (!reap(pids[victim], &status, now_ns() + 30000000)) kill(pids[victim], SIGKILL), waitpid(pids[victim], &status, 0);
    } else {
        usleep((useconds_t)any(2000));
        kill(pids[victim], SIGKILL), waitpid(pids[victim], &status, 0);
    }
    alarm(10);  // design B: the reaper itself may hang in a lock
    if (!scribble) d->died(victim);
    usleep(500);
    oracle->stop = 1;
    for (int p = 0; p < ACTORS; p++) {
        if (p == victim) continue;
        if (!reap(pids[p], &status, now_ns() + (scribble ? 300000000 : 2000000000))) {
            stuck = true, complain("stuck", round);
            kill(pids[p], SIGKILL), waitpid(pids[p], &status, 0);
        } else if (status) crashed = true, complain("crashed", round);
        if (!scribble) d->died(p);
    }
    uint64_t attempted = oracle->attempted, written = oracle->written, received = oracle->received;
    if (oracle->wrong || received > attempted) bytes = true;
    if (victim != 1 && oracle->eof && received < written) bytes = true;
    if (victim != 1 && !oracle->eof) no_eof = true;
    if (bytes) complain("bytes lost, doubled or wrong", round);
    if (no_eof) complain("no end of file", round);
    found.stuck += stuck, found.crashed += crashed, found.bytes += bytes, found.eof += no_eof;
    found.pipes_hurt += bytes || no_eof;
    found.died_in_lock += oracle->owner_died > 0, found.torn += oracle->torn > 0;
    const char *wrong = scribble ? NULL : d->check(true);
    if (!wrong && !scribble && !names_as_told()) found.names++, complain("names are not as their owner left them", round);
    if (wrong) found.counts++, complain(wrong, round);
    alarm(0);
    d->stop();
}

int run_kills(const struct design *design, int rounds, bool at_crash_points, bool scribble) {
    d = design;
    for (int round = 0; round < rounds; round++) one_round(round, at_crash_points, scribble);
    printf("%s %s rounds %d stuck %u crashed %u bytes %u eof %u counts %u names %u died_in_lock %u torn %u pipes_hurt %u\n", d->name,
           scribble ? "scribble" : at_crash_points ? "crash_points" : "random", rounds, found.stuck, found.crashed, found.bytes, found.eof, found.counts, found.names, found.died_in_lock, found.torn, found.pipes_hurt);
    return 0;
}
