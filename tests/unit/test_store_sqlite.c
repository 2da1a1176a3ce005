/* What only a store on a disk can do: crashes, full disks, damage, locks. */

#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <sqlite3.h>

#include "../../shared/clock.h"
#include "../../worker/store.h"
#include "support.h"

enum { HOUR = 3600000, DAY = 24 * HOUR };

static const struct store_ops *const ops = &store_sqlite;
static const int64_t start_ms = 1795305600000; /* 2026-11-22T00:00:00Z */

static struct clock_fake now;

/* ---- a disk that fails: the default VFS with one call that does not ---- */

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	int result;      /* of the call that fails */
	unsigned writes; /* to go until one does, 0: none */
	unsigned syncs;
	bool stay; /* all later ones fail too */
} disk;

struct disk_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static bool
fails(unsigned *left)
{
	if (*left == 0)
		return false;
	if (*left == 1)
		return disk.stay || --*left == 0;
	--*left;
	return false;
}

static sqlite3_file *
real_file(sqlite3_file *file)
{
	return ((struct disk_file *)file)->real;
}

static int
disk_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	if (fails(&disk.writes))
		return disk.result;
	return real_file(file)->pMethods->xWrite(real_file(file), p, n, at);
}

static int
disk_sync(sqlite3_file *file, int flags)
{
	if (fails(&disk.syncs))
		return disk.result;
	return real_file(file)->pMethods->xSync(real_file(file), flags);
}

static int
disk_close(sqlite3_file *file)
{
	return real_file(file)->pMethods->xClose(real_file(file));
}

static int
disk_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	return real_file(file)->pMethods->xRead(real_file(file), p, n, at);
}

static int
disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return real_file(file)->pMethods->xTruncate(real_file(file), size);
}

static int
disk_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real_file(file)->pMethods->xFileSize(real_file(file), size);
}

static int
disk_lock(sqlite3_file *file, int level)
{
	return real_file(file)->pMethods->xLock(real_file(file), level);
}

static int
disk_unlock(sqlite3_file *file, int level)
{
	return real_file(file)->pMethods->xUnlock(real_file(file), level);
}

static int
disk_reserved(sqlite3_file *file, int *out)
{
	return real_file(file)->pMethods->xCheckReservedLock(
	    real_file(file), out);
}

static int
disk_control(sqlite3_file *file, int op, void *arg)
{
	return real_file(file)->pMethods->xFileControl(
	    real_file(file), op, arg);
}

static int
disk_sector(sqlite3_file *file)
{
	return real_file(file)->pMethods->xSectorSize(real_file(file));
}

static int
disk_device(sqlite3_file *file)
{
	return real_file(file)->pMethods->xDeviceCharacteristics(
	    real_file(file));
}

static int
disk_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	static const sqlite3_io_methods methods = {
	    .iVersion = 1,
	    .xClose = disk_close,
	    .xRead = disk_read,
	    .xWrite = disk_write,
	    .xTruncate = disk_truncate,
	    .xSync = disk_sync,
	    .xFileSize = disk_size,
	    .xLock = disk_lock,
	    .xUnlock = disk_unlock,
	    .xCheckReservedLock = disk_reserved,
	    .xFileControl = disk_control,
	    .xSectorSize = disk_sector,
	    .xDeviceCharacteristics = disk_device,
	};
	struct disk_file *f = (struct disk_file *)file;
	int rc;

	(void)vfs;
	f->real = (sqlite3_file *)(f + 1);
	rc = disk.real->xOpen(disk.real, name, f->real, flags, out);
	f->base.pMethods = f->real->pMethods != NULL ? &methods : NULL;
	return rc;
}

