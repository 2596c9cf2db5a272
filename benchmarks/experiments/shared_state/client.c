// Design C, the participants' side: C asks the keeper through a socket, C-ring through shared memory and a doorbell, C' also takes leases.
#include "keeper.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

struct published *published;
struct pipe_memory *pipe_memory[PIPES];
struct file_memory *file_memory;
struct participant *participants[PROCS + 1];
int keeper_socket[PROCS + 1], doorbell[PROCS + 1];

static bool by_ring, with_lease;
static pid_t keeper;
static uint32_t own_index[PIPES];  // head of the pipe that this participant writes, tail of the one it reads: never read back

// What the lease's holder knows; private to it.
static struct {
    bool held;
    uint32_t epoch, free[POOL], free_count, buckets[BUCKETS], next[INODES];
    bool linked[INODES], pooled[INODES];
    char names[INODES][NAME];
} lease;

static void start_with(bool ring, bool leases) {
    by_ring = ring, with_lease = leases;
    memset(&lease, 0, sizeof lease), memset(own_index, 0, sizeof own_index);
    published = session_memory(sizeof *published);
    for (int i = 0; i < PIPES; i++) {
        pipe_memory[i] = session_memory(sizeof *pipe_memory[i]);
        published->holders[i][0] = published->holders[i][1] = 1;
    }
    file_memory = session_memory(sizeof *file_memory);
    int far[PROCS + 1];
    for (int p = 0; p <= PROCS; p++) {
        int pair[2];
        participants[p] = session_memory(sizeof *participants[p]);
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) fail("socketpair");
        keeper_socket[p] = pair[0], far[p] = pair[1], doorbell[p] = eventfd(0, 0);
    }
    if ((keeper = fork()) == 0) {
        for (int p = 0; p <= PROCS; p++) close(keeper_socket[p]);
        keeper_main(far);
    }
    for (int p = 0; p <= PROCS; p++) close(far[p]);
}
static void start_socket(void) { start_with(false, false); }
static void start_ring(void) { start_with(true, false); }
static void start_lease(void) { start_with(true, true); }

static void forked(void) {
    for (int p = 0; p < PROCS; p++) close(keeper_socket[p]);
}

static void join(void) {
    for (int p = 0; p <= PROCS; p++)
        if (p != self) close(keeper_socket[p]), munmap(participants[p], sizeof *participants[p]);
    mprotect(published, sizeof *published, PROT_READ);
    for (int i = 0; i < PIPES; i++)
        if (pipe_holder[i][0] != self && pipe_holder[i][1] != self) munmap(pipe_memory[i], sizeof *pipe_memory[i]);
}

static void stop(void) {
    close(keeper_socket[DRIVER]);
    waitpid(keeper, NULL, 0);
    munmap(published, sizeof *published), munmap(file_memory, sizeof *file_memory);
    for (int i = 0; i < PIPES; i++) munmap(pipe_memory[i], sizeof *pipe_memory[i]);
    for (int p = 0; p <= PROCS; p++) munmap(participants[p], sizeof *participants[p]), close(doorbell[p]);
}

static struct reply ask(struct request request) {
    struct reply reply = {.result = -1};
    if (!by_ring || self == DRIVER) {
        half_exit();
        if (send(keeper_socket[self], &request, sizeof request, 0) < 0 || recv(keeper_socket[self], &reply, sizeof reply, 0) < 0) fail("keeper");
        half_exit();
        return reply;
    }
    struct participant *p = participants[self];
    uint64_t one = 1;
    p->request = request;
    crash_point();
    uint32_t number = atomic_fetch_add(&p->asked, 1) + 1;
    crash_point();
    spin_ns(costs.doorbell_ns);
    if (write(doorbell[self], &one, sizeof one) < 0) fail("doorbell");
    // To wait for less than an exit costs is cheaper than to leave.
    for (uint64_t end = now_ns() + costs.exit_ns; now_ns() < end && atomic_load(&p->answered) != number;) __builtin_ia32_pause();
    while (atomic_load(&p->answered) != number) {
        uint32_t sequence = atomic_load(&p->sleeper.sequence);
        sleep_at(&p->sleeper, sequence, &p->answered, number - 1);
    }
    return p->reply;
}

