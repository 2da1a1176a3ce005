#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../shared/log.h"
#include "store_sqlite.h"
#include "walcheck.h"

enum { BOOT_SIZE = 40, COPY_CHUNK = 1 << 20 };

struct store_sqlite_file {
	char *path;
	char *wal;
	int lock_fd;
	bool unclean;
	bool same_boot; /* as when the lock was taken last */
	char boot[BOOT_SIZE];
};

/* File systems whose locks or syncs mean less than they say (statfs(2)). */
static const struct {
	unsigned long type;
	const char *name;
} network[] = {
    {0x6969, "nfs"},
    {0x517b, "smb"},
    {0xff534d42, "cifs"},
    {0xfe534d42, "smb2"},
    {0x5346414f, "afs"},
    {0x00c36400, "ceph"},
    {0x73757245, "coda"},
};

static int
refuse(const struct store_sqlite_file *file, const char *why, const char *hint)
{
	log_error("store_open_failed", log_str("path", file->path),
	    log_str("error", why), log_str("hint", hint));
	return -1;
}

static int
check_directory(const struct store_sqlite_file *file)
{
	const char *slash = strrchr(file->path, '/');
	struct statfs fs;
	struct stat st;
	char *directory;
	int result = -1;

	directory = strndup(
	    file->path, slash == file->path ? 1 : (size_t)(slash - file->path));
	if (directory == NULL)
		return refuse(file, "no memory", NULL);
	if (stat(directory, &st) != 0)
		refuse(file, strerror(errno),
		    "make the directory of [store] url, owned by the worker");
	else if (!S_ISDIR(st.st_mode))
		refuse(file, "the parent is no directory", NULL);
	else if (access(directory, W_OK | X_OK) != 0)
		refuse(file, strerror(errno),
		    "the worker's user must own the directory");
	else if (statfs(directory, &fs) != 0)
		refuse(file, strerror(errno), NULL);
	else
		result = 0;
	for (size_t i = 0; result == 0 && i < sizeof network / sizeof *network;
	     i++) {
		if (((unsigned long)fs.f_type & 0xffffffff) == network[i].type)
			result = refuse(file, network[i].name,
			    "this is a network file system, where a sync "
			    "promises too little: use a local disk");
	}
	free(directory);
	return result;
}

static void
read_text(int fd, char *out, size_t size)
{
	ssize_t n = pread(fd, out, size - 1, 0);

	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static void
read_boot(char out[BOOT_SIZE])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	out[0] = '\0';
	if (fd < 0)
		return;
	read_text(fd, out, BOOT_SIZE);
	close(fd);
}

/* Who holds the lock, and in which run of the machine: "BOOT PID". */
static int
write_lock(struct store_sqlite_file *file)
{
	char text[BOOT_SIZE + 32], old[BOOT_SIZE + 32];
	size_t len = strlen(file->boot);
	int n;

	read_text(file->lock_fd, old, sizeof old);
	file->same_boot = len > 0 && strncmp(old, file->boot, len) == 0;
	n = snprintf(text, sizeof text, "%s %ld\n", file->boot, (long)getpid());
	if (ftruncate(file->lock_fd, 0) != 0 ||
	    pwrite(file->lock_fd, text, (size_t)n, 0) != n)
		return -1;
	return 0;
}

static int
take_lock(struct store_sqlite_file *file)
{
	char *name, holder[BOOT_SIZE + 32], hint[128];

	if (asprintf(&name, "%s.lock", file->path) < 0)
		return refuse(file, "no memory", NULL);
	file->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(name);
	if (file->lock_fd < 0)
		return refuse(file, strerror(errno),
		    "PATH.lock must be writable for the worker's user");
	if (flock(file->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		read_text(file->lock_fd, holder, sizeof holder);
		snprintf(hint, sizeof hint,
		    "one worker owns a store; give each its own url (process "
		    "%s holds it)",
		    strchr(holder, ' ') != NULL ? strchr(holder, ' ') + 1
						: "?");
		return refuse(file, "another worker has it open", hint);
	}
	/* A full disk is no reason to stay away: what is stored can go on. */
	if (write_lock(file) != 0 && errno != ENOSPC)
		return refuse(file, strerror(errno), "PATH.lock");
	return 0;
}

/* Copy one file to a new name; one that is there is taken for done. */
static int
copy_file(const char *from, const char *to)
{
	int in = -1, out = -1, result = -1;
	ssize_t n = -1;

	in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		goto out;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0) {
		result = errno == EEXIST ? 0 : -1;
		goto out;
	}
	while ((n = copy_file_range(in, NULL, out, NULL, COPY_CHUNK, 0)) > 0)
		continue;
	if (n == 0 && fsync(out) == 0)
		result = 0;
	else
		unlink(to);
out:
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return result;
}