static void
install_disk(void)
{
	disk.real = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.zName = "failing";
	disk.vfs.szOsFile = (int)sizeof(struct disk_file) + disk.real->szOsFile;
	disk.vfs.xOpen = disk_open;
	assert_int_equal(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

/* ---- a store under test ---- */

struct fixture {
	struct store *store;
	struct config_store config;
	char *dir, *path, *url;
};

static void
set_clock(int64_t wall_ms, int64_t boot_ms)
{
	now = (struct clock_fake){wall_ms, boot_ms};
	clock_set_fake(&now);
}

static struct store *
try_open(struct fixture *f)
{
	const struct store_options options = {
	    .config = &f->config, .worker = "test", .now_ms = now.wall_ms};

	return ops->open(&options);
}

static void
open_store(struct fixture *f)
{
	f->store = try_open(f);
	assert_non_null(f->store);
}

static void
close_store(struct fixture *f)
{
	ops->close(f->store);
	f->store = NULL;
}

/* It cannot be opened, and the log says `text`. */
static void
expect_refused(struct fixture *f, const char *text)
{
	char *said;

	support_stderr_begin();
	f->store = try_open(f);
	said = support_stderr_end();
	assert_null(f->store);
	support_contains(said, text);
	support_contains(said, "hint=");
	free(said);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->dir = support_dir();
	f->path = support_path(f->dir, "s.db");
	assert_true(asprintf(&f->url, "sqlite:%s", f->path) > 0);
	f->config = (struct config_store){
	    .url = f->url,
	    .dedup_ms = 30 * (int64_t)DAY,
	    .keep_delivered_ms = 7 * (int64_t)DAY,
	    .keep_unmatched_ms = 30 * (int64_t)DAY,
	    .keep_dead_ms = 30 * (int64_t)DAY,
	};
	set_clock(start_ms, HOUR);
	disk.writes = disk.syncs = 0;
	disk.stay = false;
	open_store(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	close_store(f);
	support_dir_remove(f->dir);
	free(f->path);
	free(f->url);
	free(f);
	clock_set_fake(NULL);
	return 0;
}

static void
make_event(unsigned n, struct event *event, char key[16])
{
	snprintf(key, 16, "k%u", n);
	*event = (struct event){
	    .received_at_ms = now.wall_ms,
	    .source = "shop",
	    .key = key,
	    .type = "t",
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "",
	    .content_type = "text/plain",
	    .headers = "{}",
	    .scheme = "none",
	    .dedup = EVENT_DEDUP_KEY,
	    .body = "the body of an event, easily found",
	    .body_len = 34,
	};
	event->id[0] = 1;
	event->id[14] = (uint8_t)(n >> 8);
	event->id[15] = (uint8_t)n;
	EVP_Digest(event->body, event->body_len, event->sha256, NULL,
	    EVP_sha256(), NULL);
}

/* Put an event and route it to "r", in one batch. */
static enum store_result
try_put(struct fixture *f, unsigned n, struct store_put_result *put)
{
	const struct store_target target = {
	    .route = "r", .state = DELIVERY_PENDING};
	struct event event;
	char key[16];
	enum store_result result = ops->begin(f->store);

	make_event(n, &event, key);
	if (result == STORE_OK)
		result = ops->put(f->store, &event, now.wall_ms, put);
	if (result == STORE_OK && put->what == STORE_PUT_NEW)
		result = ops->route(f->store, put->seq, &target, 1, true);
	return result == STORE_OK ? ops->commit(f->store) : result;
}

static struct store_put_result
put(struct fixture *f, unsigned n)
{
	struct store_put_result result = {0};

	assert_int_equal(try_put(f, n, &result), STORE_OK);
	return result;
}

static struct store_delivery *
claim(struct fixture *f)
{
	const struct store_claim what = {"r", 1, now.wall_ms, HOUR};
	struct store_delivery *d;

	assert_int_equal(ops->begin(f->store), STORE_OK);
	assert_int_equal(ops->claim(f->store, &what, &d), STORE_OK);
	assert_int_equal(ops->commit(f->store), STORE_OK);
	return d;
}

static int64_t
count_of(struct fixture *f, enum delivery_state state)
{
	struct store_count *list;
	int64_t unrouted, unmatched, count = 0;
	size_t n;

	assert_int_equal(
	    ops->counts(f->store, &list, &n, &unrouted, &unmatched), STORE_OK);
	if (n > 0)
		count = list[0].n[state];
	free(list);
	return count;
}

static void
count_row(void *arg, const struct store_row *row)
{
	*(int64_t *)arg += row->route != NULL;
}

/* The rows there really are of that state. */
static int64_t
rows_of(struct fixture *f, enum delivery_state state)
{
	int64_t n = 0, next = 0;
	struct store_query query = {
	    .state = (int)state, .limit = 100, .next_seq = &next};

	do {
		assert_int_equal(
		    ops->list(f->store, &query, count_row, &n), STORE_OK);
		query.before_seq = next;
	} while (next != 0);
	return n;
}

/* ---- life and death ---- */

static void
comes_back(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 1; i <= 5; i++)
		put(f, i);
	assert_int_equal(ops->begin(f->store), STORE_OK);
	assert_int_equal(ops->pause(f->store, "r", true), STORE_OK);
	assert_int_equal(ops->commit(f->store), STORE_OK);
	close_store(f);
	open_store(f);
	assert_true(ops->paused(f->store, "r"));
	assert_int_equal(count_of(f, DELIVERY_PENDING), 5);
	assert_int_equal(rows_of(f, DELIVERY_PENDING), 5);
	assert_int_equal(put(f, 3).what, STORE_PUT_SAME);
	assert_int_equal(put(f, 6).seq, 6);
}

static void
lost_attempts_count(void **state)
{
	struct fixture *f = *state;
	struct store_delivery *d;

	put(f, 1);
	store_delivery_free(claim(f));
	close_store(f);
	set_clock(now.wall_ms + 5000, now.boot_ms + 5000);
	open_store(f);
	assert_int_equal(count_of(f, DELIVERY_RUNNING), 0);
	assert_int_equal(count_of(f, DELIVERY_WAITING), 1);
	d = claim(f);
	assert_non_null(d);
	assert_int_equal(d->attempt, 2);
	assert_int_equal(d->first_at_ms, start_ms);
	support_contains(d->attempts,
	    "{\"at\":\"2026-11-22T00:00:00.000Z\",\"ms\":5000,"
	    "\"outcome\":\"unknown\"");
	store_delivery_free(d);
}

/* A worker that is killed: what it committed is there, the rest is not. */
static void
survives_a_kill(void **state)
{
	struct fixture *f = *state;
	struct event event;
	struct store_put_result result;
	char key[16];
	int status;
	pid_t pid;

	close_store(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		f->store = try_open(f);
		for (unsigned i = 1; i <= 40; i++) {
			if (try_put(f, i, &result) != STORE_OK)
				_exit(1);
		}
		make_event(41, &event, key);
		_exit(ops->begin(f->store) != STORE_OK ||
		      ops->put(f->store, &event, now.wall_ms, &result) !=
			  STORE_OK);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	open_store(f);
	assert_int_equal(rows_of(f, DELIVERY_PENDING), 40);
	assert_int_equal(count_of(f, DELIVERY_PENDING), 40);
	assert_int_equal(put(f, 40).what, STORE_PUT_SAME);
	result = put(f, 41);
	assert_int_equal(result.what, STORE_PUT_NEW);
	assert_int_equal(result.seq, 41);
}

/* Copy the files of an open store: what a killed worker leaves. */
static void
steal(struct fixture *f, const char *suffix, const char *to)
{
	char *from, *bytes;
	size_t len;

	assert_true(asprintf(&from, "%s%s", f->path, suffix) > 0);
	bytes = support_read(from, &len);
	support_write(to, bytes, len, 0600);
	free(bytes);
	free(from);
}

/* Leave the store as a kill would, and let `change` loose on its log. */
static void
crash(struct fixture *f, void (*change)(char *wal, size_t len))
{
	char *db = support_path(f->dir, "copy.db");
	char *wal = support_path(f->dir, "copy.wal");
	char *name, *bytes;
	size_t len;

	steal(f, "", db);
	steal(f, "-wal", wal);
	close_store(f);
	assert_int_equal(rename(db, f->path), 0);
	bytes = support_read(wal, &len);
	change(bytes, len);
	assert_true(asprintf(&name, "%s-wal", f->path) > 0);
	support_write(name, bytes, len, 0600);
	free(bytes);
	free(name);
	free(wal);
	free(db);
}

static void
flip_early(char *wal, size_t len)
{
	assert_true(len > 32 + 5 * (24 + 4096));
	wal[32 + 24 + 100] ^= 1;
}

static void
cut_late(char *wal, size_t len)
{
	memset(wal + len - 2000, 0, 2000);
}

static void
leave(char *wal, size_t len)
{
	(void)wal;
	assert_true(len > 0);
}

static unsigned
count_files(const char *dir, const char *part)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL)
		n += strstr(entry->d_name, part) != NULL;
	closedir(d);
	return n;
}

static void
refuses_a_damaged_log(void **state)
{
	struct fixture *f = *state;
	char *wal;

	for (unsigned i = 1; i <= 5; i++)
		put(f, i);
	crash(f, flip_early);
	expect_refused(f, "write-ahead log is damaged");
	assert_int_equal(count_files(f->dir, "s.db.damaged-"), 2);
	expect_refused(f, "write-ahead log is damaged");
	assert_int_equal(count_files(f->dir, "s.db.damaged-"), 2);
	/* As the hint says. */
	assert_true(asprintf(&wal, "%s-wal", f->path) > 0);
	assert_int_equal(unlink(wal), 0);
	free(wal);
	open_store(f);
}

static void
takes_a_torn_log(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 1; i <= 5; i++)
		put(f, i);
	crash(f, cut_late);
	support_stderr_begin();
	open_store(f);
	free(support_stderr_end());
	assert_int_equal(rows_of(f, DELIVERY_PENDING), 4);
	assert_int_equal(put(f, 5).what, STORE_PUT_NEW);
}

