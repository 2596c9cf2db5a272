// The session keeper: one thread, one checked door. It believes nothing that it reads: indices are bounded, names ended.
#include "keeper.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static struct { bool used, linked; uint32_t pooled_by; } inodes[INODES];
static bool alive[PROCS + 1];
static const int *sockets;
static uint32_t lessee, last_changer, changes_in_row, epochs[PROCS + 1];  // lessee: participant + 1
static uint32_t drained;  // records of the lessee's log

uint32_t bucket_of(const char *name) {
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash % BUCKETS;
}

static uint32_t find(const char *name) {
    for (uint32_t i = published->buckets[bucket_of(name)]; i; i = published->inodes[i].next)
        if (strncmp(published->inodes[i].name, name, NAME) == 0) return i;
    return NONE;
}

static void write_begin(void) { atomic_fetch_add(&published->sequence, 1); }
static void write_end(void) { atomic_fetch_add(&published->sequence, 1); }

static bool is_held(uint32_t inode) {
    for (int p = 0; p < PROCS; p++)
        for (int slot = 0; alive[p] && slot < FDS; slot++)
            if (atomic_load(&participants[p]->holds[slot]) == inode) return true;
    return false;
}

// Frees inodes without a name that nobody has open. A participant that opens one at this moment sees that the sequence has changed.
static void free_orphans(void) {
    atomic_thread_fence(memory_order_seq_cst);
    for (uint32_t i = 1; i < INODES; i++)
        if (inodes[i].used && !inodes[i].linked && !inodes[i].pooled_by && !is_held(i)) inodes[i].used = false;
}

static uint32_t new_inode(void) {
    for (int attempt = 0; attempt < 2; attempt++) {
        static uint32_t next;
        for (uint32_t n = 1; n < INODES; n++)
            if (!inodes[next = next % (INODES - 1) + 1].used) return inodes[next].used = true, next;
        free_orphans();
    }
    return NONE;
}

static bool link_inode(uint32_t i, const char *name) {
    if (find(name) != NONE) return false;
    uint32_t b = bucket_of(name);
    strncpy(published->inodes[i].name, name, NAME);
    published->inodes[i].next = published->buckets[b];
    published->buckets[b] = i;
    return inodes[i].linked = true;
}

static bool unlink_inode(const char *name) {
    uint32_t i = find(name);
    if (i == NONE) return false;
    _Atomic uint32_t *link = &published->buckets[bucket_of(name)];
    while (*link != i) link = &published->inodes[*link].next;
    *link = published->inodes[i].next;
    inodes[i].linked = false;
    return true;
}

// Does what the lease's holder has committed up to record `to`, as if it had asked for each.
static void drain_to(uint32_t to) {
    uint32_t who = lessee - 1;
    struct participant *p = participants[who];
    if (to == drained || to - drained > LOG) return;  // more than the log holds is nonsense: nothing of it counts
    write_begin();
    for (; drained != to; drained++) {
        struct record record = p->log[drained % LOG];
        record.name[NAME - 1] = 0;
        if (record.operation == CREATE && record.inode < INODES && inodes[record.inode].pooled_by == lessee && !inodes[record.inode].linked)
            link_inode(record.inode, record.name);
        else if (record.operation == UNLINK)
            unlink_inode(record.name);
    }
    write_end();
    atomic_store(&p->drained, drained);
}

static void drain(uint32_t who) {
    if (lessee == who + 1) drain_to((uint32_t)atomic_load(&participants[who]->commit));
}

static void fill_pool(uint32_t who) {
    for (int n = 0; n < POOL; n++) {
        uint32_t i = atomic_load(&participants[who]->pool[n]);
        if (i != NONE && i < INODES && inodes[i].pooled_by == who + 1) {
            if (!inodes[i].linked && !is_held(i)) continue;
            inodes[i].pooled_by = 0;
        }
        if ((i = new_inode()) != NONE) inodes[i].pooled_by = who + 1;
        atomic_store(&participants[who]->pool[n], i);
    }
}

static void take_back(void) {
    if (lessee == 0) return;
    uint32_t who = lessee - 1;
    drain_to((uint32_t)atomic_exchange(&participants[who]->commit, (uint64_t)++epochs[who] << 32));
    for (uint32_t i = 1; i < INODES; i++)
        if (inodes[i].pooled_by == lessee) inodes[i].pooled_by = 0;
    for (int n = 0; n < POOL; n++) atomic_store(&participants[who]->pool[n], NONE);
    lessee = 0, changes_in_row = 0;
    write_begin(), atomic_store(&published->leased_to, 0), write_end();
    free_orphans();
}

static void grant(uint32_t who, struct reply *reply) {
    if (lessee == 0) {
        write_begin(), atomic_store(&published->leased_to, who + 1), write_end();
        lessee = who + 1;
        fill_pool(who);
        atomic_store(&participants[who]->drained, drained = 0);
        atomic_store(&participants[who]->commit, (uint64_t)++epochs[who] << 32);
    }
    reply->leased = 1, reply->epoch = epochs[who];
}

static void pipe_end_gone(uint32_t pipe, uint32_t end) {
    atomic_store(&published->holders[pipe][end], 0);
    wake_always(end == WRITE_END ? &pipe_memory[pipe]->reader : &pipe_memory[pipe]->writer);
}

