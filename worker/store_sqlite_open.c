#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "store_sqlite.h"
#include "store_sqlite_log.h"

static const char scheme[] = "sqlite:";

static int
refuse(const struct store *store, const char *why, const char *hint)
{
	log_error("store_open_failed",
	    log_str("path", store_sqlite_file_path(store->file)),
	    log_str("error", why), log_str("hint", hint));
	return -1;
}

/* What an SQLite error while opening most likely means. */
static int
refuse_code(const struct store *store, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_NOTADB:
		return refuse(store, "it is no SQLite database",
		    "check [store] url; restore the file if it was one");
	case SQLITE_CORRUPT:
		return refuse(store, "it is damaged",
		    "keep a copy, then restore a backup or use `sqlite3 PATH "
		    ".recover`");
	case SQLITE_FULL:
		return refuse(store, "the disk is full", "make room");
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return refuse(store, sqlite3_errmsg(store->db),
		    "the worker's user must own the file and its directory");
	case SQLITE_BUSY:
		return refuse(store, "another program has it open",
		    "close it; use gaff, not sqlite3, while the worker runs");
	default:
		return refuse(store,
		    store->db != NULL ? sqlite3_errmsg(store->db)
				      : sqlite3_errstr(rc),
		    "check the disk");
	}
}

static int
read_pragma(struct store *store, const char *text, int64_t *number, char *out,
    size_t size)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(store->db, text, -1, &statement, NULL);
	const unsigned char *value;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		*number = sqlite3_column_int64(statement, 0);
		value = sqlite3_column_text(statement, 0);
		if (out != NULL)
			snprintf(out, size, "%s",
			    value != NULL ? (const char *)value : "");
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* Refuse what gaff did not make and what a newer gaff made.  *version: 0 when
 * nothing is in it yet. */
static int
check_kind(struct store *store, int64_t *version)
{
	int64_t application = 0, tables = 0;
	char text[128];
	int rc;

	rc = read_pragma(store, "PRAGMA application_id", &application, NULL, 0);
	if (rc == SQLITE_OK)
		rc =
		    read_pragma(store, "PRAGMA user_version", version, NULL, 0);
	if (rc == SQLITE_OK)
		rc = read_pragma(store, "SELECT count(*) FROM sqlite_schema",
		    &tables, NULL, 0);
	if (rc != SQLITE_OK)
		return refuse_code(store, rc);
	if (tables == 0 && *version == 0)
		return 0;
	if (application != SQL_APPLICATION)
		return refuse(store, "the database is not gaff's",
		    "give [store] url a file of its own");
	if (*version >= 1 && *version <= SQL_VERSION)
		return 0;
	snprintf(text, sizeof text,
	    "its format is %" PRId64 ", this gaff-worker knows up to %d",
	    *version, SQL_VERSION);
	return refuse(
	    store, text, "start the gaff-worker that wrote it, or a newer one");
}

/* Settings every connection needs; auto_vacuum counts only before the first
 * table.  Debian's SQLite overwrites whatever is deleted unless told otherwise;
 * FAST does so where it costs no write, forget() does the rest. */
static const char *const settings[] = {
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA page_size = 4096",
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA journal_size_limit = -1",
    "PRAGMA mmap_size = 0",
    "PRAGMA cache_size = -4096",
    "PRAGMA secure_delete = FAST",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
};

/* Those promises stand on. */
static const struct {
	const char *pragma;
	const char *value;
} needed[] = {
    {"PRAGMA journal_mode", "wal"},
    {"PRAGMA synchronous", "2"},
    {"PRAGMA locking_mode", "exclusive"},
    {"PRAGMA auto_vacuum", "2"},
};