static struct request request(uint32_t operation, const char *name, uint32_t slot) {
    struct request r = {.operation = operation, .slot = slot, .wants_lease = with_lease};
    strncpy(r.name, name, NAME - 1);
    return r;
}

static bool lease_valid(void) {
    atomic_thread_fence(memory_order_seq_cst);
    if (lease.held && (uint32_t)(atomic_load(&participants[self]->commit) >> 32) == lease.epoch) return true;
    return lease.held = false;
}

static void load_pool(void) {
    lease.free_count = 0;
    memset(lease.pooled, 0, sizeof lease.pooled);
    for (int n = 0; n < POOL; n++) {
        uint32_t i = atomic_load(&participants[self]->pool[n]) % INODES;
        if (i != NONE) lease.free[lease.free_count++] = i, lease.pooled[i] = true;
    }
}

static void take_lease(const struct reply *reply) {
    if (!reply->leased) return;
    lease.held = true, lease.epoch = reply->epoch;
    memset(lease.linked, 0, sizeof lease.linked);
    for (int b = 0; b < BUCKETS; b++) {
        lease.buckets[b] = published->buckets[b];
        for (uint32_t i = lease.buckets[b]; i; i = lease.next[i]) {
            lease.next[i] = published->inodes[i].next, lease.linked[i] = true;
            memcpy(lease.names[i], published->inodes[i].name, NAME);
        }
    }
    load_pool();
    lease_valid();  // taken back already: the copy may be of two states
}

// Appends a record; the compare-and-swap is the moment at which the operation happens, or it does not happen because the lease is gone.
static bool commit(uint32_t operation, uint32_t inode, const char *name) {
    struct participant *p = participants[self];
    uint64_t seen = (uint64_t)lease.epoch << 32 | (uint32_t)atomic_load(&p->commit);
    uint32_t length = (uint32_t)seen, backlog = length - atomic_load(&p->drained);
    if (backlog >= LOG) ask(request(EXISTS, "", 0));  // any request drains the log
    else if (backlog == LOG / 2) {
        uint64_t one = 1;
        spin_ns(costs.doorbell_ns);
        if (write(doorbell[self], &one, sizeof one) < 0) fail("doorbell");
    }
    struct record *record = &p->log[length % LOG];
    crash_point();
    record->operation = operation, record->inode = inode;
    strncpy(record->name, name, NAME);
    crash_point();
    bool done = atomic_compare_exchange_strong(&p->commit, &seen, seen + 1);
    crash_point();
    return done || (lease.held = false);
}

static uint32_t local_find(const char *name) {
    for (uint32_t i = lease.buckets[bucket_of(name)]; i; i = lease.next[i])
        if (strncmp(lease.names[i], name, NAME) == 0) return i;
    return NONE;
}

static int free_slot(void) {
    for (int slot = 0; slot < FDS; slot++)
        if (atomic_load_explicit(&participants[self]->holds[slot], memory_order_relaxed) == NONE) return slot;
    return -1;
}

static int create(const char *name) {
    int slot = free_slot();
    if (slot < 0) return -1;
    _Atomic uint32_t *hold = &participants[self]->holds[slot];
    while (lease_valid()) {
        if (local_find(name)) {
            if (lease_valid()) return -1;
            break;
        }
        if (lease.free_count == 0) {
            struct reply reply = ask((struct request){.operation = REFILL});
            if (!reply.leased) break;
            load_pool();
            if (lease.free_count == 0) break;
        }
        uint32_t i = lease.free[--lease.free_count], b = bucket_of(name);
        atomic_store_explicit(hold, i, memory_order_release);
        if (!commit(CREATE, i, name)) {
            atomic_store(hold, NONE);
            break;
        }
        strncpy(lease.names[i], name, NAME);
        lease.next[i] = lease.buckets[b], lease.buckets[b] = i, lease.linked[i] = true;
        return slot;
    }
    struct reply reply = ask(request(CREATE, name, (uint32_t)slot));
    take_lease(&reply);
    return reply.result < 0 ? -1 : slot;
}

