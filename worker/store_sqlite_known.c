#include <string.h>

#include "store_sqlite.h"

/* STORE_NONE: found. */
static enum store_result
find_in(struct store *store, struct store_sqlite_day *day,
    const uint8_t key[KEYS_LEN], uint8_t first[EVENT_ID_LEN])
{
	uint8_t value[STORE_SQLITE_VALUE_LEN];
	enum store_result result =
	    store_sqlite_keys_find(store, day, key, value);

	if (result == STORE_NONE)
		memcpy(first, value, EVENT_ID_LEN);
	return result;
}

enum store_result
store_sqlite_known_add(struct store *store, const uint8_t key[KEYS_LEN],
    const uint8_t id[EVENT_ID_LEN], uint8_t first[EVENT_ID_LEN])
{
	struct store_sqlite_day *day, *old;
	enum store_result result = store_sqlite_keys_today(store, &day);

	for (size_t i = 0; result == STORE_OK &&
			   (old = store_sqlite_keys_before(store, i)) != NULL;
	     i++)
		result = find_in(store, old, key, first);
	if (result != STORE_OK)
		return result;
	result = store_sqlite_keys_insert(store, day, key, id, EVENT_ID_LEN);
	return result == STORE_NONE ? find_in(store, day, key, first) : result;
}

/*
 * Where the key is not signed a day has a row for each key alone, KEYS_BARE,
 * with the first body that came under it; only other bodies under it have rows
 * for both.  So an event costs one row, and the others are found by it.
 */
struct pair {
	const struct event *event;
	uint8_t bare[KEYS_LEN];
	uint8_t both[KEYS_LEN];
	bool has_both; /* seldom needed */
	struct store_sqlite_pair *found;
};

static enum store_result
find_both(struct store *store, struct store_sqlite_day *day, struct pair *pair,
    uint8_t first[EVENT_ID_LEN])
{
	if (!pair->has_both &&
	    keys_hash(store->hasher, pair->event, KEYS_BOTH, pair->both) != 0)
		return STORE_FULL;
	pair->has_both = true;
	return find_in(store, day, pair->both, first);
}

static enum store_result
find_pair(struct store *store, struct store_sqlite_day *day, struct pair *pair,
    uint8_t first[EVENT_ID_LEN])
{
	bool ask = store_sqlite_keys_has_both(store, day);
	uint8_t value[STORE_SQLITE_VALUE_LEN];
	enum store_result result =
	    store_sqlite_keys_find(store, day, pair->bare, value);

	if (result == STORE_NONE) {
		memcpy(first, value, EVENT_ID_LEN);
		if (memcmp(value + EVENT_ID_LEN, pair->event->sha256,
			STORE_SQLITE_TAG_LEN) == 0)
			return result;
		pair->found->changed = ask = true;
		result = STORE_OK;
	}
	if (result == STORE_OK && ask)
		result = find_both(store, day, pair, first);
	return result;
}

static enum store_result
add_pair(struct store *store, struct pair *pair, uint8_t first[EVENT_ID_LEN])
{
	const struct event *event = pair->event;
	struct store_sqlite_day *day, *old;
	enum store_result result = store_sqlite_keys_today(store, &day);
	uint8_t value[STORE_SQLITE_VALUE_LEN];

	for (size_t i = 0; result == STORE_OK &&
			   (old = store_sqlite_keys_before(store, i)) != NULL;
	     i++)
		result = find_pair(store, old, pair, first);
	if (result == STORE_OK && store_sqlite_keys_has_both(store, day))
		result = find_both(store, day, pair, first);
	if (result != STORE_OK)
		return result;
	memcpy(value, event->id, EVENT_ID_LEN);
	memcpy(value + EVENT_ID_LEN, event->sha256, STORE_SQLITE_TAG_LEN);
	pair->found->added = KEYS_BARE;
	result = store_sqlite_keys_insert(
	    store, day, pair->bare, value, STORE_SQLITE_VALUE_LEN);
	if (result != STORE_NONE)
		return result;
	pair->found->added = KEYS_BOTH;
	result = find_pair(store, day, pair, first);
	if (result == STORE_OK)
		result = store_sqlite_keys_insert(
		    store, day, pair->both, event->id, EVENT_ID_LEN);
	return result;
}

enum store_result
store_sqlite_known_add_pair(struct store *store, const struct event *event,
    uint8_t first[EVENT_ID_LEN], struct store_sqlite_pair *found)
{
	struct pair pair = {.event = event, .found = found};

	if (keys_hash(store->hasher, event, KEYS_BARE, pair.bare) != 0)
		return STORE_FULL;
	*found = (struct store_sqlite_pair){0};
	return add_pair(store, &pair, first);
}
