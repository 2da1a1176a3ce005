/*
 * store_sqlite - inside the SQLite store
 *
 * Shared by the store_sqlite_*.c files only.  One connection, exclusive, WAL,
 * synchronous=FULL.  Counts, routes and key days are kept in memory beside
 * their tables: a commit writes what changed, a rollback reads them again.
 *
 * The store's own clock (`aged` columns) begins as the wall time of the store's
 * making and runs with the boot clock.  Over a restart of the machine it
 * advances by what the wall clock says, but no further than the machine is up:
 * time it was off is not proven, so things are kept longer, never shorter.
 */

#ifndef WORKER_STORE_SQLITE_H
#define WORKER_STORE_SQLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "bodies.h"
#include "keys.h"
#include "known.h"
#include "recent.h"
#include "sql.h"
#include "store.h"

enum {
	STORE_SQLITE_TAG_LEN = 8, /* of a body's SHA-256, behind its id */
	STORE_SQLITE_VALUE_LEN = EVENT_ID_LEN + STORE_SQLITE_TAG_LEN,
	STORE_SQLITE_DAY_MS = 86400000,
	STORE_SQLITE_BUDGET_US = 4000,  /* of one call that walks rows */
	STORE_SQLITE_CLOCK_MS = 60000,  /* how often the clock is written */
	STORE_SQLITE_KEEP_OUTPUTS = 10, /* of a delivery; SQL_OUTPUT_TRIM */
};

/* A route the store has heard of; never forgotten.  Number 0 is none: its
 * counts are of events without deliveries. */
struct store_sqlite_route {
	int64_t id;
	char name[CONFIG_NAME_MAX + 1];
	int64_t paused_at; /* store clock; 0: not paused */
	int64_t paused_ms; /* all earlier pauses */
	int64_t n[DELIVERY__MAX];
	unsigned dirty; /* bit per count that differs from its table */
};

enum {
	COUNT_UNROUTED = 0, /* of route 0 */
	COUNT_UNMATCHED = 1,
	COUNT_LAST_ROUTED = 2, /* events behind it wait for the routing step */
};

struct store_sqlite_keys; /* the tables of keys: store_sqlite_keys.c */
struct store_sqlite_day;  /* one of them */

struct store_sqlite_backup; /* a copy being made: store_sqlite_backup.c */

struct store_sqlite_file; /* the path and its lock: store_sqlite_file.c */

struct store {
	struct sql sql;
	sqlite3 *db;
	struct store_sqlite_file *file;
	const struct config_store *config;
	int64_t (*revive_after_ms)(void *arg, const char *route); /* or NULL */
	void *revive_arg;
	struct keys_hasher *hasher;
	struct store_sqlite_keys *keys;
	struct recent *recent; /* of the last of them */
	struct known *known;   /* of them, for other threads */
	int64_t known_day;     /* the last one it was told of */
	char *journal_path;
	uint64_t journal_store;
	uint64_t journal_upto;
	struct bodies *bodies; /* of events whose key is not signed */
	int64_t bodies_cursor; /* older events are not in it yet; 0: enough */
	int64_t bodies_looked; /* events read for it */
	bool bodies_found;     /* one of them was such a one */
	struct store_sqlite_backup *backup; /* the last one, or NULL */
	bool batch;
	bool broken;
	int64_t next_seq;
	int64_t batch_seq;                  /* next_seq when the batch began */
	struct store_sqlite_route **routes; /* by number */
	size_t n_routes;
	bool vacuumed;         /* pages were given back since the last copy */
	int64_t wal_pages;     /* in the log */
	int64_t wal_done;      /* of these copied into the database */
	int64_t wal_top;       /* what its file has had room for */
	int64_t clock_base_ms; /* store clock when the boot clock was … */
	int64_t clock_boot_ms;
	int64_t clock_written_ms;
	int64_t wall_ms; /* the latest told */
	/* the present pass of retention */
	int64_t purge_next_ms; /* store clock: when a pass may begin */
	int64_t purge_cursor;
	int64_t purge_end; /* events up to it are old enough to look at */
	int purge_phase;
};

/* One delivery by its numbers. */
struct store_sqlite_key {
	int64_t seq;
	int64_t route;
	int64_t replay;
};

/* -- store_sqlite.c -- */

/* After a failed change: roll the batch back.  Returns `result`. */
enum store_result
store_sqlite_end(struct store *store, enum store_result result);
/* What a change outside a batch, or after one that failed, returns. */
enum store_result store_sqlite_no_batch(const struct store *store);
int64_t store_sqlite_clock(const struct store *store);