static void
refuses_a_log_without_database(void **state)
{
	struct fixture *f = *state;

	put(f, 1);
	crash(f, leave);
	assert_int_equal(unlink(f->path), 0);
	expect_refused(f, "a write-ahead log but no database");
}

/* ---- opening ---- */

static void
one_worker_a_store(void **state)
{
	struct fixture *f = *state;
	struct fixture second = *f;

	expect_refused(&second, "another worker has it open");
	put(f, 1);
}

static void
files_are_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char *wal;

	put(f, 1);
	assert_true(asprintf(&wal, "%s-wal", f->path) > 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	free(wal);
}

static void
change_file(struct fixture *f, const char *sql)
{
	sqlite3 *db;

	close_store(f);
	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE,
			     disk.real->zName),
	    SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
refuses_what_is_not_its_own(void **state)
{
	struct fixture *f = *state;
	char *url = f->config.url;
	char text[256];

	change_file(f, "PRAGMA user_version = 99");
	expect_refused(f, "its format is 99");
	change_file(f, "PRAGMA application_id = 7");
	expect_refused(f, "not gaff's");
	memset(text, 'x', sizeof text);
	support_write(f->path, text, sizeof text, 0600);
	expect_refused(f, "no SQLite database");
	snprintf(text, sizeof text, "sqlite:%s/none/s.db", f->dir);
	f->config.url = text;
	expect_refused(f, "make the directory");
	snprintf(text, sizeof text, "sqlite:s.db");
	expect_refused(f, "not absolute");
	f->config.url = url;
}

