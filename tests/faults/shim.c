/* Calls of the system that fail, come short or end the process, each at a number that is known beforehand.
 *
 * Strategy: loaded with LD_PRELOAD, this library stands before libc's functions. It counts the calls that concern files
 * below FAULTS_ROOT, each kind by itself, over all processes of a command (FAULTS_COUNTS is shared memory), and notes
 * them in FAULTS_LOG: `kind number path state`. FAULTS says what happens at which: `write:3:ENOSPC close:1+:EIO`; with a
 * `+`, at all that follow, too. What a fault may be is in `fault_of`. fsync does nothing but count: disks take too long.
 *
 * A file is `dirty` from a write until a close or an fsync, which is when a network or a quota can refuse what was
 * written; only such a close counts as `close`, others as `close-clean`.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPEN_READ, OPEN_WRITE, OPEN_NAMELESS, OPEN_FOLDER, READ, WRITE, CLOSE, CLOSE_CLEAN, FSYNC, FSYNC_FOLDER, LINK,
            RENAME, UNLINK, MKDIR, RMDIR, TRUNCATE, CHMOD, CHOWN, SETXATTR, GETXATTR, STAT, LOCK, LISTDIR, KINDS };
static const char *const names[KINDS] = {
    "open-read", "open-write", "open-nameless", "open-folder", "read", "write", "close", "close-clean", "fsync",
    "fsync-folder", "link", "rename", "unlink", "mkdir", "rmdir", "truncate", "chmod", "chown", "setxattr", "getxattr",
    "stat", "lock", "listdir"};

#define MOST 16
struct fault { enum kind kind; int always; long at; char what[NAME_MAX]; };
struct shared { atomic_long written, calls[KINDS]; };
struct verdict { int counted, error, shorter, after; long room; };

static struct fault faults[MOST];
static int how_many, armed;
static char root[PATH_MAX], note_place[PATH_MAX];
static struct shared *shared;
static pid_t first; /* the command's process, which signals go to */

static const struct { const char *name; int number; } errors[] = {
#define E(name) {#name, name}
    E(EACCES), E(EDQUOT), E(EEXIST), E(EFBIG), E(EINTR), E(EINVAL), E(EIO), E(EISDIR), E(EMFILE), E(EMLINK), E(ENFILE),
    E(ENOENT), E(ENOLCK), E(ENOMEM), E(ENOSPC), E(ENOSYS), E(ENOTDIR), E(EOPNOTSUPP), E(EPERM), E(EROFS), E(ESTALE), E(EXDEV)};

/* ---------------------------------------------------------------- which faults there are */

__attribute__((visibility("default"))) void faults_arm(void) {
    const char *place = getenv("FAULTS_ROOT"), *counts = getenv("FAULTS_COUNTS"), *list = getenv("FAULTS");
    if (!place || !counts || !list) return;
    snprintf(root, sizeof root, "%s/", place);
    snprintf(note_place, sizeof note_place, "%s", getenv("FAULTS_LOG"));
    first = atoi(getenv("FAULTS_FIRST"));
    int file = syscall(SYS_openat, AT_FDCWD, counts, O_RDWR | O_CREAT, 0600);
    syscall(SYS_ftruncate, file, sizeof *shared);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    char copy[4096], *rest = copy, *word;
    snprintf(copy, sizeof copy, "%s", list);
    while ((word = strsep(&rest, " ")) && how_many < MOST) {
        char name[NAME_MAX], sign = 0;
        struct fault *fault = &faults[how_many];
        if (sscanf(word, "%[^:]:%ld%c", name, &fault->at, &sign) != 3) continue;
        fault->always = sign == '+';
        snprintf(fault->what, sizeof fault->what, "%s", strrchr(word, ':') + 1);
        for (fault->kind = OPEN_READ; fault->kind < KINDS && strcmp(names[fault->kind], name);) fault->kind++;
        if (fault->kind == KINDS) abort();
        how_many++;
    }
    armed = shared != MAP_FAILED;
}

__attribute__((constructor)) static void from_the_start(void) { faults_arm(); }

static void append_to(const char *name) {
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s%s", root, name);
    int file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND, 0);
    syscall(SYS_write, file, "appended by another process", 27);
    syscall(SYS_close, file);
}