// Looks the name up in what the keeper publishes: no exit, no lock. False when only the keeper can tell.
static bool published_find(const char *name, uint32_t *inode, uint32_t *sequence) {
    for (;; __builtin_ia32_pause()) {
        uint32_t before = atomic_load(&published->sequence), found = NONE, steps = 0;
        if (before & 1) continue;
        uint32_t leased = atomic_load(&published->leased_to);
        for (uint32_t i = published->buckets[bucket_of(name)]; i && steps++ < INODES && !found; i = published->inodes[i % INODES].next)
            if (strncmp(published->inodes[i % INODES].name, name, NAME) == 0) found = i % INODES;
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load(&published->sequence) != before) continue;
        *inode = found, *sequence = before;
        return leased == 0;
    }
}

static int open_existing(const char *name) {
    int slot = free_slot();
    if (slot < 0) return -1;
    _Atomic uint32_t *hold = &participants[self]->holds[slot];
    if (lease_valid()) {
        uint32_t i = local_find(name);
        atomic_store(hold, i);
        if (lease_valid()) return i == NONE ? -1 : slot;
        atomic_store(hold, NONE);
    }
    for (uint32_t i, sequence; published_find(name, &i, &sequence);) {
        atomic_store(hold, i);
        crash_point();
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load(&published->sequence) == sequence) return i == NONE ? -1 : slot;
        atomic_store(hold, NONE);
    }
    return ask(request(OPEN, name, (uint32_t)slot)).result < 0 ? -1 : slot;
}

static void recycle(uint32_t i) {
    if (!lease.pooled[i] || lease.linked[i]) return;
    for (int slot = 0; slot < FDS; slot++)
        if (participants[self]->holds[slot] == i) return;
    lease.free[lease.free_count++ % POOL] = i;
}

static void close_file(int slot) {
    uint32_t i = participants[self]->holds[slot] % INODES;
    atomic_store_explicit(&participants[self]->holds[slot], NONE, memory_order_release);
    if (lease.held && i) recycle(i);
}

static int unlink_name(const char *name) {
    while (lease_valid()) {
        uint32_t i = local_find(name);
        if (i == NONE) {
            if (lease_valid()) return -1;
            break;
        }
        if (!commit(UNLINK, i, name)) break;
        uint32_t *link = &lease.buckets[bucket_of(name)];
        while (*link != i) link = &lease.next[*link];
        *link = lease.next[i], lease.linked[i] = false;
        recycle(i);
        return 0;
    }
    struct reply reply = ask(request(UNLINK, name, 0));
    take_lease(&reply);
    return reply.result;
}

static bool exists(const char *name) {
    uint32_t i, sequence;
    if (lease_valid()) {
        i = local_find(name);
        if (lease_valid()) return i != NONE;
    }
    if (published_find(name, &i, &sequence)) return i != NONE;
    return ask(request(EXISTS, name, 0)).result == 0;
}