static int
apply_settings(struct store *store)
{
	char value[32] = "";
	int64_t number;
	int rc;

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		rc = sql_exec(store->db, settings[i]);
		if (rc != SQLITE_OK)
			return refuse_code(store, rc);
	}
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		rc = read_pragma(
		    store, needed[i].pragma, &number, value, sizeof value);
		if (rc != SQLITE_OK)
			return refuse_code(store, rc);
		if (strcmp(value, needed[i].value) != 0) {
			log_error("store_setting_refused",
			    log_str("pragma", needed[i].pragma),
			    log_str("value", value),
			    log_str("needed", needed[i].value));
			return refuse(store, "SQLite does not do as told",
			    "this file or library cannot keep gaff's promises");
		}
	}
	return 0;
}

/* Make the tables that a database of this version has not got, all or none. */
static int
upgrade(struct store *store, int64_t version)
{
	char text[128];
	int rc;

	if (version == SQL_VERSION)
		return 0;
	snprintf(text, sizeof text,
	    "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
	    SQL_APPLICATION, SQL_VERSION);
	rc = sql_exec(store->db, "BEGIN IMMEDIATE");
	for (; rc == SQLITE_OK && version < SQL_VERSION; version++)
		rc = sql_exec(store->db, sql_steps[version]);
	if (rc == SQLITE_OK)
		rc = sql_exec(store->db, text);
	return rc == SQLITE_OK ? 0 : refuse_code(store, rc);
}

static int
note_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *store = arg;

	(void)db;
	(void)name;
	/* The log was begun again. */
	if (pages < store->wal_pages)
		store->wal_done = 0;
	store->wal_pages = pages;
	if (pages > store->wal_top)
		store->wal_top = pages;
	return SQLITE_OK;
}

static int
open_database(struct store *store)
{
	const char *path = store_sqlite_file_path(store->file);
	int64_t version = 0;
	int rc;

	rc = sqlite3_open_v2(path, &store->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
	    store_sqlite_log_vfs());
	if (rc != SQLITE_OK)
		return refuse_code(store, rc);
	if (sql_exec(store->db, "PRAGMA locking_mode = EXCLUSIVE") !=
		SQLITE_OK ||
	    check_kind(store, &version) != 0 || apply_settings(store) != 0)
		return -1;
	/* What a killed worker left, synced or not, is made sure of before
	 * anything is promised on top of it. */
	if (store_sqlite_file_unclean(store->file)) {
		rc = sqlite3_wal_checkpoint_v2(
		    store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
		if (rc != SQLITE_OK)
			return refuse_code(store, rc);
	}
	if (upgrade(store, version) != 0)
		return -1;
	sqlite3_wal_hook(store->db, note_commit, store);
	return sql_open(&store->sql, store->db);
}

/* -- the store's own clock: meta row "clock", CLOCK BOOT-MS WALL BOOT-ID -- */

enum store_result
store_sqlite_save_clock(struct store *store)
{
	char text[128];
	int64_t now = store_sqlite_clock(store);
	enum store_result result;

	snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %" PRId64 " %s",
	    now, clock_boot_ms(), clock_wall_ms(),
	    store_sqlite_file_boot(store->file));
	result =
	    sql_run(sql_bind(&store->sql, SQL_META_SET, "tt", "clock", text));
	if (result == STORE_OK)
		store->clock_written_ms = now;
	return result;
}

/* Time that surely has passed since the clock was written. */
static int64_t
time_passed(const struct store *store, const char *text, int64_t wall_ms)
{
	int64_t boot, wall, passed;
	char *at;

	(void)strtoll(text, &at, 10);
	boot = strtoll(at, &at, 10);
	wall = strtoll(at, &at, 10);
	if (*at != ' ')
		return 0;
	if (strcmp(at + 1, store_sqlite_file_boot(store->file)) == 0 &&
	    clock_boot_ms() >= boot)
		return clock_boot_ms() - boot;
	passed = wall_ms > wall ? wall_ms - wall : 0;
	return passed < clock_boot_ms() ? passed : clock_boot_ms();
}