static void take_away(const char *name) {
    char path[2 * PATH_MAX], gone[2 * PATH_MAX + 8];
    snprintf(path, sizeof path, "%s%s", root, name);
    snprintf(gone, sizeof gone, "%s.gone", path);
    syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, gone, 0);
}

static void fault_of(const char *what, struct verdict *verdict) {
    const char *value = strchr(what, '=');
    if (!strcmp(what, "short")) verdict->shorter = 1;
    else if (!strncmp(what, "full=", 5)) verdict->room = atol(value + 1);
    else if (!strncmp(what, "append=", 7)) append_to(value + 1);
    else if (!strncmp(what, "vanish=", 7)) take_away(value + 1);
    else if (!strcmp(what, "SIGKILL")) kill(0, SIGKILL);
    else if (!strcmp(what, "SIGKILL-one")) kill(getpid(), SIGKILL);
    else if (!strcmp(what, "SIGINT")) verdict->after = SIGINT;
    else if (!strcmp(what, "SIGTERM")) verdict->after = SIGTERM;
    else if (!strcmp(what, "SIGHUP")) verdict->after = SIGHUP;
    else if (!strcmp(what, "SIGTERM-first")) verdict->after = SIGTERM, verdict->error = EINTR;
    else {
        for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
            if (!strcmp(what, errors[i].name)) verdict->error = errors[i].number;
        if (!verdict->error) abort();
    }
}

/* Count a call, and say what is to become of it. */
static struct verdict look(enum kind kind, const char *path, const char *state) {
    struct verdict verdict = {.room = -1};
    size_t length = strlen(root);
    if (!armed || !path || strncmp(path, root, length - 1)) return verdict;
    if (path[length - 1] && path[length - 1] != '/') return verdict;
    verdict.counted = 1;
    int before = errno;
    long number = atomic_fetch_add(&shared->calls[kind], 1) + 1;
    char line[2 * PATH_MAX];
    int size = snprintf(line, sizeof line, "%s\t%ld\t%s\t%s\n", names[kind], number,
                        path[length - 1] ? path + length : ".", state);
    int file = syscall(SYS_openat, AT_FDCWD, note_place, O_WRONLY | O_APPEND | O_CREAT, 0600);
    syscall(SYS_write, file, line, size);
    syscall(SYS_close, file);
    for (int i = 0; i < how_many; i++)
        if (faults[i].kind == kind && (number == faults[i].at || (faults[i].always && number >= faults[i].at)))
            fault_of(faults[i].what, &verdict);
    errno = before;
    return verdict;
}

static long done(struct verdict verdict, long result) {
    int before = errno;
    if (verdict.after == SIGINT) kill(0, SIGINT); /* as from a terminal */
    else if (verdict.after) kill(first, verdict.after);
    errno = before;
    return result;
}

/* What a wrapper returns: an error instead of the call, or what the call says. */
#define TRY(verdict, call) \
    ((verdict).error ? (errno = (verdict).error, done(verdict, -1)) : done(verdict, (call)))

/* ---------------------------------------------------------------- which file it is */

static const char *path_of(int file, char *room) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = armed ? syscall(SYS_readlinkat, AT_FDCWD, link, room, PATH_MAX - 1) : -1;
    room[size < 0 ? 0 : size] = 0;
    return size < 0 ? NULL : room;
}

static const char *path_at(int folder, const char *path, char *room) {
    if (!armed || !path) return NULL;
    if (path[0] == '/') return path;
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
        if (syscall(SYS_getcwd, base, sizeof base) < 0) return NULL;
    } else if (!path_of(folder, base)) return NULL;
    while (!strncmp(path, "./", 2)) path += 2;
    if (!strcmp(path, ".") || !*path) snprintf(room, PATH_MAX, "%s", base);
    else snprintf(room, PATH_MAX, "%.*s/%.*s", PATH_MAX / 2, base, PATH_MAX / 3, path);
    return room;
}

#define SLOTS 4096
static struct { dev_t device; ino_t inode; } dirty[SLOTS]; /* a slot is free when both are 0 */

static int slot_of(const struct stat *there, int wanted) {
    int free_one = -1;
    for (int i = 0; i < SLOTS; i++) {
        if (dirty[i].inode == there->st_ino && dirty[i].device == there->st_dev) return i;
        if (!dirty[i].inode && free_one < 0) free_one = i;
    }
    return wanted ? free_one : -1;
}

