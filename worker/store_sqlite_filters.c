/* Filters of the days' keys: read bit by bit, and told to `known`. */

#include <stdlib.h>
#include <string.h>

#include "store_sqlite_days.h"

enum {
	READ_KEYS = 2000, /* into a filter, a call */
	FILTERS_MAX = 64 << 20,
};

void
store_sqlite_filters_stop(struct store_sqlite_keys *keys)
{
	keys_filter_free(keys->filter);
	keys->filter = NULL;
	keys->reading = -1;
	keys->idle = false;
}

void
store_sqlite_filters_take(
    struct store_sqlite_keys *keys, struct store_sqlite_keys *old)
{
	for (size_t i = 0; i < keys->n; i++) {
		struct store_sqlite_day *day = &keys->days[i];

		/* Unless it is of an earlier life, its table was made in this
		 * one. */
		day->covered = true;
		for (size_t j = 0; j < old->n; j++) {
			if (day->day != old->days[j].day)
				continue;
			day->filter = old->days[j].filter;
			day->filter_bytes = old->days[j].filter_bytes;
			day->covered = old->days[j].covered;
			day->earlier = old->days[j].earlier;
			keys->filter_bytes += day->filter_bytes;
			old->days[j].filter = old->days[j].earlier = NULL;
		}
	}
}

/* Whether the lookup by the key alone finds all that came on this day. */
static bool
is_known(const struct store *store, const struct store_sqlite_day *day)
{
	return (day->filter != NULL || day->covered) &&
	       day->day > store->keys->both_until;
}

void
store_sqlite_filters_tell(struct store *store)
{
	struct store_sqlite_keys *keys = store->keys;
	const struct keys_filter **filters =
	    calloc(keys->n + 1, sizeof(*filters));
	bool complete = filters != NULL;
	/* A day that was rolled back has come for `known`, not for the list. */
	bool whole =
	    keys->n > 0 && keys->days[keys->n - 1].day == store->known_day;
	size_t n = 0;

	for (size_t i = 0; i < keys->n && filters != NULL; i++) {
		const struct store_sqlite_day *day = &keys->days[i];
		const struct keys_filter *filter =
		    day->filter != NULL ? day->filter : day->earlier;

		if (!store_sqlite_day_inside(store, day))
			continue;
		if (filter != NULL)
			filters[n++] = filter;
		complete = complete && is_known(store, day);
		whole = whole && (day->filter != NULL || i + 1 == keys->n);
	}
	known_use(store->known, filters, n, complete);
	if (complete && whole)
		known_drop(store->known);
	free(filters);
}

/* The newest day that could have a filter and has none. */
static struct store_sqlite_day *
next_to_read(struct store *store)
{
	struct store_sqlite_keys *keys = store->keys;

	for (size_t i = keys->n; i-- > 0;) {
		struct store_sqlite_day *day = &keys->days[i];
		uint64_t size = keys_filter_size((uint64_t)day->n);
		/* The last one's table grows. */
		bool there =
		    i + 1 == keys->n ? day->covered : day->filter != NULL;

		if (!there && store_sqlite_day_inside(store, day) &&
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
	keys->reading_earlier = day == &keys->days[keys->n - 1];
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

	if (store_sqlite_day_prepare(store, &row,
		"SELECT k FROM $ WHERE k >= ?1 ORDER BY k LIMIT ?2",
		day) != STORE_OK)
		return -1;
	sqlite3_bind_blob(row, 1, keys->cursor, KEYS_LEN, SQLITE_TRANSIENT);
	sqlite3_bind_int(row, 2, READ_KEYS);
	while (sql_row(row, &result)) {
		n++;
		if (sqlite3_column_bytes(row, 0) != KEYS_LEN)
			continue;
		keys_filter_add(keys->filter, sqlite3_column_blob(row, 0));
		if (n == READ_KEYS)
			memcpy(keys->cursor, sqlite3_column_blob(row, 0),
			    KEYS_LEN);
	}
	sqlite3_finalize(row);
	return result == STORE_OK ? n : -1;
}

static void
finish_reading(struct store *store, struct store_sqlite_day *day)
{
	struct store_sqlite_keys *keys = store->keys;
	struct keys_filter *earlier = day->earlier;

	if (keys->reading_earlier) {
		day->earlier = keys->filter;
		day->covered = true;
	} else {
		day->filter = keys->filter;
		day->earlier = NULL;
		day->filter_bytes = keys_filter_size((uint64_t)day->n);
		keys->filter_bytes += day->filter_bytes;
	}
	keys->filter = NULL;
	keys->reading = -1;
	store_sqlite_filters_tell(store);
	if (!keys->reading_earlier)
		keys_filter_free(earlier);
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
		store_sqlite_filters_stop(keys);
		keys->idle = true;
		return false;
	}
	if (n == READ_KEYS)
		return true;
	finish_reading(store, day);
	return true;
}
