/* Bodies of events whose key is not signed: whether one came before. */

#include <string.h>

#include "store_sqlite.h"

enum { READ_EVENTS = 256 /* of an earlier life, a call */ };

enum store_result
store_sqlite_bodies_find(struct store *store, const struct event *event,
    struct store_sqlite_body *body)
{
	uint8_t first[EVENT_ID_LEN];
	enum store_result result;

	*body = (struct store_sqlite_body){0};
	if (keys_hash(store->hasher, event, KEYS_SEEN, body->hash) != 0)
		return STORE_FULL;
	body->seen = bodies_has(
	    store->bodies, body->hash, store_sqlite_keys_since(store));
	if (!event->strict_replay || body->seen)
		return STORE_OK;
	result = store_sqlite_known_add(store, body->hash, event->id, first);
	body->added = result == STORE_OK;
	body->seen = result == STORE_NONE;
	return body->seen ? STORE_OK : result;
}

void
store_sqlite_bodies_add(
    struct store *store, const struct store_sqlite_body *body)
{
	bodies_add(store->bodies, body->hash, store_sqlite_keys_day(store));
}

/* One event of an earlier life.  False: there are enough. */
static bool
read_event(struct store *store, sqlite3_stmt *row)
{
	struct event event = {.key = ""};
	uint8_t body[KEYS_LEN];

	store->bodies_cursor = sqlite3_column_int64(row, 0);
	if (++store->bodies_looked > BODIES_MIN)
		return false;
	if (sqlite3_column_int(row, 4) != EVENT_DEDUP_KEY_BODY ||
	    sqlite3_column_bytes(row, 3) != EVENT_SHA256_LEN)
		return true;
	store->bodies_found = true;
	event.source = (const char *)sqlite3_column_text(row, 2);
	memcpy(event.sha256, sqlite3_column_blob(row, 3), EVENT_SHA256_LEN);
	return event.source != NULL &&
	       keys_hash(store->hasher, &event, KEYS_SEEN, body) == 0 &&
	       bodies_add_old(store->bodies, body,
		   sqlite3_column_int64(row, 1) / STORE_SQLITE_DAY_MS);
}

bool
store_sqlite_bodies_idle(struct store *store)
{
	enum store_result result = STORE_OK;
	sqlite3_stmt *row;
	bool more = true;
	int n = 0;

	if (store->bodies_cursor == 0)
		return false;
	row = sql_bind(&store->sql, SQL_EVENT_BODIES, "ii",
	    store->bodies_cursor, (int64_t)READ_EVENTS);
	while (more && sql_row(row, &result)) {
		more = read_event(store, row);
		n++;
	}
	sqlite3_reset(row);
	/* Where there are none among many there are none. */
	if (!more || n < READ_EVENTS ||
	    (!store->bodies_found && store->bodies_looked >= BODIES_MIN / 32))
		store->bodies_cursor = 0;
	return store->bodies_cursor != 0;
}
