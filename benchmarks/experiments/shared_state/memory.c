// Design B: everything in session memory under robust locks. A participant that dies in a lock leaves half an update; the next owner
// rebuilds the counts from the descriptor tables. Taking a free lock costs no exit; one that stays taken for
// longer than an exit lasts does.
#include "model.h"

enum { INODES = 256, OPENS = 256, FDS = 16, BUCKETS = 128, PAGES = FILE_MAX / PAGE, NONE = 0 };

struct inode { uint32_t used, links, opens, next; char name[NAME]; };     // next: in its bucket, or in the free list
struct description { uint32_t used, references, inode, next; uint64_t offset; };
static struct session {
    pthread_mutex_t names;  // guards inodes, descriptions, buckets, free lists and every descriptor table
    struct inode inodes[INODES];
    struct description opens[OPENS];
    uint32_t buckets[BUCKETS], free_inode, free_open;
    struct { uint32_t alive, fds[FDS]; } procs[PROCS];
    struct {
        pthread_mutex_t lock;
        uint32_t holders[2];
        _Atomic uint32_t head, tail;
        struct sleeper reader, writer;
        char data[RING];
    } pipes[PIPES];
    struct { pthread_mutex_t lock; uint64_t offset, size; uint32_t pages[PAGES], free_page; } file;
    char pages[PAGES + 1][PAGE];
} *s;

static void rebuild_names(void);

static void take(pthread_mutex_t *lock) {
    int error = pthread_mutex_trylock(lock);
    for (uint64_t end = error == EBUSY ? now_ns() + costs.exit_ns : 0; error == EBUSY && now_ns() < end; __builtin_ia32_pause())
        error = pthread_mutex_trylock(lock);
    if (error == EBUSY) {
        half_exit();
        error = pthread_mutex_lock(lock);
        half_exit();
    }
    if (error == EOWNERDEAD) {
        atomic_fetch_add(&oracle->owner_died, 1);
        if (lock == &s->names) rebuild_names();
        pthread_mutex_consistent(lock);
    } else if (error) {
        raise(SIGABRT);  // ENOTRECOVERABLE, or garbage in the lock
    }
}
static void release(pthread_mutex_t *lock) { pthread_mutex_unlock(lock); }

static void start(void) {
    s = session_memory(sizeof *s);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->names, &a);
    pthread_mutex_init(&s->file.lock, &a);
    for (int i = 0; i < PIPES; i++) {
        pthread_mutex_init(&s->pipes[i].lock, &a);
        s->pipes[i].holders[0] = s->pipes[i].holders[1] = 1;
    }
    for (int i = 0; i < PROCS; i++) s->procs[i].alive = 1;
    rebuild_names();
    oracle->torn = 0;
}
static void forked(void) {}
static void join(void) {}
static void stop(void) { munmap(s, sizeof *s); }

// Every count and list again, from names in use and descriptor tables. Says whether anything was not as it should have been.
static void rebuild_names(void) {
    bool torn = false;
    static uint32_t references[OPENS], opens[INODES], linked[INODES];
    memset(references, 0, sizeof references), memset(opens, 0, sizeof opens), memset(linked, 0, sizeof linked);
    for (int p = 0; p < PROCS; p++)
        for (int fd = 0; fd < FDS; fd++)
            if (s->procs[p].alive && s->procs[p].fds[fd]) references[s->procs[p].fds[fd] % OPENS]++;
    s->free_open = NONE;
    for (uint32_t i = OPENS - 1; i > 0; i--) {
        torn |= s->opens[i].references != references[i] || s->opens[i].used != (references[i] > 0);
        s->opens[i].references = references[i], s->opens[i].used = references[i] > 0;
        if (references[i]) opens[s->opens[i].inode % INODES]++;
        else s->opens[i].next = s->free_open, s->free_open = i;
    }
    for (int b = 0; b < BUCKETS; b++)
        for (uint32_t i = s->buckets[b], steps = 0; i && steps < INODES; i = s->inodes[i % INODES].next, steps++) linked[i % INODES] = 1;
    s->free_inode = NONE;
    for (uint32_t i = INODES - 1; i > 0; i--) {
        bool used = linked[i] || opens[i];
        torn |= s->inodes[i].links != linked[i] || s->inodes[i].opens != opens[i] || s->inodes[i].used != used;
        s->inodes[i].links = linked[i], s->inodes[i].opens = opens[i], s->inodes[i].used = used;
        if (!used) s->inodes[i].next = s->free_inode, s->free_inode = i;
    }
    if (torn) atomic_fetch_add(&oracle->torn, 1);
}

