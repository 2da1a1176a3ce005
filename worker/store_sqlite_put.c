#include <string.h>

#include "store_sqlite.h"

enum { ROUTES_MAX = 1024 }; /* a copy can revive in one go */

/* The number of a stored event; STORE_NONE when it is not there. */
static enum store_result
find_seq(struct store *store, const uint8_t id[EVENT_ID_LEN], int64_t *seq)
{
	return sql_value(
	    sql_bind(&store->sql, SQL_EVENT_SEQ, "b", id, (size_t)EVENT_ID_LEN),
	    seq);
}

/* -- a copy of an event -- */

/* Whether a delivery, the newest of its route, is to begin anew. */
static bool
is_revivable(const struct store *store, sqlite3_stmt *row, int64_t now_ms)
{
	int64_t since = sqlite3_column_int64(row, 3);
	const char *route;

	if (sqlite3_column_int(row, 2) != DELIVERY_DEAD)
		return false;
	if (sqlite3_column_int64(row, 1) == 0 || store->revive_after_ms == NULL)
		return true;
	if (since == 0)
		since = sqlite3_column_int64(row, 4);
	route = store_sqlite_route_name(store, sqlite3_column_int64(row, 0));
	return since > now_ms ||
	       now_ms - since >=
		   store->revive_after_ms(store->revive_arg, route);
}

/* Collect the deliveries to begin anew; rows come by route and replay. */
static enum store_result
find_dead(struct store *store, int64_t seq, int64_t now_ms,
    struct store_sqlite_key keys[ROUTES_MAX], size_t *n)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_DELIVERY_NEWEST, "i", seq);
	enum store_result result;
	bool dead = false;

	*n = 0;
	while (sql_row(row, &result)) {
		int64_t route = sqlite3_column_int64(row, 0);

		/* A later replay of the same route decides over this one. */
		if (dead && keys[*n].route != route)
			++*n;
		if (*n == ROUTES_MAX) {
			sqlite3_reset(row);
			return STORE_OK;
		}
		dead = is_revivable(store, row, now_ms);
		keys[*n] = (struct store_sqlite_key){
		    seq, route, sqlite3_column_int64(row, 1) + 1};
	}
	if (dead)
		++*n;
	return result;
}

static enum store_result
revive(struct store *store, int64_t seq, int64_t now_ms,
    struct store_put_result *found)
{
	struct store_sqlite_key keys[ROUTES_MAX];
	enum store_result result;
	size_t n;

	result = find_dead(store, seq, now_ms, keys, &n);
	for (size_t i = 0; i < n && result == STORE_OK; i++) {
		result = store_sqlite_deliver(store, &keys[i], now_ms);
		if (i > 0)
			buf_add_char(&found->revived, ',');
		buf_add_str(&found->revived,
		    store_sqlite_route_name(store, keys[i].route));
	}
	if (found->revived.failed)
		return STORE_FULL;
	return result;
}

static enum store_result
put_copy(struct store *store, int64_t now_ms, struct store_put_result *found)
{
	enum store_result result = find_seq(store, found->id, &found->seq);

	found->what = STORE_PUT_DUPLICATE;
	/* Purged already: the key alone is known. */
	if (result == STORE_NONE)
		return STORE_OK;
	if (result != STORE_OK)
		return result;
	result = store_sqlite_reroute(store, found->seq, now_ms);
	found->rerouted = result == STORE_OK;
	if (result != STORE_NONE)
		return result;
	return revive(store, found->seq, now_ms, found);
}

/* -- a new event -- */

static enum store_result
insert(
    struct store *store, const struct event *e, unsigned flags, int64_t now_ms)
{
	sqlite3_stmt *statement = sql_bind(&store->sql, SQL_EVENT_INSERT,
	    "ibiiittttttttttiibib", store->next_seq, (const void *)e->id,
	    (size_t)EVENT_ID_LEN, e->received_at_ms, now_ms,
	    store_sqlite_clock(store), e->source, e->key, e->type, e->remote,
	    e->method, e->path, e->query, e->content_type, e->headers,
	    e->scheme, (int64_t)e->dedup, (int64_t)(e->probe | flags << 1),
	    (const void *)e->sha256, (size_t)EVENT_SHA256_LEN,
	    (int64_t)e->body_len, e->body, e->body_len);
	enum store_result result = sql_run(statement);

	if (result == STORE_OK && sqlite3_changes(store->db) == 0)
		return STORE_NONE;
	return result;
}

/* An event on its way in. */
struct put {
	const struct event *event;
	int64_t now_ms;
	struct store_sqlite_body body; /* EVENT_DEDUP_KEY_BODY */
	unsigned added;                /* to the keys: 1 << kind */
	struct store_put_result *found;
};