/* -- store_sqlite_file.c -- */

/* Take the lock, look at what is there; NULL, logged with what to do. */
struct store_sqlite_file *store_sqlite_file_open(const char *path);
/* After the database is closed. */
void store_sqlite_file_close(struct store_sqlite_file *file);
const char *store_sqlite_file_path(const struct store_sqlite_file *file);
/* Whether a log was left by an unclean stop. */
bool store_sqlite_file_unclean(const struct store_sqlite_file *file);
/* Random number of this run of the machine, "" when unknown. */
const char *store_sqlite_file_boot(const struct store_sqlite_file *file);
/* Bytes of database and log, and free ones of the file system.  0 or -1. */
int store_sqlite_file_space(
    const struct store_sqlite_file *file, struct store_space *space);

/* -- store_sqlite_open.c -- */

struct store *store_sqlite_open(const struct store_options *options);
void store_sqlite_close(struct store *store);
/* Write the clock.  Inside a batch. */
enum store_result store_sqlite_save_clock(struct store *store);

/* -- store_sqlite_count.c -- */

/* Read routes and counts.  0, or another result, logged. */
enum store_result store_sqlite_counts_load(struct store *store);
enum store_result store_sqlite_counts_save(struct store *store);
void store_sqlite_counts_free(struct store *store);
/* Forget what is not saved; for before a load. */
void store_sqlite_count(
    struct store *store, int64_t route, unsigned state, int64_t change);
/* NULL when the store has not heard of it. */
struct store_sqlite_route *
store_sqlite_route(struct store *store, const char *name);
/* The same, made when new. */
enum store_result store_sqlite_route_make(
    struct store *store, const char *name, struct store_sqlite_route **route);
const char *store_sqlite_route_name(const struct store *store, int64_t id);
enum store_result
store_sqlite_counts(struct store *store, struct store_count **counts, size_t *n,
    int64_t *unrouted, int64_t *unmatched);
enum store_result
store_sqlite_pause(struct store *store, const char *route, bool paused);
bool store_sqlite_paused(struct store *store, const char *route);

/* -- store_sqlite_tally.c -- */

enum store_result store_sqlite_tally(
    struct store *store, const struct store_tally *rows, size_t n);
enum store_result store_sqlite_tallies(
    struct store *store, int64_t from_hour, store_tally_fn *fn, void *arg);
/* Delete one kind of one old hour.  *more: look again. */
enum store_result store_sqlite_tally_purge(struct store *store, bool *more);

/* -- store_sqlite_blob.c -- */

enum store_result store_sqlite_keep(struct store *store,
    const struct store_blob *blob, int64_t now_ms, bool *is_new);
enum store_result
store_sqlite_kept(struct store *store, const char *name, struct buf *out);
enum store_result store_sqlite_unkeep(struct store *store, const char *name);

/* -- store_sqlite_journal.c -- */

/* Read what it is told, or begin it.  Inside the batch of the start. */
enum store_result store_sqlite_journal_load(struct store *store);
void store_sqlite_journal(struct store *store, struct store_journal *journal);
enum store_result store_sqlite_journaled(struct store *store, uint64_t upto);
struct known *store_sqlite_known(struct store *store);

/* -- store_sqlite_keys.c -- */

enum store_result store_sqlite_keys_load(struct store *store);
enum store_result store_sqlite_keys_save(struct store *store);
void store_sqlite_keys_free(struct store *store);
/* The day new keys go to, made when it is a new one: the latest there is, also
 * when the clock is behind it after a crash.  A day is valid until the next
 * call of this, of purge or of load. */
enum store_result
store_sqlite_keys_today(struct store *store, struct store_sqlite_day **day);
/* The i-th day before the latest; NULL outside the window. */
struct store_sqlite_day *
store_sqlite_keys_before(const struct store *store, size_t i);
/* Whether it has rows KEYS_BOTH without KEYS_BARE: of an earlier format. */
bool store_sqlite_keys_has_both(
    const struct store *store, const struct store_sqlite_day *day);
/* STORE_NONE: found; `value` has the first id, and its body's tag or zeros. */
enum store_result
store_sqlite_keys_find(struct store *store, struct store_sqlite_day *day,
    const uint8_t key[KEYS_LEN], uint8_t value[STORE_SQLITE_VALUE_LEN]);