static ssize_t pipe_write(int i, const void *data, size_t size) {
    size_t done = 0;
    take(&s->pipes[i].lock);
    for (;;) {
        if (s->pipes[i].holders[READ_END] == 0) { release(&s->pipes[i].lock); errno = EPIPE; return -1; }
        uint32_t head = s->pipes[i].head, tail = s->pipes[i].tail, room = RING - (head - tail);
        if (room == 0) {
            uint32_t sequence = s->pipes[i].writer.sequence;
            release(&s->pipes[i].lock);
            sleep_at(&s->pipes[i].writer, sequence, &s->pipes[i].tail, tail);
            take(&s->pipes[i].lock);
            continue;
        }
        uint32_t part = size - done < room ? size - done : room, at = head % RING, first = part < RING - at ? part : RING - at;
        memcpy(s->pipes[i].data + at, (const char *)data + done, first);
        memcpy(s->pipes[i].data, (const char *)data + done + first, part - first);
        crash_point();
        atomic_store(&s->pipes[i].head, head + part);
        crash_point();
        release(&s->pipes[i].lock);
        wake_at(&s->pipes[i].reader);
        done += part;
        if (done == size) return (ssize_t)done;
        take(&s->pipes[i].lock);
    }
}

static ssize_t pipe_read(int i, void *data, size_t size) {
    take(&s->pipes[i].lock);
    for (;;) {
        uint32_t head = s->pipes[i].head, tail = s->pipes[i].tail, there = head - tail;
        if (there > RING) raise(SIGABRT);
        if (there == 0 && s->pipes[i].holders[WRITE_END] == 0) break;
        if (there == 0) {
            uint32_t sequence = s->pipes[i].reader.sequence;
            release(&s->pipes[i].lock);
            sleep_at(&s->pipes[i].reader, sequence, &s->pipes[i].head, head);
            take(&s->pipes[i].lock);
            continue;
        }
        uint32_t part = size < there ? size : there, at = tail % RING, first = part < RING - at ? part : RING - at;
        memcpy(data, s->pipes[i].data + at, first);
        memcpy((char *)data + first, s->pipes[i].data, part - first);
        crash_point();
        atomic_store(&s->pipes[i].tail, tail + part);
        crash_point();
        release(&s->pipes[i].lock);
        wake_at(&s->pipes[i].writer);
        return part;
    }
    release(&s->pipes[i].lock);
    return 0;
}

static void drop_end(int i, int end) {
    take(&s->pipes[i].lock);
    s->pipes[i].holders[end] = 0;
    release(&s->pipes[i].lock);
    wake_always(end == WRITE_END ? &s->pipes[i].reader : &s->pipes[i].writer);
}

static ssize_t file_write(const void *data, size_t size) {  // whole pages
    take(&s->file.lock);
    if (s->file.offset + size > FILE_MAX) s->file.offset = 0;
    for (size_t done = 0; done < size; done += PAGE) {
        uint32_t index = (uint32_t)((s->file.offset + done) / PAGE);
        if (s->file.pages[index] == NONE) crash_point(), s->file.pages[index] = ++s->file.free_page;
        crash_point();
        memcpy(s->pages[s->file.pages[index] % (PAGES + 1)], (const char *)data + done, PAGE);
    }
    crash_point();
    s->file.offset += size;
    crash_point();
    if (s->file.offset > s->file.size) s->file.size = s->file.offset;
    release(&s->file.lock);
    return (ssize_t)size;
}

static uint32_t bucket(const char *name) {
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash % BUCKETS;
}

static uint32_t find(const char *name, uint32_t b) {
    uint32_t steps = 0;
    for (uint32_t i = s->buckets[b]; i; i = s->inodes[i % INODES].next) {
        if (strncmp(s->inodes[i % INODES].name, name, NAME) == 0) return i % INODES;
        if (++steps > INODES) raise(SIGABRT);
    }
    return NONE;
}