/* It is not stored now: what was added to the keys for it goes. */
static enum store_result
forget_keys(struct store *store, const struct put *put)
{
	enum store_result result = STORE_OK;
	uint8_t key[KEYS_LEN];

	for (enum keys_kind kind = KEYS_KEY;
	     kind < KEYS__MAX && result == STORE_OK; kind++) {
		if ((put->added >> kind & 1) == 0)
			continue;
		if (keys_hash(store->hasher, put->event, kind, key) != 0)
			return STORE_FULL;
		result = store_sqlite_keys_remove(store, key);
	}
	return result;
}

static enum store_result
put_same(struct store *store, const struct put *put)
{
	struct store_put_result *found = put->found;
	enum store_result result = find_seq(store, put->event->id, &found->seq);

	found->what = STORE_PUT_SAME;
	found->flags = 0;
	return result == STORE_OK ? forget_keys(store, put) : result;
}

static enum store_result
put_refused(struct store *store, const struct put *put)
{
	enum store_result result =
	    find_seq(store, put->event->id, &put->found->seq);

	if (result == STORE_OK)
		return put_same(store, put);
	put->found->what = STORE_PUT_REFUSED;
	return result == STORE_NONE ? forget_keys(store, put) : result;
}

static enum store_result
put_new(struct store *store, const struct put *put)
{
	const struct event *event = put->event;
	struct store_put_result *found = put->found;
	enum store_result result;

	memcpy(found->id, event->id, EVENT_ID_LEN);
	if (event->strict_replay && (found->flags & EVENT_REPLAYED_BODY) != 0)
		return put_refused(store, put);
	result = insert(store, event, found->flags, put->now_ms);
	if (result == STORE_NONE)
		return put_same(store, put);
	if (result != STORE_OK)
		return result;
	if (event->dedup == EVENT_DEDUP_KEY_BODY)
		store_sqlite_bodies_add(store, &put->body);
	found->what = STORE_PUT_NEW;
	found->seq = store->next_seq++;
	/* Behind the last routed one: it waits for the routing step. */
	store_sqlite_count(store, 0, COUNT_UNROUTED, 1);
	return STORE_OK;
}

/* The key is known; the id may be so too: then it is no copy but the same. */
static enum store_result
put_known(struct store *store, const struct put *put)
{
	const struct event *event = put->event;
	struct store_put_result *found = put->found;
	enum store_result result = find_seq(store, event->id, &found->seq);

	if (result == STORE_OK ||
	    (result == STORE_NONE &&
		memcmp(found->id, event->id, EVENT_ID_LEN) == 0)) {
		found->what = STORE_PUT_SAME;
		memcpy(found->id, event->id, EVENT_ID_LEN);
		return STORE_OK;
	}
	if (result != STORE_NONE)
		return result;
	return put_copy(store, put->now_ms, found);
}

/* A key that is not signed is known with each body. */
static enum store_result
add_pair(struct store *store, struct put *put)
{
	struct store_sqlite_pair pair;
	enum store_result result = store_sqlite_known_add_pair(
	    store, put->event, put->found->id, &pair);

	if (result != STORE_OK)
		return result;
	result = store_sqlite_bodies_find(store, put->event, &put->body);
	put->added =
	    1U << pair.added | (put->body.added ? 1U << KEYS_SEEN : 0U);
	put->found->flags = (pair.changed ? EVENT_CHANGED_BODY : 0U) |
			    (put->body.seen ? EVENT_REPLAYED_BODY : 0U);
	return result;
}

static enum store_result
add_keys(struct store *store, struct put *put)
{
	const struct event *event = put->event;
	uint8_t key[KEYS_LEN];

	if (!keys_has(event))
		return STORE_OK;
	if (event->dedup == EVENT_DEDUP_KEY_BODY)
		return add_pair(store, put);
	if (keys_hash(
		store->hasher, event, (enum keys_kind)event->dedup, key) != 0)
		return STORE_FULL;
	put->added = 1U << event->dedup;
	return store_sqlite_known_add(store, key, event->id, put->found->id);
}

enum store_result
store_sqlite_put(struct store *store, const struct event *event, int64_t now_ms,
    struct store_put_result *found)
{
	struct put put = {.event = event, .now_ms = now_ms, .found = found};
	enum store_result result;

	*found = (struct store_put_result){.flags = event->flags};
	if (!store->batch)
		return store_sqlite_no_batch(store);
	result = add_keys(store, &put);
	if (result == STORE_NONE)
		result = put_known(store, &put);
	else if (result == STORE_OK)
		result = put_new(store, &put);
	if (result != STORE_OK)
		buf_clear(&found->revived);
	return store_sqlite_end(store, result);
}