/* The day of the latest table, and the first one inside the window. */
int64_t store_sqlite_keys_day(const struct store *store);
int64_t store_sqlite_keys_since(const struct store *store);
/* Drop (a part of) the oldest table outside the window.  *more: look again. */
enum store_result store_sqlite_keys_purge(struct store *store, bool *more);
/* Read some keys into a filter; whether there is more to do. */
bool store_sqlite_keys_idle(struct store *store);

/* -- store_sqlite_recent.c -- */

/* Read those of an earlier life, or of before a rollback. */
enum store_result store_sqlite_recent_load(struct store *store);
/* They go to the table of the latest day. */
enum store_result store_sqlite_recent_merge(struct store *store);
/* To the latest day an id, or an id and a tag.  STORE_NONE: the key is there
 * already. */
enum store_result
store_sqlite_keys_insert(struct store *store, struct store_sqlite_day *day,
    const uint8_t key[KEYS_LEN], const uint8_t *value, size_t len);
/* Take back what was just added. */
enum store_result
store_sqlite_keys_remove(struct store *store, const uint8_t key[KEYS_LEN]);

/* -- store_sqlite_known.c -- */

/* Remember a key for `id`: STORE_OK; or, when it is known inside the window,
 * STORE_NONE with the first id in `first`. */
enum store_result
store_sqlite_known_add(struct store *store, const uint8_t key[KEYS_LEN],
    const uint8_t id[EVENT_ID_LEN], uint8_t first[EVENT_ID_LEN]);

/* The same of an event whose key is not signed. */
struct store_sqlite_pair {
	bool changed;         /* its key is known with another body */
	enum keys_kind added; /* what it is remembered as */
};

enum store_result
store_sqlite_known_add_pair(struct store *store, const struct event *event,
    uint8_t first[EVENT_ID_LEN], struct store_sqlite_pair *pair);

/* -- store_sqlite_bodies.c -- */

/* Whether the body of an event whose key is not signed came before.  With
 * strict_replay it is among the keys from now on: *added, as KEYS_SEEN. */
struct store_sqlite_body {
	uint8_t hash[KEYS_LEN];
	bool seen;
	bool added;
};

enum store_result store_sqlite_bodies_find(struct store *store,
    const struct event *event, struct store_sqlite_body *body);
/* It has come. */
void store_sqlite_bodies_add(
    struct store *store, const struct store_sqlite_body *body);
/* Read some events of an earlier life; whether there is more to do. */
bool store_sqlite_bodies_idle(struct store *store);

/* -- store_sqlite_put.c -- */

enum store_result store_sqlite_put(struct store *store,
    const struct event *event, int64_t now_ms, struct store_put_result *result);

/* -- store_sqlite_route.c -- */

enum store_result store_sqlite_route_event(struct store *store, int64_t seq,
    const struct store_target *targets, size_t n, bool whole);
enum store_result store_sqlite_unmatch(
    struct store *store, int64_t *after, unsigned limit, unsigned *n);
/* Fill in the numbers of a page, not its events. */
enum store_result
store_sqlite_list_todo(struct store *store, struct store_unrouted *page);
/* Whether the event waits for the routing step. */
enum store_result
store_sqlite_is_todo(struct store *store, int64_t seq, bool *todo);
/* An event that matched nothing is to be routed again; STORE_NONE when it is
 * not such a one. */
enum store_result
store_sqlite_reroute(struct store *store, int64_t seq, int64_t due_ms);
/* A new delivery, pending from due_ms on. */
enum store_result store_sqlite_deliver(
    struct store *store, const struct store_sqlite_key *key, int64_t due_ms);

/* It is not unmatched any more; STORE_NONE when it was not. */
enum store_result
store_sqlite_remove_unmatched(struct store *store, int64_t seq);

/* -- store_sqlite_row.c -- */

/* A row of SQL_DELIVERY_GET; texts point into it until it is reset. */
struct store_sqlite_row {
	sqlite3_stmt *statement;
	enum delivery_state state;
	int64_t due;
	int64_t attempt;
	int64_t first_at;
	int64_t paused_ms;
	int64_t died_at;
	const char *reason;
	const char *attempts;
};

/* What SQL_DELIVERY_END writes. */
struct store_sqlite_ending {
	enum delivery_state state;
	int64_t due;
	int64_t attempt;
	int64_t first_at;
	int64_t died_at;
	const char *reason;
	const char *attempts;
};

/* A column's text, or NULL. */
const char *store_sqlite_text(sqlite3_stmt *statement, int column);
/* STORE_NONE when there is no such delivery; else the caller resets
 * row->statement. */
