/* The keys that came last: in memory, in a table in order of arrival, and then
 * in that of their day. */

#include <string.h>

#include "store_sqlite_days.h"

_Static_assert(
    (int)STORE_SQLITE_VALUE_LEN <= (int)RECENT_VALUE_MAX, "they fit");

static struct store_sqlite_day *
latest(struct store *store)
{
	return &store->keys->days[store->keys->n - 1];
}

/* False: it is no row of ours. */
static bool
read_row(sqlite3_stmt *row, struct recent_key *key)
{
	int len = sqlite3_column_bytes(row, 2);

	*key = (struct recent_key){
	    .row = sqlite3_column_int64(row, 0), .len = (uint8_t)len};
	if (sqlite3_column_bytes(row, 1) != KEYS_LEN ||
	    (len != EVENT_ID_LEN && len != STORE_SQLITE_VALUE_LEN))
		return false;
	memcpy(key->key, sqlite3_column_blob(row, 1), KEYS_LEN);
	memcpy(key->value, sqlite3_column_blob(row, 2), key->len);
	return true;
}

enum store_result
store_sqlite_recent_load(struct store *store)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_RECENT_LIST, "");
	enum store_result result;
	struct recent_key key;

	recent_clear(store->recent);
	while (sql_row(row, &result)) {
		if (recent_is_full(store->recent) || !read_row(row, &key))
			continue;
		recent_add(store->recent, &key);
		/* No filter is read of what is in no day's table. */
		known_add(store->known, key.key);
	}
	return result;
}

static enum store_result
move(struct store *store, struct store_sqlite_day *day,
    const struct recent_key *key)
{
	enum store_result result = store_sqlite_day_prepare(store, &day->insert,
	    "INSERT OR IGNORE INTO $(k, id) VALUES(?1, ?2)", day);

	if (result != STORE_OK)
		return result;
	sqlite3_bind_blob(day->insert, 1, key->key, KEYS_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(day->insert, 2, key->value, key->len, SQLITE_STATIC);
	return sql_run(day->insert);
}

enum store_result
store_sqlite_recent_merge(struct store *store)
{
	enum store_result result = STORE_OK;
	const struct recent_key *keys;
	size_t n;

	keys = recent_sort(store->recent, &n);
	for (size_t i = 0; i < n && result == STORE_OK; i++)
		result = move(store, latest(store), &keys[i]);
	recent_clear(store->recent);
	if (result == STORE_OK && n > 0)
		result = sql_run(sql_bind(&store->sql, SQL_RECENT_CLEAR, ""));
	return result;
}

enum store_result
store_sqlite_keys_insert(struct store *store, struct store_sqlite_day *day,
    const uint8_t key[KEYS_LEN], const uint8_t *value, size_t len)
{
	uint8_t found[STORE_SQLITE_VALUE_LEN];
	struct recent_key recent = {.len = (uint8_t)len};
	enum store_result result =
	    store_sqlite_keys_find(store, day, key, found);

	if (result == STORE_OK && recent_is_full(store->recent))
		result = store_sqlite_recent_merge(store);
	if (result == STORE_OK)
		result = sql_run(sql_bind(&store->sql, SQL_RECENT_INSERT, "bb",
		    key, (size_t)KEYS_LEN, value, len));
	if (result != STORE_OK)
		return result;
	recent.row = sqlite3_last_insert_rowid(store->db);
	memcpy(recent.key, key, KEYS_LEN);
	memcpy(recent.value, value, len);
	recent_add(store->recent, &recent);
	day->n++;
	day->dirty = true;
	known_add(store->known, key);
	return STORE_OK;
}

/* It was added before the others went to the table. */
static enum store_result
remove_merged(struct store *store, const uint8_t key[KEYS_LEN])
{
	sqlite3_stmt *statement = NULL;
	enum store_result result;

	result = store_sqlite_day_prepare(
	    store, &statement, "DELETE FROM $ WHERE k = ?1", latest(store));
	if (result == STORE_OK) {
		sqlite3_bind_blob(statement, 1, key, KEYS_LEN, SQLITE_STATIC);
		result = sql_run(statement);
	}
	sqlite3_finalize(statement);
	return result;
}

enum store_result
store_sqlite_keys_remove(struct store *store, const uint8_t key[KEYS_LEN])
{
	const struct recent_key *recent = recent_find(store->recent, key);
	struct store_sqlite_day *day = latest(store);

	day->n--;
	day->dirty = true;
	if (recent == NULL)
		return remove_merged(store, key);
	recent_remove(store->recent, recent);
	return sql_run(
	    sql_bind(&store->sql, SQL_RECENT_DELETE, "i", recent->row));
}
