#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "store_sqlite.h"

/* The time of the first attempt as if the route had not been paused since. */
static int64_t
unpaused_first(const struct store_sqlite_route *route,
    const struct store_sqlite_row *row, int64_t clock)
{
	int64_t paused = route->paused_ms - row->paused_ms;

	if (row->first_at == 0)
		return 0;
	if (route->paused_at != 0)
		paused += clock - route->paused_at;
	return row->first_at + paused;
}

static char *
copy_text(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

/* A delivery without its event. */
static struct store_delivery *
new_delivery(const struct store_sqlite_key *key, const char *route,
    const struct store_sqlite_row *row)
{
	struct store_delivery *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->seq = key->seq;
	d->replay = (uint32_t)key->replay;
	d->attempt = (uint32_t)row->attempt;
	d->first_at_ms = row->first_at;
	d->died_at_ms = row->died_at;
	d->route = strdup(route);
	d->reason = copy_text(row->reason);
	d->attempts = strdup(row->attempts != NULL ? row->attempts : "[]");
	if (d->route != NULL && d->attempts != NULL &&
	    (row->reason == NULL || d->reason != NULL))
		return d;
	store_delivery_free(d);
	return NULL;
}

/* The due deliveries of a route, oldest first, those of a clock that was ahead
 * last. */
static enum store_result
find_due(struct store *store, int64_t route, const struct store_claim *what,
    struct store_sqlite_key keys[STORE_CLAIM_MAX], size_t *found)
{
	size_t n = what->n < STORE_CLAIM_MAX ? what->n : STORE_CLAIM_MAX;
	int64_t far = what->horizon_ms < INT64_MAX - what->now_ms
			  ? what->now_ms + what->horizon_ms
			  : INT64_MAX;
	enum store_result result;

	*found = 0;
	result = store_sqlite_list_keys(
	    sql_bind(&store->sql, SQL_DELIVERY_DUE, "iiii", route, INT64_MIN,
		what->now_ms, (int64_t)n),
	    route, keys, found);
	if (result != STORE_OK || *found == n || far == INT64_MAX)
		return result;
	return store_sqlite_list_keys(
	    sql_bind(&store->sql, SQL_DELIVERY_DUE, "iiii", route, far + 1,
		INT64_MAX, (int64_t)(n - *found)),
	    route, keys, found);
}

/* A delivery whose event cannot be trusted ends here.  Without any event there
 * is nothing a dead letter could hold. */
static enum store_result
give_up_damaged(struct store *store, const struct store_sqlite_key *key,
    const struct store_sqlite_row *row, bool missing, int64_t now_ms)
{
	struct store_sqlite_ending e = store_sqlite_ending(
	    row, missing ? DELIVERY_DEAD : DELIVERY_EXHAUSTED);
	struct store_attempt why = {
	    .at_ms = now_ms,
	    .outcome = "damaged",
	    .detail = missing ? "the event is not in the store"
			      : "the body's SHA-256 does not match",
	};
	struct buf attempts = {0};
	enum store_result result = STORE_FULL;

	e.died_at = now_ms;
	e.reason = "damaged";
	if (attempts_add(&attempts, row->attempts, &why) == 0) {
		e.attempts = buf_str(&attempts);
		result = store_sqlite_row_end(store, key, row->state, &e);
	}
	buf_clear(&attempts);
	return result;
}

static enum store_result
start(struct store *store, const struct store_sqlite_route *route,
    const struct store_sqlite_key *key, struct store_sqlite_row *row,
    int64_t now_ms)
{
	bool first = row->first_at == 0;
	enum store_result result;

	result = sql_run(sql_bind(&store->sql, SQL_DELIVERY_CLAIM, "iiiiiii",
	    key->seq, key->route, key->replay, now_ms, row->attempt + 1,
	    first ? now_ms : row->first_at,
	    first ? route->paused_ms : row->paused_ms));
	if (result != STORE_OK)
		return result;
	store_sqlite_count(store, key->route, (unsigned)row->state, -1);
	store_sqlite_count(store, key->route, DELIVERY_RUNNING, 1);
	return STORE_OK;
}

/* One due delivery; *out stays NULL when its event is damaged. */
static enum store_result
claim_one(struct store *store, const struct store_sqlite_route *route,
    const struct store_sqlite_key *key, int64_t now_ms,
    struct store_delivery **out)
{
	struct store_sqlite_row row = {0};
	struct event *event = NULL;
	struct store_delivery *d = NULL;
	bool damaged = false;
	enum store_result result = store_sqlite_row_get(store, key, &row);

	if (result != STORE_OK)
		return result;
	result = store_sqlite_event_copy(store, key->seq, &event, &damaged);
	if (result == STORE_NONE || (result == STORE_OK && damaged)) {
		result = give_up_damaged(
		    store, key, &row, result == STORE_NONE, now_ms);
		goto out;
	}
	if (result != STORE_OK)
		goto out;
	d = new_delivery(key, route->name, &row);
	result =
	    d != NULL ? start(store, route, key, &row, now_ms) : STORE_FULL;
	if (result != STORE_OK)
		goto out;
	d->attempt++;
	d->first_at_ms = unpaused_first(route, &row, store_sqlite_clock(store));
	d->event = event;
	*out = d;
	event = NULL;
	d = NULL;
out:
	sqlite3_reset(row.statement);
	store_delivery_free(d);
	event_free(event);
	return result;
}

static void
free_list(struct store_delivery **list)
{
	while (*list != NULL) {
		struct store_delivery *next = (*list)->next;

		store_delivery_free(*list);
		*list = next;
	}
}

enum store_result
store_sqlite_claim(struct store *store, const struct store_claim *what,
    struct store_delivery **out)
{
	struct store_sqlite_key keys[STORE_CLAIM_MAX];
	const struct store_sqlite_route *route =
	    store_sqlite_route(store, what->route);
	struct store_delivery **tail = out;
	enum store_result result;
	size_t found, bytes = 0;

	*out = NULL;
	if (!store->batch)
		return store_sqlite_no_batch(store);
	if (route == NULL || what->n == 0)
		return STORE_OK;
	result = find_due(store, route->id, what, keys, &found);
	for (size_t i = 0;
	     i < found && result == STORE_OK && bytes < STORE_CLAIM_BYTES;
	     i++) {
		result = claim_one(store, route, &keys[i], what->now_ms, tail);
		if (*tail == NULL)
			continue;
		bytes += (*tail)->event->body_len;
		tail = &(*tail)->next;
	}
	if (result != STORE_OK)
		free_list(out);
	return store_sqlite_end(
	    store, result == STORE_NONE ? STORE_BROKEN : result);
}

enum store_result
store_sqlite_next_due(struct store *store, const char *name, int64_t *due_ms)
{
	const struct store_sqlite_route *route =
	    store_sqlite_route(store, name);
	enum store_result result;

	*due_ms = INT64_MAX;
	if (route == NULL)
		return STORE_OK;
	result = sql_value(
	    sql_bind(&store->sql, SQL_DELIVERY_NEXT, "i", route->id), due_ms);
	return result == STORE_NONE ? STORE_OK : result;
}

/* -- exhausted ones -- */

static enum store_result
copy_exhausted(struct store *store, const struct store_sqlite_key *key,
    struct store_delivery **out)
{
	struct store_sqlite_row row;
	struct store_delivery *d;
	bool damaged;
	enum store_result result = store_sqlite_row_get(store, key, &row);

	if (result != STORE_OK)
		return result;
	d = new_delivery(key, store_sqlite_route_name(store, key->route), &row);
	sqlite3_reset(row.statement);
	if (d == NULL)
		return STORE_FULL;
	result = store_sqlite_event_copy(store, key->seq, &d->event, &damaged);
	if (result != STORE_OK) {
		store_delivery_free(d);
		return result;
	}
	*out = d;
	return STORE_OK;
}

enum store_result
store_sqlite_exhausted(
    struct store *store, unsigned n, struct store_delivery **out)
{
	struct store_sqlite_key keys[STORE_CLAIM_MAX];
	struct store_delivery **tail = out;
	enum store_result result;
	size_t found;

	*out = NULL;
	if (n > STORE_CLAIM_MAX)
		n = STORE_CLAIM_MAX;
	result =
	    store_sqlite_list_kept(store, DELIVERY_EXHAUSTED, n, keys, &found);
	for (size_t i = 0; i < found && result == STORE_OK; i++) {
		result = copy_exhausted(store, &keys[i], tail);
		/* Its event is gone, which was logged. */
		if (result == STORE_NONE)
			result = STORE_OK;
		else if (result == STORE_OK)
			tail = &(*tail)->next;
	}
	if (result != STORE_OK)
		free_list(out);
	return result;
}