static void
settings_are_as_promised(void **state)
{
	struct fixture *f = *state;
	unsigned char *header;
	size_t len;

	put(f, 1);
	close_store(f);
	header = (unsigned char *)support_read(f->path, &len);
	assert_int_equal(header[18], 2); /* WAL */
	assert_int_equal(header[67], 1); /* incremental vacuum */
	assert_memory_equal(header + 68, "gaff", 4);
	free(header);
}

/* ---- a disk that fails ---- */

static void
expect_true(struct fixture *f)
{
	for (int s = 0; s < DELIVERY__MAX; s++)
		assert_int_equal(count_of(f, (enum delivery_state)s),
		    rows_of(f, (enum delivery_state)s));
}

/* Each write of a batch (few: they are joined) finds the disk full: nothing has
 * happened, and it goes on as soon as there is room. */
static void
goes_on_after_a_full_disk(void **state)
{
	struct fixture *f = *state;
	struct store_put_result result;
	enum store_result r = STORE_FULL;
	unsigned failures = 0;

	put(f, 1);
	for (unsigned n = 1; n < 200 && r != STORE_OK; n++) {
		support_stderr_begin();
		disk.result = SQLITE_FULL;
		disk.writes = n;
		r = try_put(f, 2, &result);
		free(support_stderr_end());
		if (r == STORE_OK)
			break;
		assert_int_equal(r, STORE_FULL);
		disk.writes = 0;
		failures++;
		expect_true(f);
		assert_int_equal(rows_of(f, DELIVERY_PENDING), n);
		assert_int_equal(put(f, 100 + n).what, STORE_PUT_NEW);
	}
	disk.writes = 0;
	assert_int_equal(r, STORE_OK);
	assert_true(failures > 0);
	assert_int_equal(result.what, STORE_PUT_NEW);
	assert_int_equal(result.seq, failures + 2);
	close_store(f);
	open_store(f);
	assert_int_equal(rows_of(f, DELIVERY_PENDING), failures + 2);
	expect_true(f);
}

