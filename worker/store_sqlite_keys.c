#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../shared/log.h"
#include "store_sqlite.h"

/*
 * Keys stand in one table a day of the store's clock.  Only the last day's
 * grows; those before get a filter, read bit by bit when nothing else is to be
 * done, and are asked directly until it is ready (or when the filters together
 * would take too much memory).
 */
enum {
	NAME_SIZE = 24,
	SQL_SIZE = 256,
	READ_KEYS = 2000,   /* into a filter, a call */
	DELETE_KEYS = 2000, /* from an old table, a call: 1999 in the SQL */
	FILTERS_MAX = 64 << 20,
};

struct store_sqlite_day {
	int64_t day; /* since 1970-01-01 */
	int64_t n;
	bool dirty;
	char name[NAME_SIZE];
	sqlite3_stmt *find;
	sqlite3_stmt *insert;
	struct keys_filter *filter; /* NULL: ask the table */
	uint64_t filter_bytes;
};

struct store_sqlite_keys {
	struct store_sqlite_day *days; /* oldest first */
	size_t n;
	int64_t both_until; /* days up to it have rows KEYS_BOTH without
			       KEYS_BARE: of an earlier format */
	/* the filter being read */
	int64_t reading; /* its day, -1: none */
	uint8_t cursor[KEYS_LEN];
	struct keys_filter *filter;
	uint64_t filter_bytes; /* of all */
	bool idle;             /* every filter that can be is there */
};

static void
day_name(int64_t day, char out[NAME_SIZE])
{
	time_t at = (time_t)(day * (STORE_SQLITE_DAY_MS / 1000));
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(out, NAME_SIZE, "keys_%Y%m%d", &tm) == 0)
		snprintf(out, NAME_SIZE, "keys_%" PRId64, day);
}

/* `pattern` with each $ replaced by the name of the day's table. */
static void
expand(
    char out[SQL_SIZE], const char *pattern, const struct store_sqlite_day *day)
{
	size_t len = 0, name = strlen(day->name);

	for (; *pattern != '\0' && len + name + 1 < SQL_SIZE; pattern++) {
		if (*pattern == '$') {
			memcpy(out + len, day->name, name);
			len += name;
		} else {
			out[len++] = *pattern;
		}
	}
	out[len] = '\0';
}

static enum store_result
exec_on(struct store *store, const char *pattern,
    const struct store_sqlite_day *day)
{
	char text[SQL_SIZE];

	expand(text, pattern, day);
	return sql_result(store->db, sql_exec(store->db, text));
}

static void
day_clear(struct store_sqlite_day *day)
{
	sqlite3_finalize(day->find);
	sqlite3_finalize(day->insert);
	keys_filter_free(day->filter);
}

static void
stop_reading(struct store_sqlite_keys *keys)
{
	keys_filter_free(keys->filter);
	keys->filter = NULL;
	keys->reading = -1;
	keys->idle = false;
}

void
store_sqlite_keys_free(struct store *store)
{
	struct store_sqlite_keys *keys = store->keys;

	if (keys == NULL)
		return;
	stop_reading(keys);
	for (size_t i = 0; i < keys->n; i++)
		day_clear(&keys->days[i]);
	free(keys->days);
	free(keys);
	store->keys = NULL;
}

static struct store_sqlite_day *
add_day(struct store_sqlite_keys *keys, int64_t number, int64_t n)
{
	struct store_sqlite_day *days = realloc(
	    keys->days, (keys->n + 1) * sizeof(struct store_sqlite_day));

	if (days == NULL)
		return NULL;
	keys->days = days;
	days[keys->n] = (struct store_sqlite_day){.day = number, .n = n};
	day_name(number, days[keys->n].name);
	return &days[keys->n++];
}

/* Filters of days that are as they were stay. */
static void
take_filters(struct store_sqlite_keys *keys, struct store_sqlite_keys *old)
{
	for (size_t i = 0; i < keys->n; i++) {
		for (size_t j = 0; j < old->n; j++) {
			if (keys->days[i].day != old->days[j].day)
				continue;
			keys->days[i].filter = old->days[j].filter;
			keys->days[i].filter_bytes = old->days[j].filter_bytes;
			keys->filter_bytes += old->days[j].filter_bytes;
			old->days[j].filter = NULL;
		}
	}
}

static enum store_result
load_format(struct store *store, struct store_sqlite_keys *keys)
{
	enum store_result result =
	    sql_value(sql_bind(&store->sql, SQL_META_GET, "t", "both_until"),
		&keys->both_until);

	if (result != STORE_NONE)
		return result;
	keys->both_until = -1;
	return STORE_OK;
}

enum store_result
store_sqlite_keys_load(struct store *store)
{
	struct store_sqlite_keys *keys = calloc(1, sizeof *keys);
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_DAY_LIST, "");
	struct store_sqlite_keys *old = store->keys;
	enum store_result result;

	if (keys == NULL)
		return STORE_FULL;
	keys->reading = -1;
	while (sql_row(row, &result)) {
		if (add_day(keys, sqlite3_column_int64(row, 0),
			sqlite3_column_int64(row, 1)) == NULL) {
			sqlite3_reset(row);
			result = STORE_FULL;
			break;
		}
	}
	if (result == STORE_OK)
		result = load_format(store, keys);
	if (result == STORE_OK && old != NULL)
		take_filters(keys, old);
	store_sqlite_keys_free(store);
	store->keys = keys;
	return result;
}

