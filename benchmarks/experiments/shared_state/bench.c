// What each operation costs in one design.
#include "model.h"

#include <sys/prctl.h>

// The best mean over a stretch of at least 200 µs and eight operations, or of 100 operations: the machine may be busy with something else.
static struct result { uint64_t ns, operations; double best; } *results;
static const struct design *d;
static uint64_t limit_ns;

enum { CREATE_ROW, CLOSE_ROW, UNLINK_ROW, OPEN_ROW, EXISTS_ROW, MAX_ROWS };

static void add(struct result *result, uint64_t since, uint64_t operations) {
    result->ns += now_ns() - since;
    result->operations += operations;
    if (result->operations < 8 || (result->ns < 200000 && result->operations < 100)) return;
    double mean = (double)result->ns / (double)result->operations;
    if (result->best == 0 || mean < result->best) result->best = mean;
    result->ns = result->operations = 0;
}

static void pingpong_0(void) {
    char byte = 0;
    for (uint64_t begin = now_ns(), t; (t = now_ns()) < begin + limit_ns;) {
        if (d->pipe_write(0, &byte, 1) != 1 || d->pipe_read(1, &byte, 1) != 1) fail("ping-pong");
        add(results, t, 1);
    }
    d->pipe_close(0, WRITE_END);
}
static void pingpong_1(void) {
    for (char byte; d->pipe_read(0, &byte, 1) == 1;) d->pipe_write(1, &byte, 1);
}

static void stream_0(void) {
    static char data[64 << 10];
    memset(data, 1, sizeof data);
    for (uint64_t begin = now_ns(), t; (t = now_ns()) < begin + limit_ns;) {
        if (d->pipe_write(0, data, sizeof data) != sizeof data) fail("stream");
        add(results, t, 1);
    }
    d->pipe_close(0, WRITE_END);
}
static void stream_1(void) {
    static char data[64 << 10];
    while (d->pipe_read(0, data, sizeof data) > 0) {}
}

static void byte_0(void) {
    char byte = 0;
    for (uint64_t begin = now_ns(), n = 0, t; n < 3750 && now_ns() < begin + limit_ns; n++) {  // does not fill the pipe
        t = now_ns();
        for (int k = 0; k < 16; k++) d->pipe_write(0, &byte, 1);
        add(results, t, 16);
    }
}
static void wait_1(void) { pause(); }

static void write_0(void) {
    static char data[PAGE];
    for (int n = 0; n < FILE_MAX / PAGE && costs.exit_ns < 1000; n++) d->file_write(data, sizeof data);
    for (uint64_t begin = now_ns(), t; (t = now_ns()) < begin + limit_ns;) {
        for (int n = 0; n < 16; n++) d->file_write(data, sizeof data);
        add(results, t, 16);
    }
}

// Batches of eight, so that reading the clock does not count.
static void names_0(void) {
    enum { BATCH = 8 };
    char name[BATCH][NAME];
    int fds[BATCH];
    for (uint64_t begin = now_ns(), round = 0; now_ns() < begin + 3 * limit_ns; round++) {
        for (int n = 0; n < BATCH; n++) snprintf(name[n], NAME, "file%d", (int)(round * BATCH + (uint64_t)n) % 1000);
#define BATCHED(row, work)                                   \
    do {                                                     \
        uint64_t t = now_ns();                               \
        for (int n = 0; n < BATCH; n++)                      \
            if (work) fail("%s: " #work, d->name);           \
        if (round == 0) break;                               \
        add(&results[row], t, BATCH);                        \
    } while (0)
        BATCHED(CREATE_ROW, (fds[n] = d->create(name[n])) < 0);
        BATCHED(CLOSE_ROW, (d->close(fds[n]), 0));
        BATCHED(EXISTS_ROW, !d->exists(name[n]));
        BATCHED(OPEN_ROW, (fds[n] = d->open(name[n])) < 0);
        BATCHED(CLOSE_ROW, (d->close(fds[n]), 0));
        BATCHED(UNLINK_ROW, d->unlink(name[n]) != 0);
    }
}

static void run(void (*zero)(void), void (*one)(void), uint64_t poll_ns) {
    memset(results, 0, sizeof *results * MAX_ROWS);
    costs.poll_ns = poll_ns;
    d->start();
    pid_t pids[2];
    for (self = 0; self < 2; self++) {
        if ((pids[self] = fork()) != 0) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        d->join();
        (self ? one : zero)();
        fflush(stderr);
        _exit(0);
    }
    self = -1;
    d->forked();
    int status;
    waitpid(pids[0], &status, 0);
    kill(pids[1], SIGKILL);
    waitpid(pids[1], NULL, 0);
    d->stop();
    if (status) fail("%s: participant ended with %x", d->name, status);
}

static void show(const char *row, int index, double scale) {
    struct result *r = &results[index];
    if (r->best == 0) return;  // no full stretch in this run
    printf("%s %s %.4f\n", d->name, row, scale * r->best);
    fflush(stdout);
}

int run_bench(const struct design *design, uint64_t ms) {
    d = design, limit_ns = ms * 1000000;
    results = session_memory(sizeof *results * MAX_ROWS);
    uint64_t poll = costs.exit_ns + 5000;  // as long as it takes to leave, sleep and be woken
    run(pingpong_0, pingpong_1, 0), show("pingpong_us", 0, 1e-3);
    if (design != &host_design) run(pingpong_0, pingpong_1, poll), show("pingpong_poll_us", 0, 1e-3);
    run(stream_0, stream_1, design == &host_design ? 0 : poll);
    if (results->best > 0) printf("%s stream_mb_s %.1f\n", d->name, 65536e3 / results->best);
    fflush(stdout);
    run(byte_0, wait_1, 0), show("pipe_1b_us", 0, 1e-3);
    run(write_0, wait_1, 0), show("write_4k_us", 0, 1e-3);
    run(names_0, wait_1, 0);
    show("create_us", CREATE_ROW, 1e-3), show("close_us", CLOSE_ROW, 1e-3), show("unlink_us", UNLINK_ROW, 1e-3);
    show("open_us", OPEN_ROW, 1e-3), show("lookup_us", EXISTS_ROW, 1e-3);
    return 0;
}