/* Each write or sync that fails otherwise ends this life of the store; the next
 * has all that was promised. */
static enum store_result
fail_once(struct fixture *f, unsigned *left, unsigned n, int result)
{
	struct store_put_result found;
	enum store_result r;

	support_stderr_begin();
	disk.result = result;
	*left = n;
	r = try_put(f, 1000 + n, &found);
	disk.writes = disk.syncs = 0;
	if (r != STORE_OK) {
		assert_int_equal(r, STORE_BROKEN);
		assert_int_equal(ops->begin(f->store), STORE_BROKEN);
		assert_false(ops->idle(f->store, true));
	}
	free(support_stderr_end());
	return r;
}

static void
stops_after_an_error(void **state)
{
	struct fixture *f = *state;
	enum store_result r;
	int64_t rows;

	for (unsigned n = 1; n <= 12; n++) {
		put(f, n);
		fail_once(f, &disk.writes, n, SQLITE_IOERR_WRITE);
		close_store(f);
		support_stderr_begin();
		open_store(f);
		free(support_stderr_end());
		expect_true(f);
	}
	for (unsigned n = 1; n <= 2; n++) {
		rows = rows_of(f, DELIVERY_PENDING);
		r = fail_once(f, &disk.syncs, n, SQLITE_IOERR_FSYNC);
		/* A commit syncs. */
		assert_true(r == STORE_BROKEN || n > 1);
		close_store(f);
		support_stderr_begin();
		open_store(f);
		free(support_stderr_end());
		expect_true(f);
		assert_true(rows_of(f, DELIVERY_PENDING) >= rows);
	}
	for (unsigned n = 1; n <= 12; n++)
		assert_int_equal(put(f, n).what, STORE_PUT_SAME);
}

/* A checkpoint that cannot write does not undo what was promised. */
static void
checkpoint_errors_stop_it(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 1; i <= 200; i++)
		put(f, i);
	support_stderr_begin();
	disk.result = SQLITE_IOERR_FSYNC;
	disk.syncs = 1;
	disk.stay = true;
	ops->idle(f->store, true);
	assert_int_equal(ops->begin(f->store), STORE_BROKEN);
	disk.syncs = 0;
	disk.stay = false;
	close_store(f);
	open_store(f);
	free(support_stderr_end());
	assert_int_equal(rows_of(f, DELIVERY_PENDING), 200);
}