static int stat_of(int file, struct stat *there) { return syscall(SYS_fstat, file, there) == 0 && S_ISREG(there->st_mode); }

static void soil(int file) {
    struct stat there;
    int slot = armed && stat_of(file, &there) ? slot_of(&there, 1) : -1;
    if (slot >= 0) dirty[slot].device = there.st_dev, dirty[slot].inode = there.st_ino;
}

static int is_dirty(const struct stat *there) { return slot_of(there, 0) >= 0; }

static void clean(const struct stat *there) {
    int slot = slot_of(there, 0);
    if (slot >= 0) dirty[slot].device = 0, dirty[slot].inode = 0;
}

static const char *state_at(int folder, const char *path) { /* of a file that gets a name */
    struct stat there;
    if (!armed || syscall(SYS_newfstatat, folder, path, &there, 0)) return "gone";
    return is_dirty(&there) ? "dirty" : "settled";
}

/* ---------------------------------------------------------------- opening and closing */

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    char room[PATH_MAX];
    int nameless = (flags & O_TMPFILE) == O_TMPFILE;
    enum kind kind = nameless                                ? OPEN_NAMELESS
                     : (flags & O_DIRECTORY)                 ? OPEN_FOLDER
                     : (flags & (O_WRONLY | O_RDWR | O_CREAT)) ? OPEN_WRITE
                                                             : OPEN_READ;
    struct verdict verdict = look(kind, path_at(folder, path, room), "-");
    return TRY(verdict, syscall(SYS_openat, folder, path, flags, mode));
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, int); va_end(more); }
int open(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return open_at(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return open_at(folder, path, flags, mode); }

int close(int file) {
    char room[PATH_MAX];
    struct stat there;
    int writes = armed && (syscall(SYS_fcntl, file, F_GETFL) & O_ACCMODE) != O_RDONLY && stat_of(file, &there);
    int soiled = writes && is_dirty(&there);
    struct verdict verdict = look(soiled ? CLOSE : CLOSE_CLEAN, path_of(file, room), "-");
    if (soiled) clean(&there);
    int result = syscall(SYS_close, file); /* the descriptor is gone, whatever is said */
    return verdict.error ? (errno = verdict.error, done(verdict, -1)) : done(verdict, result);
}

static int sync_file(int file) {
    char room[PATH_MAX];
    struct stat there;
    int plain = armed && stat_of(file, &there);
    struct verdict verdict = look(plain ? FSYNC : FSYNC_FOLDER, path_of(file, room), "-");
    if (plain) clean(&there);
    return TRY(verdict, 0);
}
int fsync(int file) { return sync_file(file); }
int fdatasync(int file) { return sync_file(file); }

/* ---------------------------------------------------------------- reading and writing */

static ssize_t read_some(int file, const struct iovec *parts, int count, off64_t at) {
    char room[PATH_MAX];
    struct verdict verdict = look(READ, path_of(file, room), "-");
    struct iovec one = parts[0];
    if (verdict.shorter && count) one.iov_len = one.iov_len > 1 ? one.iov_len / 2 : one.iov_len, parts = &one, count = 1;
    return TRY(verdict, at < 0 ? syscall(SYS_readv, file, parts, count)
                               : syscall(SYS_preadv, file, parts, count, (long)at, (long)(at >> 32)));
}
#define ONE(data, size) &(struct iovec){(void *)(data), size}, 1
ssize_t read(int file, void *data, size_t size) { return read_some(file, ONE(data, size), -1); }
ssize_t readv(int file, const struct iovec *parts, int count) { return read_some(file, parts, count, -1); }
ssize_t pread(int file, void *data, size_t size, off_t at) { return read_some(file, ONE(data, size), at); }
ssize_t pread64(int file, void *data, size_t size, off64_t at) { return read_some(file, ONE(data, size), at); }
ssize_t preadv(int file, const struct iovec *parts, int count, off_t at) { return read_some(file, parts, count, at); }
ssize_t preadv64(int file, const struct iovec *parts, int count, off64_t at) { return read_some(file, parts, count, at); }
ssize_t preadv2(int file, const struct iovec *parts, int count, off_t at, int flags) { return flags ? (errno = ENOSYS, -1) : read_some(file, parts, count, at); }
ssize_t preadv64v2(int file, const struct iovec *parts, int count, off64_t at, int flags) { return flags ? (errno = ENOSYS, -1) : read_some(file, parts, count, at); }

static ssize_t write_some(int file, const struct iovec *parts, int count, off64_t at) {
    char room[PATH_MAX];
    struct verdict verdict = look(WRITE, path_of(file, room), "-");
    struct iovec one = count ? parts[0] : (struct iovec){0};
    if (verdict.shorter && count) one.iov_len = one.iov_len > 1 ? one.iov_len / 2 : one.iov_len, parts = &one, count = 1;
    if (verdict.room >= 0 && count) { /* a disk with room for so many bytes */
        long left = verdict.room - atomic_load(&shared->written);
        if (left <= 0) verdict.error = ENOSPC;
        else if ((size_t)left < one.iov_len) one.iov_len = left;
        parts = &one, count = 1;
    }
    if (verdict.counted && !verdict.error)
        for (int i = 0; i < count; i++) atomic_fetch_add(&shared->written, parts[i].iov_len);
    if (!verdict.error) soil(file);
    return TRY(verdict, at < 0 ? syscall(SYS_writev, file, parts, count)
                               : syscall(SYS_pwritev, file, parts, count, (long)at, (long)(at >> 32)));
}
ssize_t write(int file, const void *data, size_t size) { return write_some(file, ONE(data, size), -1); }
ssize_t writev(int file, const struct iovec *parts, int count) { return write_some(file, parts, count, -1); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at) { return write_some(file, ONE(data, size), at); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { return write_some(file, ONE(data, size), at); }

static int truncate_file(int file, off64_t size) {
    char room[PATH_MAX];
    struct verdict verdict = look(TRUNCATE, path_of(file, room), "-");
    if (!verdict.error) soil(file);
    return TRY(verdict, syscall(SYS_ftruncate, file, size));
}
int ftruncate(int file, off_t size) { return truncate_file(file, size); }
int ftruncate64(int file, off64_t size) { return truncate_file(file, size); }

/* ---------------------------------------------------------------- names */

int linkat(int from, const char *old, int to, const char *new, int flags) {
    char room[PATH_MAX];
    struct verdict verdict = look(LINK, path_at(to, new, room), state_at(from, old));
    return TRY(verdict, syscall(SYS_linkat, from, old, to, new, flags));
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    char room[PATH_MAX];
    struct verdict verdict = look(RENAME, path_at(to, new, room), state_at(from, old));
    return TRY(verdict, syscall(SYS_renameat2, from, old, to, new, flags));
}
int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int folder, const char *path, int flags) {
    char room[PATH_MAX];
    struct verdict verdict = look(flags & AT_REMOVEDIR ? RMDIR : UNLINK, path_at(folder, path, room), "-");
    return TRY(verdict, syscall(SYS_unlinkat, folder, path, flags));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *path, mode_t mode) {
    char room[PATH_MAX];
    struct verdict verdict = look(MKDIR, path_at(folder, path, room), "-");
    return TRY(verdict, syscall(SYS_mkdirat, folder, path, mode));
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

DIR *opendir(const char *path) {
    char room[PATH_MAX];
    struct verdict verdict = look(LISTDIR, path_at(AT_FDCWD, path, room), "-");
    DIR *(*real)(const char *) = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
    if (verdict.error) return errno = verdict.error, NULL;
    return real(path);
}

/* ---------------------------------------------------------------- what is said of files */

#define BY_FILE(kind, declaration, file, call) \
    int declaration { char room[PATH_MAX]; struct verdict verdict = look(kind, path_of(file, room), "-"); return TRY(verdict, call); }
#define BY_PATH(kind, declaration, folder, path, call) \
    int declaration { char room[PATH_MAX]; struct verdict verdict = look(kind, path_at(folder, path, room), "-"); return TRY(verdict, call); }

BY_FILE(CHMOD, fchmod(int file, mode_t mode), file, syscall(SYS_fchmod, file, mode))
BY_PATH(CHMOD, chmod(const char *path, mode_t mode), AT_FDCWD, path, syscall(SYS_fchmodat, AT_FDCWD, path, mode))
BY_FILE(CHOWN, fchown(int file, uid_t user, gid_t group), file, syscall(SYS_fchown, file, user, group))
BY_PATH(CHOWN, chown(const char *path, uid_t user, gid_t group), AT_FDCWD, path, syscall(SYS_fchownat, AT_FDCWD, path, user, group, 0))
BY_PATH(CHOWN, fchownat(int folder, const char *path, uid_t user, gid_t group, int flags), folder, path, syscall(SYS_fchownat, folder, path, user, group, flags))

BY_FILE(SETXATTR, fsetxattr(int file, const char *name, const void *value, size_t size, int flags), file, syscall(SYS_fsetxattr, file, name, value, size, flags))
BY_PATH(SETXATTR, setxattr(const char *path, const char *name, const void *value, size_t size, int flags), AT_FDCWD, path, syscall(SYS_setxattr, path, name, value, size, flags))
BY_FILE(SETXATTR, fremovexattr(int file, const char *name), file, syscall(SYS_fremovexattr, file, name))
BY_PATH(SETXATTR, removexattr(const char *path, const char *name), AT_FDCWD, path, syscall(SYS_removexattr, path, name))
#define LONG_BY_FILE(declaration, file, call) \
    ssize_t declaration { char room[PATH_MAX]; struct verdict verdict = look(GETXATTR, path_of(file, room), "-"); return TRY(verdict, call); }
#define LONG_BY_PATH(declaration, path, call) \
    ssize_t declaration { char room[PATH_MAX]; struct verdict verdict = look(GETXATTR, path_at(AT_FDCWD, path, room), "-"); return TRY(verdict, call); }
LONG_BY_FILE(fgetxattr(int file, const char *name, void *value, size_t size), file, syscall(SYS_fgetxattr, file, name, value, size))
LONG_BY_PATH(getxattr(const char *path, const char *name, void *value, size_t size), path, syscall(SYS_getxattr, path, name, value, size))
LONG_BY_FILE(flistxattr(int file, char *list, size_t size), file, syscall(SYS_flistxattr, file, list, size))
LONG_BY_PATH(listxattr(const char *path, char *list, size_t size), path, syscall(SYS_listxattr, path, list, size))

BY_PATH(STAT, fstatat(int folder, const char *path, struct stat *there, int flags), folder, path, syscall(SYS_newfstatat, folder, path, there, flags))
BY_PATH(STAT, fstatat64(int folder, const char *path, struct stat64 *there, int flags), folder, path, syscall(SYS_newfstatat, folder, path, there, flags))
BY_PATH(STAT, stat(const char *path, struct stat *there), AT_FDCWD, path, syscall(SYS_newfstatat, AT_FDCWD, path, there, 0))
BY_PATH(STAT, stat64(const char *path, struct stat64 *there), AT_FDCWD, path, syscall(SYS_newfstatat, AT_FDCWD, path, there, 0))
BY_PATH(STAT, lstat(const char *path, struct stat *there), AT_FDCWD, path, syscall(SYS_newfstatat, AT_FDCWD, path, there, AT_SYMLINK_NOFOLLOW))
BY_PATH(STAT, lstat64(const char *path, struct stat64 *there), AT_FDCWD, path, syscall(SYS_newfstatat, AT_FDCWD, path, there, AT_SYMLINK_NOFOLLOW))

BY_FILE(LOCK, flock(int file, int how), file, syscall(SYS_flock, file, how))
static int control(int file, int what, void *value) {
    char room[PATH_MAX];
    struct verdict verdict = {.room = -1};
    int locks = what == F_SETLK || what == F_SETLKW || what == F_OFD_SETLK || what == F_OFD_SETLKW;
    if (locks && ((struct flock *)value)->l_type != F_UNLCK) verdict = look(LOCK, path_of(file, room), "-");
    return TRY(verdict, syscall(SYS_fcntl, file, what, value));
}
#define VALUE(what) va_list more; va_start(more, what); void *value = va_arg(more, void *); va_end(more);
int fcntl(int file, int what, ...) { VALUE(what) return control(file, what, value); }
int fcntl64(int file, int what, ...) { VALUE(what) return control(file, what, value); }
