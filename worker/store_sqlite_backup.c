#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "disk.h"
#include "store_sqlite.h"

/*
 * SQLite's online backup, read through the store's own connection: what that
 * one writes meanwhile goes to the copy too, so that a copy never has to begin
 * anew.  The sync, which may take long, is a thread's.
 */
enum { STEP_PAGES = 32, PAGE_BYTES = 4096 };

enum phase { COPYING, SYNCING, DONE, FAILED };

struct store_sqlite_backup {
	char *path;
	char *temporary;
	sqlite3 *db; /* the copy */
	sqlite3_backup *copy;
	_Atomic enum phase phase;
	pthread_t thread;
	bool thread_runs; /* to be joined */
	int64_t pages, total;
	char error[256]; /* before FAILED is set */
};

static void
fail(struct store_sqlite_backup *b, const char *what, const char *why)
{
	snprintf(b->error, sizeof b->error, "%s: %s", what, why);
	log_error("backup_failed", log_str("path", b->path),
	    log_str("error", b->error));
	(void)unlink(b->temporary);
	atomic_store(&b->phase, FAILED);
}

/* ---- the last part, on a thread ---- */

/* link(2) fails where there is a file; rename(2) would replace it. */
static void *
finish(void *arg)
{
	struct store_sqlite_backup *b = arg;

	if (disk_sync(b->temporary, 0) != 0) {
		fail(b, b->temporary, strerror(errno));
	} else if (link(b->temporary, b->path) != 0 ||
		   unlink(b->temporary) != 0 ||
		   disk_sync_directory(b->path) != 0) {
		fail(b, b->path, strerror(errno));
	} else {
		log_info("backup_made", log_str("path", b->path),
		    log_int("bytes", b->total * PAGE_BYTES));
		atomic_store(&b->phase, DONE);
	}
	return NULL;
}

/* ---- copying ---- */

/* The copy is in the page cache; its sync is left. */
static void
end_copy(struct store_sqlite_backup *b, int rc)
{
	const char *why = sqlite3_errstr(rc);

	(void)sqlite3_backup_finish(b->copy);
	b->copy = NULL;
	if (rc == SQLITE_DONE)
		rc = sqlite3_close(b->db);
	else
		(void)sqlite3_close(b->db);
	b->db = NULL;
	if (rc != SQLITE_OK) {
		fail(b, b->temporary, why);
		return;
	}
	atomic_store(&b->phase, SYNCING);
	b->thread_runs = pthread_create(&b->thread, NULL, finish, b) == 0;
	if (!b->thread_runs)
		fail(b, b->path, "no thread to sync it");
}

static void
copy_pages(struct store_sqlite_backup *b)
{
	int64_t until_us = clock_boot_us() + STORE_SQLITE_BUDGET_US;
	int rc;

	do {
		rc = sqlite3_backup_step(b->copy, STEP_PAGES);
		b->total = sqlite3_backup_pagecount(b->copy);
		b->pages = b->total - sqlite3_backup_remaining(b->copy);
	} while (rc == SQLITE_OK && clock_boot_us() < until_us);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
		end_copy(b, rc);
}

bool
store_sqlite_backup_step(struct store *store, struct store_backup *now)
{
	struct store_sqlite_backup *b = store->backup;
	enum phase phase;

	*now = (struct store_backup){.path = "", .error = ""};
	if (b == NULL)
		return false;
	if (atomic_load(&b->phase) == COPYING && !store->batch)
		copy_pages(b);
	phase = atomic_load(&b->phase);
	*now = (struct store_backup){
	    .begun = true,
	    .running = phase == COPYING || phase == SYNCING,
	    .pages = b->pages,
	    .total = b->total,
	    .path = b->path,
	    .error = phase == FAILED ? b->error : "",
	};
	return phase == COPYING;
}

/* ---- beginning and ending ---- */

static void
backup_free(struct store_sqlite_backup *b)
{
	if (b == NULL)
		return;
	if (b->thread_runs)
		(void)pthread_join(b->thread, NULL);
	(void)sqlite3_backup_finish(b->copy);
	(void)sqlite3_close(b->db);
	if (b->temporary != NULL && atomic_load(&b->phase) == COPYING)
		(void)unlink(b->temporary);
	free(b->temporary);
	free(b->path);
	free(b);
}

void
store_sqlite_backup_free(struct store *store)
{
	backup_free(store->backup);
	store->backup = NULL;
}

/* A new file of the worker's alone: it holds all that the store does. */
static const char *
make_file(const struct store_sqlite_backup *b)
{
	int fd =
	    open(b->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return "PATH.tmp is there already: another backup left it";
	if (fd < 0)
		return strerror(errno);
	(void)close(fd);
	return NULL;
}

/* On the store's own file system it must not use up what senders need. */
static const char *
check_room(struct store *store, const struct store_sqlite_backup *b)
{
	const char *path = store_sqlite_file_path(store->file);
	struct store_space space;
	struct stat ours, copy;

	if (stat(path, &ours) != 0 || stat(b->temporary, &copy) != 0 ||
	    store_sqlite_space(store, &space) != STORE_OK)
		return "its file system cannot be looked at";
	if (ours.st_dev == copy.st_dev &&
	    space.free_bytes - space.used_bytes < store->config->reserve)
		return "no room is left for it beside [store] reserve";
	return NULL;
}

static const char *
open_copy(struct store *store, struct store_sqlite_backup *b)
{
	static const char settings[] =
	    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
	    "PRAGMA cache_size = -256; PRAGMA locking_mode = EXCLUSIVE";

	if (sqlite3_open_v2(b->temporary, &b->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_PRIVATECACHE,
		NULL) == SQLITE_OK &&
	    sql_exec(b->db, settings) == SQLITE_OK)
		b->copy = sqlite3_backup_init(b->db, "main", store->db, "main");
	return b->copy != NULL ? NULL : "SQLite cannot write there";
}

/* Why it cannot be made, or NULL. */
static const char *
check_path(const struct store *store, const char *path)
{
	struct stat st;

	if (store->backup != NULL && atomic_load(&store->backup->phase) < DONE)
		return "another backup is being made";
	if (path[0] != '/' || path[strlen(path) - 1] == '/')
		return "the worker needs the absolute path of a file";
	if (lstat(path, &st) == 0)
		return "there is such a file already; backups overwrite none";
	return NULL;
}

int
store_sqlite_backup(struct store *store, const char *path, const char **error)
{
	struct store_sqlite_backup *b;

	*error = check_path(store, path);
	if (*error != NULL)
		return -1;
	b = calloc(1, sizeof *b);
	if (b != NULL)
		b->path = strdup(path);
	if (b == NULL || b->path == NULL ||
	    asprintf(&b->temporary, "%s.tmp", path) < 0) {
		if (b != NULL)
			b->temporary = NULL;
		backup_free(b);
		*error = "there is no memory";
		return -1;
	}
	*error = make_file(b);
	if (*error != NULL) {
		/* what is there is another's */
		free(b->temporary);
		b->temporary = NULL;
	} else {
		*error = check_room(store, b);
	}
	if (*error == NULL)
		*error = open_copy(store, b);
	if (*error != NULL) {
		backup_free(b);
		return -1;
	}
	store_sqlite_backup_free(store);
	store->backup = b;
	return 0;
}