/* ---- upkeep ---- */

/* The size of the log behind so many events. */
static off_t
log_of(struct fixture *f, unsigned events, bool quiet)
{
	struct stat st;
	char *wal;

	for (unsigned i = 1; i <= events; i++) {
		put(f, i);
		ops->idle(f->store, quiet);
	}
	assert_true(asprintf(&wal, "%s-wal", f->path) > 0);
	assert_int_equal(stat(wal, &st), 0);
	free(wal);
	return st.st_size;
}

static void
log_stays_small_when_quiet(void **state)
{
	assert_in_range(log_of(*state, 1000, true), 0, (1 << 20) + (1 << 16));
}

static void
log_grows_beside_events(void **state)
{
	assert_in_range(log_of(*state, 4000, false), 16 << 20, 17 << 20);
}

static void
gives_pages_back(void **state)
{
	struct fixture *f = *state;
	struct store_space before, after;
	struct store_attempt attempt = {.at_ms = start_ms, .outcome = "ok"};
	const size_t len = 1 << 20;
	struct event event;
	struct store_put_result result;
	const struct store_target target = {
	    .route = "r", .state = DELIVERY_PENDING};
	struct store_delivery *d;
	bool more = true;
	char key[16];
	void *body = calloc(1, len);

	assert_non_null(body);
	for (unsigned i = 1; i <= 40; i++) {
		make_event(i, &event, key);
		event.body = body;
		event.body_len = len;
		EVP_Digest(body, len, event.sha256, NULL, EVP_sha256(), NULL);
		assert_int_equal(ops->begin(f->store), STORE_OK);
		ops->put(f->store, &event, now.wall_ms, &result);
		ops->route(f->store, result.seq, &target, 1, true);
		assert_int_equal(ops->commit(f->store), STORE_OK);
	}
	free(body);
	while ((d = claim(f)) != NULL) {
		struct store_settle s = {.seq = d->seq,
		    .route = "r",
		    .state = DELIVERY_DELIVERED,
		    .now_ms = now.wall_ms,
		    .attempt = &attempt};

		assert_int_equal(ops->begin(f->store), STORE_OK);
		assert_int_equal(ops->settle(f->store, &s), STORE_OK);
		assert_int_equal(ops->commit(f->store), STORE_OK);
		store_delivery_free(d);
	}
	set_clock(
	    now.wall_ms + 8 * (int64_t)DAY, now.boot_ms + 8 * (int64_t)DAY);
	while (more) {
		assert_int_equal(ops->begin(f->store), STORE_OK);
		assert_int_equal(
		    ops->purge(f->store, now.wall_ms, &more), STORE_OK);
		assert_int_equal(ops->commit(f->store), STORE_OK);
	}
	assert_true(ops->idle(f->store, true)); /* the log is copied first */
	assert_int_equal(ops->space(f->store, &before), STORE_OK);
	while (ops->idle(f->store, true))
		continue;
	assert_int_equal(ops->space(f->store, &after), STORE_OK);
	assert_true(after.used_bytes < before.used_bytes - (16 << 20));
	put(f, 100);
	assert_int_equal(rows_of(f, DELIVERY_PENDING), 1);
}