enum store_result store_sqlite_row_get(struct store *store,
    const struct store_sqlite_key *key, struct store_sqlite_row *row);
/* Write a delivery's new state and count it.  The row the texts come from may
 * still stand open. */
enum store_result
store_sqlite_row_end(struct store *store, const struct store_sqlite_key *key,
    enum delivery_state old, const struct store_sqlite_ending *e);
/* The row as it is, but for the state. */
struct store_sqlite_ending store_sqlite_ending(
    const struct store_sqlite_row *row, enum delivery_state state);
/* Append the (event, replay) rows of a statement to keys[*n]; its LIMIT keeps
 * them within STORE_CLAIM_MAX. */
enum store_result store_sqlite_list_keys(sqlite3_stmt *row, int64_t route,
    struct store_sqlite_key keys[STORE_CLAIM_MAX], size_t *n);
/* The first n deliveries that are running or exhausted. */
enum store_result
store_sqlite_list_kept(struct store *store, enum delivery_state state, size_t n,
    struct store_sqlite_key keys[STORE_CLAIM_MAX], size_t *found);

/* -- store_sqlite_delivery.c -- */

enum store_result
store_sqlite_settle(struct store *store, const struct store_settle *settle);
enum store_result store_sqlite_bury(
    struct store *store, int64_t seq, const char *route, uint32_t replay);
enum store_result store_sqlite_replay(
    struct store *store, const struct store_replay *what, unsigned *n);
enum store_result store_sqlite_cancel(
    struct store *store, const char *route, unsigned limit, unsigned *n);
/* `running` of an earlier life become `waiting`. */
enum store_result store_sqlite_recover(struct store *store, int64_t now_ms);

/* -- store_sqlite_claim.c -- */

enum store_result store_sqlite_claim(struct store *store,
    const struct store_claim *what, struct store_delivery **out);
enum store_result
store_sqlite_next_due(struct store *store, const char *route, int64_t *due_ms);
enum store_result store_sqlite_exhausted(
    struct store *store, unsigned n, struct store_delivery **out);

/* -- store_sqlite_read.c -- */

/* The event of a row of SQL_EVENT_GET or SQL_EVENT_HEAD (without body); it
 * points into the row.  Whether it is whole; damage is logged. */
bool store_sqlite_event(
    struct store *store, sqlite3_stmt *row, struct event *event, bool body);
/* A copy of an event; STORE_NONE when there is none.  *damaged, logged. */
enum store_result store_sqlite_event_copy(
    struct store *store, int64_t seq, struct event **event, bool *damaged);
/* Log that there is none. */
void store_sqlite_event_missing(int64_t seq);
enum store_result
store_sqlite_unrouted(struct store *store, struct store_unrouted *page);
enum store_result store_sqlite_show(struct store *store,
    const uint8_t id[EVENT_ID_LEN], store_row_fn *fn, void *arg);
enum store_result store_sqlite_find(struct store *store, const char *part,
    uint8_t ids[2][EVENT_ID_LEN], unsigned *found);

/* -- store_sqlite_list.c -- */

enum store_result store_sqlite_list(struct store *store,
    const struct store_query *query, store_row_fn *fn, void *arg);

/* -- store_sqlite_purge.c -- */

enum store_result
store_sqlite_purge(struct store *store, int64_t now_ms, bool *more);
/* Remove an event's rows but those of lists and counts. */
enum store_result store_sqlite_delete_event(struct store *store, int64_t seq);
/* The numbers of what was deleted are not given again. */
enum store_result store_sqlite_save_seq(struct store *store);
/* Copy the log into the database when it has grown to `pages`. */
enum store_result store_sqlite_checkpoint(struct store *store, int64_t pages);
/* The same with all of it, and give back what its file takes. */
enum store_result store_sqlite_empty_log(struct store *store);
bool store_sqlite_idle(struct store *store, bool quiet);
enum store_result
store_sqlite_space(struct store *store, struct store_space *space);

/* -- store_sqlite_forget.c -- */

enum store_result
store_sqlite_forget(struct store *store, const uint8_t id[EVENT_ID_LEN]);
enum store_result store_sqlite_erase(struct store *store, bool *more);

/* -- store_sqlite_backup.c -- */

int
store_sqlite_backup(struct store *store, const char *path, const char **error);
bool store_sqlite_backup_step(struct store *store, struct store_backup *now);
/* Before the database is closed. */
void store_sqlite_backup_free(struct store *store);

#endif