static void gone(uint32_t who) {
    if (!alive[who]) return;
    alive[who] = false;
    if (lessee == who + 1) take_back();
    for (int i = 0; i < PIPES; i++)
        for (int end = 0; end < 2; end++)
            if (pipe_holder[i][end] == (int)who) pipe_end_gone((uint32_t)i, (uint32_t)end);
    free_orphans();
}

static const char *invariants(bool all_gone) {
    for (uint32_t p = 0; p < PROCS; p++) {
        struct pollfd poll_one = {.fd = sockets[p], .events = POLLRDHUP};
        if (alive[p] && poll(&poll_one, 1, 0) == 1 && poll_one.revents & (POLLHUP | POLLRDHUP)) gone(p);
    }
    if (all_gone) {
        for (int p = 0; p < PROCS; p++)
            if (alive[p]) return "a participant that is gone still counts";
    }
    free_orphans();
    uint32_t named = 0;
    for (int b = 0; b < BUCKETS; b++)
        for (uint32_t i = published->buckets[b]; i; i = published->inodes[i].next, named++)
            if (!inodes[i].used || !inodes[i].linked) return "a name without its inode";
    for (uint32_t i = 1; i < INODES; i++) {
        if (inodes[i].linked) named--;
        if (inodes[i].used && !inodes[i].linked && !inodes[i].pooled_by && !is_held(i)) return "an inode that nobody needs";
        if (all_gone && inodes[i].used && !inodes[i].linked) return "an inode left by the dead";
    }
    return named ? "links do not match names" : NULL;
}

static struct reply serve(uint32_t who, struct request request) {
    struct reply reply = {.result = -1};
    request.name[NAME - 1] = 0;
    if (lessee && lessee != who + 1 && request.operation != PIPE_CLOSE) take_back();
    drain(who);
    bool changed = false;
    switch (request.operation) {
    case CREATE: {
        uint32_t i = request.slot < FDS && find(request.name) == NONE ? new_inode() : NONE;
        if (i == NONE) break;
        write_begin(), link_inode(i, request.name), write_end();
        atomic_store(&participants[who]->holds[request.slot], i);
        reply.result = (int32_t)i, changed = true;
        break;
    }
    case OPEN: {
        uint32_t i = request.slot < FDS ? find(request.name) : NONE;
        if (i == NONE) break;
        atomic_store(&participants[who]->holds[request.slot], i);
        reply.result = (int32_t)i;
        break;
    }
    case UNLINK:
        write_begin(), changed = unlink_inode(request.name), write_end();
        free_orphans();
        reply.result = changed ? 0 : -1;
        break;
    case EXISTS: reply.result = find(request.name) != NONE ? 0 : -1; break;
    case PIPE_CLOSE:
        if (request.a < PIPES && request.b < 2 && pipe_holder[request.a][request.b] == (int)who) pipe_end_gone(request.a, request.b);
        reply.result = 0;
        break;
    case REFILL:
        if (lessee == who + 1) fill_pool(who), grant(who, &reply);
        reply.result = 0;
        break;
    case CHECK: {
        const char *wrong = who == DRIVER ? invariants(request.a) : "not for you";
        if (wrong) strncpy(reply.text, wrong, sizeof reply.text - 1);
        reply.result = wrong ? -1 : 0;
        break;
    }
    default: break;
    }
    if (changed) {
        changes_in_row = last_changer == who ? changes_in_row + 1 : 1;
        last_changer = who;
        if (request.wants_lease && changes_in_row >= 2) grant(who, &reply);
    }
    return reply;
}

void keeper_main(const int given[PROCS + 1]) {
    sockets = given;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int events = epoll_create1(0);
    for (uint32_t p = 0; p <= PROCS; p++) {
        struct epoll_event socket_event = {.events = EPOLLIN | EPOLLRDHUP, .data.u32 = p}, bell = {.events = EPOLLIN, .data.u32 = 100 + p};
        alive[p] = true;
        if (epoll_ctl(events, EPOLL_CTL_ADD, sockets[p], &socket_event) || epoll_ctl(events, EPOLL_CTL_ADD, doorbell[p], &bell)) fail("epoll_ctl");
    }
    uint32_t asked[PROCS + 1] = {0};
    for (;;) {
        struct epoll_event ready[PROCS * 2 + 2];
        int count = epoll_wait(events, ready, PROCS * 2 + 2, -1);
        for (int n = 0; n < count; n++) {
            uint32_t who = ready[n].data.u32;
            if (who >= 100) {
                uint64_t rung;
                struct participant *p = participants[who -= 100];
                if (read(doorbell[who], &rung, sizeof rung) < 0 || !alive[who]) continue;
                drain(who);
                if (atomic_load(&p->asked) == asked[who]) continue;
                asked[who]++;
                struct request request = p->request;
                p->reply = serve(who, request);
                atomic_store(&p->answered, asked[who]);
                wake_at(&p->sleeper);
                continue;
            }
            struct request request;
            ssize_t size = alive[who] ? recv(sockets[who], &request, sizeof request, MSG_DONTWAIT) : 0;
            if (size == (ssize_t)sizeof request) {
                struct reply reply = serve(who, request);
                send(sockets[who], &reply, sizeof reply, MSG_DONTWAIT | MSG_NOSIGNAL);
            } else if (size == 0 || (size < 0 && errno != EAGAIN)) {
                if (who == DRIVER) exit(0);
                gone(who);
                epoll_ctl(events, EPOLL_CTL_DEL, sockets[who], NULL);
            }
        }
    }
}
