// Design C: what the keeper and the participants share. Three kinds of memory, by who may write it.
#pragma once
#include "model.h"

enum { INODES = 256, FDS = 16, BUCKETS = 128, LOG = 256, POOL = 32, NONE = 0, DRIVER = PROCS };

// Written by the keeper alone, read by everyone: the namespace, under a sequence counter, and who still holds which end of a pipe.
struct published {
    _Atomic uint32_t sequence;   // odd while the keeper writes
    _Atomic uint32_t leased_to;  // participant + 1: its own log knows better, ask the keeper
    _Atomic uint32_t holders[PIPES][2];
    _Atomic uint32_t buckets[BUCKETS];
    struct { _Atomic uint32_t next; char name[NAME]; } inodes[INODES];
};

// Written by the holders of the object.
struct pipe_memory {
    _Atomic uint32_t head;  // the writer's
    struct sleeper reader;
    char pad[48];
    _Atomic uint32_t tail;  // the reader's
    struct sleeper writer;
    char data[RING];
};
struct file_memory { _Atomic uint64_t offset, size; char pad[PAGE - 16]; char data[FILE_MAX]; };

enum operation { CREATE = 1, OPEN, UNLINK, EXISTS, PIPE_CLOSE, REFILL, CHECK };
struct request { uint32_t operation, slot, a, b, wants_lease; char name[NAME]; };
struct reply { int32_t result; uint32_t leased, epoch; char text[64]; };
struct record { uint32_t operation, inode; char name[NAME]; };

// Written by one participant and the keeper.
struct participant {
    _Atomic uint32_t holds[FDS];  // inodes that this participant has open: closing is a store
    struct request request;
    struct reply reply;
    _Atomic uint32_t asked, answered;
    struct sleeper sleeper;
    // The lease. The log's length and the lease's epoch are one word: the holder commits a record by compare-and-swap, the keeper takes
    // the lease back by another, and neither waits for the other.
    _Atomic uint64_t commit;  // epoch << 32 | records ever committed
    _Atomic uint32_t drained, pool[POOL];
    struct record log[LOG];
};

extern struct published *published;
extern struct pipe_memory *pipe_memory[PIPES];
extern struct file_memory *file_memory;
extern struct participant *participants[PROCS + 1];
extern int keeper_socket[PROCS + 1], doorbell[PROCS + 1];

uint32_t bucket_of(const char *name);
void keeper_main(const int sockets[PROCS + 1]) __attribute__((noreturn));
