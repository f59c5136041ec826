/* Loaded into the real binary by tests. It ends the process right before or right after its n-th commit (the n-th time
   that SQLite syncs the write-ahead log), and moves its clock.

   SHIM_COMMITS=FILE   counts the commits there: eight bytes, which a test reads
   SHIM_STEPS=1        counts what is done to names and what is synced instead: a file that is renamed, linked, removed, synced
   SHIM_NO_LINKS=1     no file can have a second name
   SHIM_DIE=before:N   ends before the first byte of the N-th commit is written: as if it had never come to it
   SHIM_DIE=after:N    ends when the N-th commit is on the disk and nobody has been told
   SHIM_FAIL=FILE      while a number stands there, eight bytes, so many syncs of the log answer with an I/O error, although
                       all is on the disk
   SHIM_CLOCK=FILE     adds the milliseconds that stand there, eight bytes, to the time of day */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int64_t none, never, *commits = &none, *moved = &none, *fails = &never, die_at = -1;
static int before, steps;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int64_t *shared(const char *variable) {
    const char *path = getenv(variable);
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, 8) != 0) return &none;
    void *at = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return at == MAP_FAILED ? &none : at;
}

static void start(void) {
    commits = shared("SHIM_COMMITS");
    moved = shared("SHIM_CLOCK");
    steps = getenv("SHIM_STEPS") != NULL;
    if (getenv("SHIM_FAIL")) fails = shared("SHIM_FAIL");
    const char *die = getenv("SHIM_DIE");
    if (die) {
        before = strncmp(die, "before:", 7) == 0;
        die_at = atoll(strchr(die, ':') + 1);
    }
}

static int is_log(int fd) {
    char link[32] = "/proc/self/fd/", path[512], digits[12];
    int at = 12;
    digits[--at] = 0;
    for (unsigned n = (unsigned)fd; at > 0; n /= 10) {
        digits[--at] = (char)('0' + n % 10);
        if (n < 10) break;
    }
    strcat(link, digits + at);
    ssize_t length = readlink(link, path, sizeof path);
    return length > 4 && memcmp(path + length - 4, "-wal", 4) == 0;
}

static void writes(int fd) {
    pthread_once(&once, start);
    if (!steps && before && *commits + 1 == die_at && is_log(fd)) _exit(137);
}

static void step_begins(void) {
    pthread_once(&once, start);
    if (steps && before && *commits + 1 == die_at) _exit(137);
}

static void counted(void) {
    *commits += 1;
    if (!before && *commits == die_at) _exit(137);
}

static void step_ends(void) {
    if (steps) counted();
}

static int synced(int fd, int done) {
    pthread_once(&once, start);
    if (steps || is_log(fd)) counted();
    if (steps || !is_log(fd) || *fails <= 0) return done;
    *fails -= 1;
    errno = EIO;
    return -1;
}

ssize_t write(int fd, const void *from, size_t count) { writes(fd); return REAL(write)(fd, from, count); }
ssize_t pwrite(int fd, const void *from, size_t count, off_t at) { writes(fd); return REAL(pwrite)(fd, from, count, at); }
ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) { writes(fd); return REAL(pwrite64)(fd, from, count, at); }
int fsync(int fd) { step_begins(); return synced(fd, REAL(fsync)(fd)); }
int fdatasync(int fd) { step_begins(); return synced(fd, REAL(fdatasync)(fd)); }

int rename(const char *from, const char *to) {
    step_begins();
    int done = REAL(rename)(from, to);
    step_ends();
    return done;
}

int unlink(const char *path) {
    step_begins();
    int done = REAL(unlink)(path);
    step_ends();
    return done;
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
    if (getenv("SHIM_NO_LINKS")) {
        errno = EPERM;
        return -1;
    }
    step_begins();
    int done = REAL(linkat)(from, old, to, new, flags);
    step_ends();
    return done;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = REAL(clock_gettime)(clock, now);
    pthread_once(&once, start);
    if (clock == CLOCK_REALTIME && done == 0) {
        int64_t all = now->tv_nsec / 1000000 + *moved;
        now->tv_sec += all / 1000;
        now->tv_nsec = (all % 1000) * 1000000 + now->tv_nsec % 1000000;
        if (now->tv_nsec < 0) { now->tv_nsec += 1000000000; now->tv_sec -= 1; }
    }
    return done;
}