/* Keep database and log as they are under a name made of the log's own time,
 * so that starting again copies nothing twice. */
static void
copy_aside(const struct store_sqlite_file *file)
{
	char stamp[32] = "";
	struct stat st;
	struct tm tm;
	char *copy = NULL, *wal = NULL;

	if (stat(file->wal, &st) != 0 ||
	    gmtime_r(&st.st_mtim.tv_sec, &tm) == NULL)
		return;
	strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
	if (asprintf(&copy, "%s.damaged-%s", file->path, stamp) < 0)
		copy = NULL;
	if (copy != NULL && asprintf(&wal, "%s-wal", copy) < 0)
		wal = NULL;
	if (wal == NULL || copy_file(file->path, copy) != 0 ||
	    copy_file(file->wal, wal) != 0)
		log_error("store_copy_failed", log_str("path", file->path),
		    log_str("error", strerror(errno)));
	else
		log_error("store_copied", log_str("path", copy));
	free(copy);
	free(wal);
}

static int
check_wal(struct store_sqlite_file *file)
{
	struct walcheck_facts facts;
	enum walcheck found = walcheck(file->wal, file->same_boot, &facts);
	struct stat st;

	file->unclean = found != WALCHECK_EMPTY;
	/* SQLite would remove the log of an empty database. */
	if (file->unclean && (stat(file->path, &st) != 0 || st.st_size == 0))
		return refuse(file,
		    "there is a write-ahead log but no database",
		    "restore the database, or move PATH-wal away");
	switch (found) {
	case WALCHECK_EMPTY:
	case WALCHECK_GOOD:
		return 0;
	case WALCHECK_TORN:
		log_warn("store_log_torn", log_str("path", file->wal),
		    log_int("frames", facts.frames),
		    log_int("behind", facts.behind));
		return 0;
	case WALCHECK_DAMAGED:
		log_error("store_log_damaged", log_str("path", file->wal),
		    log_int("frames", facts.frames),
		    log_int("behind", facts.behind));
		copy_aside(file);
		return refuse(file, "its write-ahead log is damaged",
		    "acknowledged events are in it: check the disk, keep the "
		    "copies; restore PATH-wal from a backup, or move it away "
		    "to go on without them");
	case WALCHECK_ERROR:
	default:
		return refuse(file, strerror(errno), "PATH-wal");
	}
}

/* Made here, so that its mode is ours; SQLite's files beside it follow. */
static int
make_database(const struct store_sqlite_file *file)
{
	int fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return refuse(file, strerror(errno),
		    "it must be a file the worker's user can write");
	close(fd);
	return 0;
}

struct store_sqlite_file *
store_sqlite_file_open(const char *path)
{
	struct store_sqlite_file *file = calloc(1, sizeof *file);

	if (file == NULL)
		return NULL;
	file->lock_fd = -1;
	file->path = strdup(path);
	if (file->path == NULL || asprintf(&file->wal, "%s-wal", path) < 0) {
		file->wal = NULL;
		goto fail;
	}
	read_boot(file->boot);
	if (path[0] != '/') {
		refuse(file, "the path is not absolute", "sqlite:/var/lib/…");
		goto fail;
	}
	if (check_directory(file) == 0 && take_lock(file) == 0 &&
	    check_wal(file) == 0 && make_database(file) == 0)
		return file;
fail:
	store_sqlite_file_close(file);
	return NULL;
}

void
store_sqlite_file_close(struct store_sqlite_file *file)
{
	if (file == NULL)
		return;
	if (file->lock_fd >= 0)
		close(file->lock_fd);
	free(file->path);
	free(file->wal);
	free(file);
}

const char *
store_sqlite_file_path(const struct store_sqlite_file *file)
{
	return file->path;
}

bool
store_sqlite_file_unclean(const struct store_sqlite_file *file)
{
	return file->unclean;
}

const char *
store_sqlite_file_boot(const struct store_sqlite_file *file)
{
	return file->boot;
}

int
store_sqlite_file_space(
    const struct store_sqlite_file *file, struct store_space *space)
{
	struct statvfs fs;
	struct stat st;

	*space = (struct store_space){0};
	if (stat(file->path, &st) != 0 || statvfs(file->path, &fs) != 0)
		return -1;
	space->used_bytes = st.st_size;
	if (stat(file->wal, &st) == 0)
		space->used_bytes += st.st_size;
	space->free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize);
	return 0;
}
