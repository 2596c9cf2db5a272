// Design A: every shared object is a descriptor of the host; every operation is an exit and the host's system call.
#include "model.h"

static int pipes[PIPES][2], file, directory;
static char directory_path[64];

static void start(void) {
    for (int i = 0; i < PIPES; i++)
        if (pipe(pipes[i])) fail("pipe");
    snprintf(directory_path, sizeof directory_path, "/dev/shm/shared_state.%d", getpid());
    if (mkdir(directory_path, 0700)) fail("mkdir %s", directory_path);
    directory = open(directory_path, O_RDONLY | O_DIRECTORY);
    file = open(directory_path, O_TMPFILE | O_RDWR, 0600);
    if (directory < 0 || file < 0) fail("open %s", directory_path);
}

static void forked(void) {}
static void join(void) {
    for (int i = 0; i < PIPES; i++)
        for (int end = 0; end < 2; end++)
            if (pipe_holder[i][end] != self) close(pipes[i][end]);
}

static void stop(void) {
    for (int i = 0; i < PIPES; i++) close(pipes[i][0]), close(pipes[i][1]);
    close(file), close(directory), rmdir(directory_path);
}

static ssize_t pipe_write(int i, const void *data, size_t size) {
    half_exit();
    ssize_t done = write(pipes[i][WRITE_END], data, size);
    half_exit();
    return done;
}

static ssize_t pipe_read(int i, void *data, size_t size) {
    half_exit();
    ssize_t done = read(pipes[i][READ_END], data, size);
    half_exit();
    return done;
}

static void pipe_close(int i, int end) { half_exit(), close(pipes[i][end]), half_exit(); }

static ssize_t file_write(const void *data, size_t size) {
    static size_t offset;  // only to wrap: the offset used is the host's
    if ((offset += size) > FILE_MAX) offset = 0, lseek(file, 0, SEEK_SET);
    half_exit();
    ssize_t done = write(file, data, size);
    half_exit();
    return done;
}

static int create(const char *name) {
    half_exit();
    int fd = openat(directory, name, O_CREAT | O_EXCL | O_RDWR, 0600);
    half_exit();
    return fd;
}

static int open_existing(const char *name) {
    half_exit();
    int fd = openat(directory, name, O_RDWR);
    half_exit();
    return fd;
}

static void close_file(int fd) { half_exit(), close(fd), half_exit(); }

static int unlink_name(const char *name) {
    half_exit();
    int done = unlinkat(directory, name, 0);
    half_exit();
    return done;
}

static bool exists(const char *name) {
    struct stat s;
    half_exit();
    int done = fstatat(directory, name, &s, 0);
    half_exit();
    return done == 0;
}

static void died(int who) { (void)who; }
static const char *check(bool all_gone) { (void)all_gone; return NULL; }
static void scribble(void) {}

const struct design host_design = {
    "host", start, forked, join, died, check, stop, pipe_write, pipe_read, pipe_close, file_write,
    create, open_existing, close_file, unlink_name, exists, scribble,
};
