/*
 * sql - SQLite statements by number
 *
 * The whole SQL of the store in one table, prepared once.  Every statement
 * reaches its rows by a key or an index, so none runs for long: loops over many
 * rows are the caller's, who bounds them.
 */

#ifndef WORKER_SQL_H
#define WORKER_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store.h"

enum {
	SQL_APPLICATION = 0x67616666, /* "gaff": PRAGMA application_id */
	SQL_VERSION = 5,              /* of the schema: PRAGMA user_version */
};

enum sql_id {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_META_GET,
	SQL_META_SET,
	SQL_FREE_PAGES,
	SQL_ALL_PAGES,
	SQL_VACUUM,

	SQL_EVENT_INSERT,
	SQL_EVENT_GET,
	SQL_EVENT_HEAD,
	SQL_EVENT_SEQ,
	SQL_EVENT_LAST,
	SQL_EVENT_AGED,
	SQL_EVENT_DELETE,
	SQL_EVENT_PREFIX,
	SQL_EVENT_IDS,
	SQL_EVENT_RECEIVED,
	SQL_EVENT_STORED,
	SQL_EVENT_BEHIND,
	SQL_EVENT_BODIES,

	SQL_TODO_INSERT,
	SQL_TODO_GET,
	SQL_TODO_DELETE,
	SQL_TODO_LIST,
	SQL_TODO_PASSED,
	SQL_UNMATCHED_INSERT,
	SQL_UNMATCHED_DELETE,
	SQL_UNMATCHED_LIST,
	SQL_UNMATCHED_OLD,

	SQL_ROUTE_INSERT,
	SQL_ROUTE_LIST,
	SQL_ROUTE_PAUSE,
	SQL_COUNT_LIST,
	SQL_COUNT_SET,

	SQL_DELIVERY_INSERT,
	SQL_DELIVERY_GET,
	SQL_DELIVERY_ANY,
	SQL_DELIVERY_OF,
	SQL_DELIVERY_NEWEST,
	SQL_DELIVERY_DUE,
	SQL_DELIVERY_NEXT,
	SQL_DELIVERY_OPEN,
	SQL_DELIVERY_OLDEST,
	SQL_DELIVERY_KEPT,
	SQL_DELIVERY_CLAIM,
	SQL_DELIVERY_END,
	SQL_DELIVERY_OK,
	SQL_DELIVERY_AGED,
	SQL_DELIVERY_DELETE,
	SQL_OUTPUT_INSERT,
	SQL_OUTPUT_TRIM,
	SQL_OUTPUT_GET,
	SQL_OUTPUT_DELETE,

	SQL_DAY_LIST,
	SQL_DAY_INSERT,
	SQL_DAY_COUNT,
	SQL_DAY_DELETE,
	SQL_RECENT_LIST,
	SQL_RECENT_INSERT,
	SQL_RECENT_DELETE,
	SQL_RECENT_CLEAR,

	SQL_TALLY_ADD,
	SQL_TALLY_LIST,
	SQL_TALLY_OLDEST,
	SQL_TALLY_DELETE,

	SQL_BLOB_INSERT,
	SQL_BLOB_GET,
	SQL_BLOB_COUNT,
	SQL_BLOB_DELETE,

	/* What list() walks, newest first and oldest first. */
	SQL_WALK_EVENT,
	SQL_WALK_EVENT_UP,
	SQL_WALK_UNMATCHED,
	SQL_WALK_UNMATCHED_UP,
	SQL_WALK_KEPT,
	SQL_WALK_KEPT_UP,
	SQL_WALK_OPEN,
	SQL_WALK_OPEN_UP,
	SQL_WALK_ALL,
	SQL_WALK_ALL_UP,
	SQL__MAX
};

struct sql {
	sqlite3 *db; /* the caller's */
	sqlite3_stmt *statements[SQL__MAX];
};

/* Tables and indexes: step N makes a database of version N one of N + 1; an
 * empty one is of version 0. */
extern const char *const sql_steps[SQL_VERSION];

/* Prepare every statement.  0, or -1, logged. */
int sql_open(struct sql *sql, sqlite3 *db);
void sql_close(struct sql *sql);

/* Run statements without values.  An SQLite result code; not logged. */
int sql_exec(sqlite3 *db, const char *text);

/*
 * Bind values to a statement that is not running: one letter a value in
 * `types`: i int64_t, t const char * (NULL: null), b const void * and size_t.
 * Texts and blobs must live until the statement is done.
 */
sqlite3_stmt *sql_bind(struct sql *sql, enum sql_id id, const char *types, ...);

/* The next row: true.  At the end or on an error the statement is reset:
 * false, and *result says which (an error is logged). */
bool sql_row(sqlite3_stmt *statement, enum store_result *result);

/* Run to the end; rows are ignored. */
enum store_result sql_run(sqlite3_stmt *statement);

/* The first value of the first row; STORE_NONE, *value unchanged, when there is
 * no row or it is null. */
enum store_result sql_value(sqlite3_stmt *statement, int64_t *value);

/* What an SQLite result code means to the store's caller; logs it. */
enum store_result sql_result(sqlite3 *db, int rc);

#endif
