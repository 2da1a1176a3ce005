/*
 * store_sqlite_days - the tables of keys, and what is read of them into memory
 *
 * For store_sqlite_keys.c and store_sqlite_filters.c only.
 */

#ifndef WORKER_STORE_SQLITE_DAYS_H
#define WORKER_STORE_SQLITE_DAYS_H

#include "store_sqlite.h"

enum {
	STORE_SQLITE_DAY_NAME = 24,
	STORE_SQLITE_DAY_SQL = 256,
};

struct store_sqlite_day {
	int64_t day; /* since 1970-01-01 */
	int64_t n;
	bool dirty;
	char name[STORE_SQLITE_DAY_NAME];
	sqlite3_stmt *find;
	sqlite3_stmt *insert;
	struct keys_filter *filter; /* NULL: ask the table */
	uint64_t filter_bytes;
	/* `known` has what came since the start; this what came before it,
	 * where any did. */
	bool covered;
	struct keys_filter *earlier;
};

struct store_sqlite_keys {
	struct store_sqlite_day *days; /* oldest first */
	size_t n;
	int64_t both_until; /* days up to it have rows KEYS_BOTH without
			       KEYS_BARE: of an earlier format */
	/* the filter being read */
	int64_t reading;      /* its day, -1: none */
	bool reading_earlier; /* it grows: `earlier` of it */
	uint8_t cursor[KEYS_LEN];
	struct keys_filter *filter;
	uint64_t filter_bytes; /* of all */
	bool idle;             /* every filter that can be is there */
};

/* Whether keys of the day count still. */
bool store_sqlite_day_inside(
    const struct store *store, const struct store_sqlite_day *day);
/* A statement of the day's own table, each $ in it its name; kept in
 * *statement. */
enum store_result
store_sqlite_day_prepare(struct store *store, sqlite3_stmt **statement,
    const char *pattern, const struct store_sqlite_day *day);

/* -- store_sqlite_filters.c -- */

/* Filters of days that are as they were stay. */
void store_sqlite_filters_take(
    struct store_sqlite_keys *keys, struct store_sqlite_keys *old);
/* Tell `known` which there are now. */
void store_sqlite_filters_tell(struct store *store);
/* What is being read is not needed. */
void store_sqlite_filters_stop(struct store_sqlite_keys *keys);

#endif