static enum store_result
load_clock(struct store *store, int64_t wall_ms)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_META_GET, "t", "clock");
	enum store_result result;
	const char *text;

	store->clock_base_ms = wall_ms;
	store->clock_boot_ms = clock_boot_ms();
	if (!sql_row(row, &result))
		return result;
	text = (const char *)sqlite3_column_text(row, 0);
	if (text != NULL)
		store->clock_base_ms =
		    strtoll(text, NULL, 10) + time_passed(store, text, wall_ms);
	sqlite3_reset(row);
	return STORE_OK;
}

/* Numbers are never used twice, purged ones included. */
static enum store_result
load_next_seq(struct store *store)
{
	int64_t last = 0, kept = 0;
	enum store_result result;

	result = sql_value(sql_bind(&store->sql, SQL_EVENT_LAST, ""), &last);
	if (result == STORE_OK || result == STORE_NONE)
		result = sql_value(
		    sql_bind(&store->sql, SQL_META_GET, "t", "seq"), &kept);
	store->next_seq = (last > kept ? last : kept) + 1;
	store->bodies_cursor = store->next_seq;
	return result == STORE_NONE ? STORE_OK : result;
}

static int
load_all(struct store *store, int64_t wall_ms)
{
	enum store_result result = load_clock(store, wall_ms);

	if (result == STORE_OK)
		result = load_next_seq(store);
	if (result == STORE_OK)
		result = store_sqlite_counts_load(store);
	if (result == STORE_OK)
		result = store_sqlite_keys_load(store);
	if (result == STORE_OK)
		result = store_sqlite.begin(store);
	if (result == STORE_OK)
		result = store_sqlite_recover(store, wall_ms);
	if (result == STORE_OK)
		result = store_sqlite_journal_load(store);
	if (result == STORE_OK)
		result = store_sqlite_save_clock(store);
	if (result == STORE_OK)
		result = store_sqlite.commit(store);
	if (result == STORE_FULL)
		return refuse(store, "the disk is full", "make room");
	if (result != STORE_OK)
		return refuse(store, "it cannot be read or written",
		    "the line above says why; check the disk");
	return 0;
}

struct store *
store_sqlite_open(const struct store_options *options)
{
	const char *url = options->config->url;
	struct store *store = calloc(1, sizeof *store);

	if (store == NULL)
		return NULL;
	/* Counts in a process that has not used it yet: one thread uses it, so
	 * no locks, and nobody asks how much memory it has. */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	store->config = options->config;
	store->revive_after_ms = options->revive_after_ms;
	store->revive_arg = options->arg;
	store->hasher = keys_hasher_new();
	store->bodies = bodies_new();
	store->known = known_new();
	store->recent = recent_new();
	if (store->hasher == NULL || store->bodies == NULL ||
	    store->known == NULL || store->recent == NULL ||
	    strncmp(url, scheme, sizeof scheme - 1) != 0)
		goto fail;
	store->file = store_sqlite_file_open(url + sizeof scheme - 1);
	if (store->file == NULL || open_database(store) != 0 ||
	    load_all(store, options->now_ms) != 0)
		goto fail;
	return store;
fail:
	store->broken = true;
	store_sqlite_close(store);
	return NULL;
}

void
store_sqlite_close(struct store *store)
{
	if (store == NULL)
		return;
	store_sqlite.rollback(store);
	/* A store that failed is left as it is: nothing is synced again. */
	if (!store->broken && store_sqlite.begin(store) == STORE_OK &&
	    store_sqlite_save_clock(store) == STORE_OK)
		store_sqlite.commit(store);
	store_sqlite_backup_free(store);
	store_sqlite_keys_free(store);
	store_sqlite_counts_free(store);
	sql_close(&store->sql);
	if (store->db != NULL && store->broken)
		sqlite3_db_config(
		    store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(store->db);
	store_sqlite_file_close(store->file);
	keys_hasher_free(store->hasher);
	bodies_free(store->bodies);
	known_free(store->known);
	recent_free(store->recent);
	free(store->journal_path);
	free(store);
}
