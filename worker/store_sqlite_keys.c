#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../shared/log.h"
#include "store_sqlite_days.h"

/*
 * Keys stand in one table a day of the store's clock.  Only the last day's
 * grows, by store_sqlite_recent.c; those before get a filter, read bit by bit
 * when nothing else is to be done, and are asked directly until it is ready (or
 * when the filters together would take too much memory).
 */
enum { DELETE_KEYS = 2000 /* from an old table, a call: 1999 in the SQL */ };

static void
day_name(int64_t day, char out[STORE_SQLITE_DAY_NAME])
{
	time_t at = (time_t)(day * (STORE_SQLITE_DAY_MS / 1000));
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(out, STORE_SQLITE_DAY_NAME, "keys_%Y%m%d", &tm) == 0)
		snprintf(out, STORE_SQLITE_DAY_NAME, "keys_%" PRId64, day);
}

/* `pattern` with each $ replaced by the name of the day's table. */
static void
expand(char out[STORE_SQLITE_DAY_SQL], const char *pattern,
    const struct store_sqlite_day *day)
{
	size_t len = 0, name = strlen(day->name);

	for (; *pattern != '\0' && len + name + 1 < STORE_SQLITE_DAY_SQL;
	     pattern++) {
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
	char text[STORE_SQLITE_DAY_SQL];

	expand(text, pattern, day);
	return sql_result(store->db, sql_exec(store->db, text));
}

static void
day_clear(struct store_sqlite_day *day)
{
	sqlite3_finalize(day->find);
	sqlite3_finalize(day->insert);
	keys_filter_free(day->filter);
	keys_filter_free(day->earlier);
}

static void
free_keys(struct store_sqlite_keys *keys)
{
	if (keys == NULL)
		return;
	store_sqlite_filters_stop(keys);
	for (size_t i = 0; i < keys->n; i++)
		day_clear(&keys->days[i]);
	free(keys->days);
	free(keys);
}

void
store_sqlite_keys_free(struct store *store)
{
	free_keys(store->keys);
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
	if (result == STORE_OK)
		result = store_sqlite_recent_load(store);
	if (result == STORE_OK && old != NULL)
		store_sqlite_filters_take(keys, old);
	else if (result == STORE_OK && keys->n > 0)
		keys->days[keys->n - 1].covered =
		    keys->days[keys->n - 1].n == 0;
	store->keys = keys;
	store_sqlite_filters_tell(store);
	free_keys(old);
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

enum store_result
store_sqlite_day_prepare(struct store *store, sqlite3_stmt **statement,
    const char *pattern, const struct store_sqlite_day *day)
{
	char text[STORE_SQLITE_DAY_SQL];
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
	result = store_sqlite_recent_merge(store);
	if (result != STORE_OK)
		return result;
	*day = add_day(keys, number, 0);
	if (*day == NULL)
		return STORE_FULL;
	(*day)->covered = true;
	keys->idle = false;
	known_turn(store->known);
	store->known_day = number;
	result = exec_on(store,
	    "CREATE TABLE $(k BLOB PRIMARY KEY, id BLOB NOT NULL) "
	    "WITHOUT ROWID",
	    *day);
	if (result == STORE_OK)
		result =
		    sql_run(sql_bind(&store->sql, SQL_DAY_INSERT, "i", number));
	return result;
}

bool
store_sqlite_day_inside(
    const struct store *store, const struct store_sqlite_day *day)
{
	return (day->day + 1) * STORE_SQLITE_DAY_MS + store->config->dedup_ms >
	       store_sqlite_clock(store);
}

struct store_sqlite_day *
store_sqlite_keys_before(const struct store *store, size_t i)
{
	const struct store_sqlite_keys *keys = store->keys;

	if (keys->n < 2 + i ||
	    !store_sqlite_day_inside(store, &keys->days[keys->n - 2 - i]))
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
	const struct store_sqlite_keys *keys = store->keys;
	const struct recent_key *recent = NULL;
	enum store_result result;
	size_t len;

	memset(value, 0, STORE_SQLITE_VALUE_LEN);
	if (day == &keys->days[keys->n - 1])
		recent = recent_find(store->recent, key);
	if (recent != NULL) {
		memcpy(value, recent->value, recent->len);
		return STORE_NONE;
	}
	if (day->filter != NULL && !keys_filter_maybe(day->filter, key))
		return STORE_OK;
	result = store_sqlite_day_prepare(
	    store, &day->find, "SELECT id FROM $ WHERE k = ?1", day);
	if (result != STORE_OK)
		return result;
	sqlite3_bind_blob(day->find, 1, key, KEYS_LEN, SQLITE_STATIC);
	if (!sql_row(day->find, &result))
		return result;
	len = (size_t)sqlite3_column_bytes(day->find, 0);
	if (len == EVENT_ID_LEN || len == STORE_SQLITE_VALUE_LEN)
		memcpy(value, sqlite3_column_blob(day->find, 0), len);
	sqlite3_reset(day->find);
	return STORE_NONE;
}

/* The oldest day leaves the list. */
static void
forget_first(struct store *store)
{
	struct store_sqlite_keys *keys = store->keys;
	struct store_sqlite_day day = keys->days[0];

	if (keys->reading == day.day)
		store_sqlite_filters_stop(keys);
	keys->filter_bytes -= day.filter_bytes;
	keys->n--;
	memmove(keys->days, keys->days + 1,
	    keys->n * sizeof(struct store_sqlite_day));
	store_sqlite_filters_tell(store);
	day_clear(&day);
}

enum store_result
store_sqlite_keys_purge(struct store *store, bool *more)
{
	struct store_sqlite_keys *keys = store->keys;
	struct store_sqlite_day *day = keys->days;
	enum store_result result;

	*more = false;
	if (keys->n < 2 || store_sqlite_day_inside(store, day))
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
		forget_first(store);
	return result;
}