/* The machine is off for a year: nothing is a year older. */
static void
time_off_does_not_count(void **state)
{
	struct fixture *f = *state;
	bool more;

	put(f, 1);
	assert_int_equal(ops->begin(f->store), STORE_OK);
	ops->cancel(f->store, "r", 1, &(unsigned){0});
	assert_int_equal(ops->commit(f->store), STORE_OK);
	close_store(f);
	set_clock(start_ms + 365 * (int64_t)DAY, HOUR / 2);
	open_store(f);
	assert_int_equal(ops->begin(f->store), STORE_OK);
	assert_int_equal(ops->purge(f->store, now.wall_ms, &more), STORE_OK);
	assert_int_equal(ops->commit(f->store), STORE_OK);
	assert_int_equal(rows_of(f, DELIVERY_CANCELLED), 1);
	/* A restart of the worker alone does. */
	close_store(f);
	set_clock(now.wall_ms, now.boot_ms + 8 * (int64_t)DAY);
	open_store(f);
	do {
		assert_int_equal(ops->begin(f->store), STORE_OK);
		assert_int_equal(
		    ops->purge(f->store, now.wall_ms, &more), STORE_OK);
		assert_int_equal(ops->commit(f->store), STORE_OK);
	} while (more);
	assert_int_equal(rows_of(f, DELIVERY_CANCELLED), 0);
	/* The number of what is gone is not given again. */
	close_store(f);
	open_store(f);
	assert_int_equal(put(f, 2).seq, 2);
}

/* ---- damage ---- */

static void
damaged_events_are_not_run(void **state)
{
	struct fixture *f = *state;
	const struct store_claim what = {"r", 9, now.wall_ms, HOUR};
	struct store_delivery *d;
	char *said;

	put(f, 1);
	put(f, 2);
	put(f, 3);
	change_file(f, "UPDATE event SET body = "
		       "CAST(replace(body, 'easily', 'hardly') AS BLOB) "
		       "WHERE seq = 1; DELETE FROM event WHERE seq = 2");
	open_store(f);
	support_stderr_begin();
	assert_int_equal(ops->begin(f->store), STORE_OK);
	assert_int_equal(ops->claim(f->store, &what, &d), STORE_OK);
	assert_int_equal(ops->commit(f->store), STORE_OK);
	said = support_stderr_end();
	support_contains(said, "msg=event_damaged");
	support_contains(said, "msg=event_missing");
	free(said);
	assert_non_null(d);
	assert_int_equal(d->seq, 3);
	assert_null(d->next);
	store_delivery_free(d);
	assert_int_equal(count_of(f, DELIVERY_EXHAUSTED), 1);
	assert_int_equal(count_of(f, DELIVERY_DEAD), 1);
	support_stderr_begin();
	assert_int_equal(ops->exhausted(f->store, 9, &d), STORE_OK);
	free(support_stderr_end());
	assert_non_null(d);
	assert_int_equal(d->seq, 1);
	assert_string_equal(d->reason, "damaged");
	assert_null(d->next);
	store_delivery_free(d);
}

static void
picks_by_scheme(void **state)
{
	char *said;

	(void)state;
	assert_ptr_equal(store_pick("sqlite:/a"), &store_sqlite);
	assert_ptr_equal(store_pick("memory:"), &store_memory);
	support_stderr_begin();
	assert_null(store_pick("postgres://x:secret@y"));
	assert_null(store_pick("sqlite"));
	said = support_stderr_end();
	assert_null(strstr(said, "secret"));
	free(said);
	assert_string_equal(delivery_state_name(DELIVERY_DEAD), "dead");
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ONE(comes_back),
	    ONE(lost_attempts_count),
	    ONE(survives_a_kill),
	    ONE(refuses_a_damaged_log),
	    ONE(takes_a_torn_log),
	    ONE(refuses_a_log_without_database),
	    ONE(one_worker_a_store),
	    ONE(files_are_private),
	    ONE(refuses_what_is_not_its_own),
	    ONE(settings_are_as_promised),
	    ONE(goes_on_after_a_full_disk),
	    ONE(stops_after_an_error),
	    ONE(checkpoint_errors_stop_it),
	    ONE(log_stays_small_when_quiet),
	    ONE(log_grows_beside_events),
	    ONE(gives_pages_back),
	    ONE(time_off_does_not_count),
	    ONE(damaged_events_are_not_run),
	    cmocka_unit_test(picks_by_scheme),
	};

	install_disk();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