static ssize_t pipe_write(int number, const void *data, size_t size) {
    struct pipe_memory *p = pipe_memory[number];
    uint32_t head = own_index[number];
    for (size_t done = 0; done < size;) {
        uint32_t sequence = atomic_load(&p->writer.sequence);
        if (atomic_load(&published->holders[number][READ_END]) == 0) { errno = EPIPE; return -1; }
        uint32_t tail = atomic_load_explicit(&p->tail, memory_order_acquire), used = head - tail;
        if (used > RING) { errno = EIO; return -1; }  // the other side is broken: its holders' problem alone
        if (used == RING) {
            sleep_at(&p->writer, sequence, &p->tail, tail);
            continue;
        }
        uint32_t room = RING - used, part = size - done < room ? (uint32_t)(size - done) : room;
        uint32_t at = head % RING, first = part < RING - at ? part : RING - at;
        memcpy(p->data + at, (const char *)data + done, first);
        crash_point();
        memcpy(p->data, (const char *)data + done + first, part - first);
        crash_point();
        atomic_store_explicit(&p->head, own_index[number] = head += part, memory_order_release);
        crash_point();
        wake_at(&p->reader);
        done += part;
    }
    return (ssize_t)size;
}

static ssize_t pipe_read(int number, void *data, size_t size) {
    struct pipe_memory *p = pipe_memory[number];
    uint32_t tail = own_index[number];
    for (;;) {
        uint32_t sequence = atomic_load(&p->reader.sequence);
        uint32_t writers = atomic_load(&published->holders[number][WRITE_END]);  // before the head: bytes come before the end of file
        uint32_t head = atomic_load_explicit(&p->head, memory_order_acquire), there = head - tail;
        if (there > RING) { errno = EIO; return -1; }
        if (there == 0 && writers == 0) return 0;
        if (there == 0) {
            sleep_at(&p->reader, sequence, &p->head, head);
            continue;
        }
        uint32_t part = size < there ? (uint32_t)size : there, at = tail % RING, first = part < RING - at ? part : RING - at;
        memcpy(data, p->data + at, first);
        memcpy((char *)data + first, p->data, part - first);
        crash_point();
        atomic_store_explicit(&p->tail, own_index[number] = tail + part, memory_order_release);
        crash_point();
        wake_at(&p->writer);
        return (ssize_t)part;
    }
}

static void pipe_close(int pipe, int end) { ask((struct request){.operation = PIPE_CLOSE, .a = (uint32_t)pipe, .b = (uint32_t)end}); }

// Bytes are reserved by adding to the offset, so that there is no lock: a writer that is killed leaves a hole of the size of its write.
static ssize_t file_write(const void *data, size_t size) {
    uint64_t offset = atomic_fetch_add(&file_memory->offset, size);
    if (offset > FILE_MAX - size) atomic_store(&file_memory->offset, size), offset = 0;
    crash_point();
    memcpy(file_memory->data + offset, data, size);
    crash_point();
    uint64_t seen = atomic_load(&file_memory->size);
    while (seen < offset + size && !atomic_compare_exchange_weak(&file_memory->size, &seen, offset + size)) {}
    return (ssize_t)size;
}

static void died(int who) { (void)who; }  // the keeper sees the socket end

static const char *check(bool all_gone) {
    static struct reply reply;
    int before = self;
    self = DRIVER;
    reply = ask((struct request){.operation = CHECK, .a = all_gone});
    self = before;
    if (file_memory->offset % PAGE || file_memory->offset > FILE_MAX + PROCS * PAGE) return "the file's offset is wrong";
    return reply.result == 0 ? NULL : reply.text;
}

static void scribble(void) {
    uint64_t x = now_ns() | 1;
    for (int n = 0; n < 20000; n++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy((char *)participants[self] + x % (sizeof *participants[self] - 8), &x, 8);
        memcpy((char *)file_memory + x % (sizeof *file_memory - 8), &x, 8);
        uint64_t one = 1;
        if (n % 100 == 0 && write(doorbell[self], &one, sizeof one) < 0) return;
    }
}

#define DESIGN(variable, label, start)                                                                                        \
    const struct design variable = {label, start, forked, join, died, check, stop, pipe_write, pipe_read, pipe_close, file_write, \
                                    create, open_existing, close_file, unlink_name, exists, scribble}
DESIGN(keeper_design, "keeper", start_socket);
DESIGN(ring_design, "ring", start_ring);
DESIGN(lease_design, "lease", start_lease);