enum store_result
store_sqlite_keys_save(struct store *store)
{
	struct store_sqlite_keys *keys = store->keys;
	enum store_result result = STORE_OK;

	for (size_t i = 0; i < keys->n && result == STORE_OK; i++) {
		struct store_sqlite_day *day = &keys->days[i];

		if (!day->dirty)
			continue;
		result = sql_run(sql_bind(
		    &store->sql, SQL_DAY_COUNT, "ii", day->day, day->n));
		day->dirty = false;
	}
	return result;
}

static enum store_result
prepare(struct store *store, sqlite3_stmt **statement, const char *pattern,
    const struct store_sqlite_day *day)
{
	char text[SQL_SIZE];
	int rc;

	if (*statement != NULL)
		return STORE_OK;
	expand(text, pattern, day);
	rc = sqlite3_prepare_v3(
	    store->db, text, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
	return sql_result(store->db, rc);
}

enum store_result
store_sqlite_keys_today(struct store *store, struct store_sqlite_day **day)
{
	struct store_sqlite_keys *keys = store->keys;
	int64_t number = store_sqlite_clock(store) / STORE_SQLITE_DAY_MS;
	enum store_result result;

	*day = keys->n > 0 ? &keys->days[keys->n - 1] : NULL;
	if (*day != NULL && (*day)->day >= number)
		return STORE_OK;
	*day = add_day(keys, number, 0);
	if (*day == NULL)
		return STORE_FULL;
	keys->idle = false;
	result = exec_on(store,
	    "CREATE TABLE $(k BLOB PRIMARY KEY, id BLOB NOT NULL) "
	    "WITHOUT ROWID",
	    *day);
	if (result == STORE_OK)
		result =
		    sql_run(sql_bind(&store->sql, SQL_DAY_INSERT, "i", number));
	return result;
}

static bool
is_inside(const struct store *store, const struct store_sqlite_day *day)
{
	return (day->day + 1) * STORE_SQLITE_DAY_MS + store->config->dedup_ms >
	       store_sqlite_clock(store);
}

struct store_sqlite_day *
store_sqlite_keys_before(const struct store *store, size_t i)
{
	const struct store_sqlite_keys *keys = store->keys;

	if (keys->n < 2 + i || !is_inside(store, &keys->days[keys->n - 2 - i]))
		return NULL;
	return &keys->days[keys->n - 2 - i];
}

bool
store_sqlite_keys_has_both(
    const struct store *store, const struct store_sqlite_day *day)
{
	return day->day <= store->keys->both_until;
}

int64_t
store_sqlite_keys_day(const struct store *store)
{
	const struct store_sqlite_keys *keys = store->keys;

	return keys->n > 0 ? keys->days[keys->n - 1].day : 0;
}

int64_t
store_sqlite_keys_since(const struct store *store)
{
	return (store_sqlite_clock(store) - store->config->dedup_ms) /
	       STORE_SQLITE_DAY_MS;
}

enum store_result
store_sqlite_keys_find(struct store *store, struct store_sqlite_day *day,
    const uint8_t key[KEYS_LEN], uint8_t value[STORE_SQLITE_VALUE_LEN])
{
	enum store_result result;
	size_t len;

	if (day->filter != NULL && !keys_filter_maybe(day->filter, key))
		return STORE_OK;
	result =
	    prepare(store, &day->find, "SELECT id FROM $ WHERE k = ?1", day);
	if (result != STORE_OK)
		return result;
	memset(value, 0, STORE_SQLITE_VALUE_LEN);
	sqlite3_bind_blob(day->find, 1, key, KEYS_LEN, SQLITE_STATIC);
	if (!sql_row(day->find, &result))
		return result;
	len = (size_t)sqlite3_column_bytes(day->find, 0);
	if (len == EVENT_ID_LEN || len == STORE_SQLITE_VALUE_LEN)
		memcpy(value, sqlite3_column_blob(day->find, 0), len);
	sqlite3_reset(day->find);
	return STORE_NONE;
}

enum store_result
store_sqlite_keys_insert(struct store *store, struct store_sqlite_day *day,
    const uint8_t key[KEYS_LEN], const uint8_t *value, size_t len)
{
	enum store_result result;

	result = prepare(store, &day->insert,
	    "INSERT OR IGNORE INTO $(k, id) VALUES(?1, ?2)", day);
	if (result != STORE_OK)
		return result;
	sqlite3_bind_blob(day->insert, 1, key, KEYS_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(day->insert, 2, value, (int)len, SQLITE_STATIC);
	result = sql_run(day->insert);
	if (result != STORE_OK)
		return result;
	if (sqlite3_changes(store->db) == 0)
		return STORE_NONE;
	day->n++;
	day->dirty = true;
	return STORE_OK;
}

enum store_result
store_sqlite_keys_remove(struct store *store, const uint8_t key[KEYS_LEN])
{
	struct store_sqlite_day *day = &store->keys->days[store->keys->n - 1];
	sqlite3_stmt *statement = NULL;
	enum store_result result;

	result = prepare(store, &statement, "DELETE FROM $ WHERE k = ?1", day);
	if (result == STORE_OK) {
		sqlite3_bind_blob(statement, 1, key, KEYS_LEN, SQLITE_STATIC);
		result = sql_run(statement);
		day->n -= sqlite3_changes(store->db);
		day->dirty = true;
	}
	sqlite3_finalize(statement);
	return result;
}

/* The oldest day leaves the list. */
static void
forget_first(struct store_sqlite_keys *keys)
{
	struct store_sqlite_day *day = &keys->days[0];

	if (keys->reading == day->day)
		stop_reading(keys);
	keys->filter_bytes -= day->filter_bytes;
	day_clear(day);
	keys->n--;
	memmove(keys->days, keys->days + 1,
	    keys->n * sizeof(struct store_sqlite_day));
}

enum store_result
store_sqlite_keys_purge(struct store *store, bool *more)
{
	struct store_sqlite_keys *keys = store->keys;
	struct store_sqlite_day *day = keys->days;
	enum store_result result;

	*more = false;
	if (keys->n < 2 || is_inside(store, day))
		return STORE_OK;
	*more = true;
	/* A large table goes in parts: dropping it touches every page. */
	if (day->n > DELETE_KEYS) {
		result = exec_on(store,
		    "DELETE FROM $ WHERE k <= (SELECT k FROM $ "
		    "ORDER BY k LIMIT 1 OFFSET 1999)",
		    day);
		day->n -= sqlite3_changes(store->db);
		day->dirty = true;
		return result;
	}
	sqlite3_finalize(day->find);
	sqlite3_finalize(day->insert);
	day->find = day->insert = NULL;
	result = exec_on(store, "DROP TABLE $", day);
	if (result == STORE_OK)
		result = sql_run(
		    sql_bind(&store->sql, SQL_DAY_DELETE, "i", day->day));
	if (result == STORE_OK)
		forget_first(keys);
	return result;
}

/* The newest day that could have a filter and has none. */
static struct store_sqlite_day *
next_to_read(struct store *store)
{
	struct store_sqlite_keys *keys = store->keys;

	for (size_t i = keys->n - (keys->n > 0); i-- > 0;) {
		struct store_sqlite_day *day = &keys->days[i];
		uint64_t size = keys_filter_size((uint64_t)day->n);

		if (day->filter == NULL && is_inside(store, day) &&
		    keys->filter_bytes + size <= FILTERS_MAX)
			return day;
	}
	return NULL;
}

static struct store_sqlite_day *
begin_reading(struct store *store)
{
	struct store_sqlite_keys *keys = store->keys;
	struct store_sqlite_day *day = next_to_read(store);

	if (day == NULL)
		return NULL;
	keys->filter = keys_filter_new((uint64_t)day->n);
	if (keys->filter == NULL)
		return NULL;
	keys->reading = day->day;
	memset(keys->cursor, 0, sizeof keys->cursor);
	return day;
}

/* Returns how many keys there were, at most READ_KEYS; -1 on an error. */
static int
read_keys(struct store *store, const struct store_sqlite_day *day)
{
	struct store_sqlite_keys *keys = store->keys;
	sqlite3_stmt *row = NULL;
	enum store_result result;
	int n = 0;

	if (prepare(store, &row,
		"SELECT k FROM $ WHERE k >= ?1 ORDER BY k LIMIT ?2",
		day) != STORE_OK)
		return -1;
	sqlite3_bind_blob(row, 1, keys->cursor, KEYS_LEN, SQLITE_TRANSIENT);
	sqlite3_bind_int(row, 2, READ_KEYS);
	while (sql_row(row, &result)) {
		if (sqlite3_column_bytes(row, 0) != KEYS_LEN)
			continue;
		n++;
		keys_filter_add(keys->filter, sqlite3_column_blob(row, 0));
		if (n == READ_KEYS)
			memcpy(keys->cursor, sqlite3_column_blob(row, 0),
			    KEYS_LEN);
	}
	sqlite3_finalize(row);
	return result == STORE_OK ? n : -1;
}

bool
store_sqlite_keys_idle(struct store *store)
{
	struct store_sqlite_keys *keys = store->keys;
	struct store_sqlite_day *day = NULL;
	int n;

	if (keys->idle)
		return false;
	for (size_t i = 0; i < keys->n && keys->reading >= 0; i++) {
		if (keys->days[i].day == keys->reading)
			day = &keys->days[i];
	}
	if (day == NULL)
		day = begin_reading(store);
	n = day != NULL ? read_keys(store, day) : -1;
	if (n < 0) {
		stop_reading(keys);
		keys->idle = true;
		return false;
	}
	if (n == READ_KEYS)
		return true;
	day->filter = keys->filter;
	day->filter_bytes = keys_filter_size((uint64_t)day->n);
	keys->filter_bytes += day->filter_bytes;
	keys->filter = NULL;
	keys->reading = -1;
	return true;
}