static int describe(uint32_t inode) {  // with the lock held
    uint32_t open = s->free_open;
    if (open == NONE) return -1;
    for (int fd = 0; fd < FDS; fd++) {
        if (s->procs[self].fds[fd]) continue;
        s->free_open = s->opens[open % OPENS].next;
        crash_point();
        s->opens[open % OPENS] = (struct description){.used = 1, .references = 1, .inode = inode};
        crash_point();
        s->inodes[inode].opens++;
        crash_point();
        s->procs[self].fds[fd] = open;
        return fd;
    }
    return -1;
}

static void put_inode(uint32_t i) {
    if (s->inodes[i].links || s->inodes[i].opens) return;
    s->inodes[i].used = 0;
    crash_point();
    s->inodes[i].next = s->free_inode;
    crash_point();
    s->free_inode = i;
}

static int create(const char *name) {
    uint32_t b = bucket(name);
    int fd = -1;
    take(&s->names);
    uint32_t i = s->free_inode;
    if (i != NONE && find(name, b) == NONE) {
        s->free_inode = s->inodes[i].next;
        crash_point();
        s->inodes[i] = (struct inode){.used = 1, .links = 1, .next = s->buckets[b]};
        strncpy(s->inodes[i].name, name, NAME);
        crash_point();
        s->buckets[b] = i;
        crash_point();
        fd = describe(i);
    }
    release(&s->names);
    return fd;
}

static int open_existing(const char *name) {
    take(&s->names);
    uint32_t i = find(name, bucket(name));
    int fd = i == NONE ? -1 : describe(i);
    release(&s->names);
    return fd;
}

static void close_of(int who, int fd) {
    uint32_t open = s->procs[who].fds[fd] % OPENS;
    s->procs[who].fds[fd] = NONE;
    crash_point();
    if (open == NONE || --s->opens[open].references) return;
    crash_point();
    uint32_t i = s->opens[open].inode % INODES;
    s->opens[open].used = 0;
    s->opens[open].next = s->free_open;
    crash_point();
    s->free_open = open;
    crash_point();
    s->inodes[i].opens--;
    crash_point();
    put_inode(i);
}

static void close_file(int fd) {
    take(&s->names);
    close_of(self, fd);
    release(&s->names);
}

static int unlink_name(const char *name) {
    uint32_t b = bucket(name);
    take(&s->names);
    uint32_t i = find(name, b);
    if (i != NONE) {
        uint32_t *link = &s->buckets[b];
        while (*link != i) link = &s->inodes[*link].next;
        *link = s->inodes[i].next;
        crash_point();
        s->inodes[i].links = 0;
        crash_point();
        put_inode(i);
    }
    release(&s->names);
    return i == NONE ? -1 : 0;
}

static bool exists(const char *name) {
    take(&s->names);
    bool found = find(name, bucket(name)) != NONE;
    release(&s->names);
    return found;
}

static void pipe_close(int i, int end) { drop_end(i, end); }

static void died(int who) {
    take(&s->names);
    for (int fd = 0; fd < FDS; fd++)
        if (s->procs[who].fds[fd]) close_of(who, fd);
    s->procs[who].alive = 0;
    release(&s->names);
    for (int i = 0; i < PIPES; i++)
        for (int end = 0; end < 2; end++)
            if (pipe_holder[i][end] == who) drop_end(i, end);  // wakes: the dead may have moved an index without coming to that
}

static const char *check(bool all_gone) {
    take(&s->names);
    uint32_t before = oracle->torn, held = 0;
    rebuild_names();
    bool torn = oracle->torn != before;
    oracle->torn = before;
    for (uint32_t i = 1; i < OPENS; i++) held += s->opens[i].used;
    release(&s->names);
    if (torn) return "counts of descriptors and inodes differ from the tables";
    return all_gone && held ? "descriptions without a holder" : NULL;
}

static void scribble(void) {
    uint64_t x = now_ns() | 1;
    for (size_t n = 0; n < sizeof *s / 64; n++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy((char *)s + (n < 4096 ? x % offsetof(struct session, file) : x % (sizeof *s - 8)), &x, 8);
    }
}

const struct design memory_design = {
    "memory", start, forked, join, died, check, stop, pipe_write, pipe_read, pipe_close, file_write,
    create, open_existing, close_file, unlink_name, exists, scribble,
};
