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

/* -- what is due -- */

enum { DELIVERY_COLUMN = 19 }; /* of SQL_DELIVERY_DUE, behind the event's */

struct due {
	struct store_sqlite_key key;
	struct store_sqlite_row row; /* without its texts */
	bool claimed;                /* else its event is damaged, or … */
	bool missing;
};

/* What a claim finds; it changes no rows while it reads them. */
struct found {
	struct store *store;
	const struct store_sqlite_route *route;
	struct due *list;
	size_t n;
	size_t max;
	size_t bytes;
	struct store_delivery **tail; /* of those claimed */
};

static enum store_result
read_due(struct found *found, sqlite3_stmt *s, struct due *due)
{
	struct store_delivery *d;
	struct event event;

	*due = (struct due){
	    .key = {sqlite3_column_int64(s, DELIVERY_COLUMN), found->route->id,
		sqlite3_column_int64(s, DELIVERY_COLUMN + 1)},
	    .row = {.state = (enum delivery_state)sqlite3_column_int(
			s, DELIVERY_COLUMN + 2),
		.attempt = sqlite3_column_int64(s, DELIVERY_COLUMN + 3),
		.first_at = sqlite3_column_int64(s, DELIVERY_COLUMN + 4),
		.paused_ms = sqlite3_column_int64(s, DELIVERY_COLUMN + 5),
		.reason = store_sqlite_text(s, DELIVERY_COLUMN + 6),
		.attempts = store_sqlite_text(s, DELIVERY_COLUMN + 7)},
	    .missing = sqlite3_column_type(s, 0) == SQLITE_NULL};
	if (due->missing || !store_sqlite_event(found->store, s, &event, true))
		return STORE_OK;
	d = new_delivery(&due->key, found->route->name, &due->row);
	if (d == NULL || (d->event = event_copy(&event)) == NULL) {
		store_delivery_free(d);
		return STORE_FULL;
	}
	*found->tail = d;
	found->tail = &d->next;
	found->bytes += event.body_len;
	d->attempt++;
	d->first_at_ms = unpaused_first(
	    found->route, &due->row, store_sqlite_clock(found->store));
	due->claimed = true;
	return STORE_OK;
}

/* Those due in a span of time. */
static enum store_result
find_between(struct found *found, int64_t from, int64_t to)
{
	sqlite3_stmt *s = sql_bind(&found->store->sql, SQL_DELIVERY_DUE, "iiii",
	    found->route->id, from, to, (int64_t)(found->max - found->n));
	enum store_result result = STORE_OK;

	while (found->bytes < STORE_CLAIM_BYTES && sql_row(s, &result)) {
		result = read_due(found, s, &found->list[found->n]);
		if (result != STORE_OK)
			break;
		found->n++;
	}
	sqlite3_reset(s);
	return result;
}

/* The due deliveries of a route, oldest first, those of a clock that was ahead
 * last. */
static enum store_result
find_due(struct found *found, const struct store_claim *what)
{
	enum store_result result = find_between(found, INT64_MIN, what->now_ms);

	if (result == STORE_OK && found->n < found->max &&
	    found->bytes < STORE_CLAIM_BYTES &&
	    what->horizon_ms < INT64_MAX - what->now_ms)
		result = find_between(
		    found, what->now_ms + what->horizon_ms + 1, INT64_MAX);
	return result;
}

/* -- claiming -- */

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
give_up(struct store *store, const struct due *due, int64_t now_ms)
{
	struct store_sqlite_row row;
	enum store_result result = store_sqlite_row_get(store, &due->key, &row);

	if (result != STORE_OK)
		return result;
	if (due->missing)
		store_sqlite_event_missing(due->key.seq);
	result = give_up_damaged(store, &due->key, &row, due->missing, now_ms);
	sqlite3_reset(row.statement);
	return result;
}

static enum store_result
start(struct store *store, const struct store_sqlite_route *route,
    const struct due *due, int64_t now_ms)
{
	const struct store_sqlite_row *row = &due->row;
	bool first = row->first_at == 0;
	enum store_result result;

	result = sql_run(sql_bind(&store->sql, SQL_DELIVERY_CLAIM, "iiiiiii",
	    due->key.seq, due->key.route, due->key.replay, now_ms,
	    row->attempt + 1, first ? now_ms : row->first_at,
	    first ? route->paused_ms : row->paused_ms));
	if (result != STORE_OK)
		return result;
	store_sqlite_count(store, due->key.route, (unsigned)row->state, -1);
	store_sqlite_count(store, due->key.route, DELIVERY_RUNNING, 1);
	return STORE_OK;
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
	struct due list[STORE_CLAIM_MAX];
	struct found found = {.store = store,
	    .tail = out,
	    .route = store_sqlite_route(store, what->route),
	    .list = list,
	    .max = what->n < STORE_CLAIM_MAX ? what->n : STORE_CLAIM_MAX};
	enum store_result result;

	*out = NULL;
	if (!store->batch)
		return store_sqlite_no_batch(store);
	if (found.route == NULL || found.max == 0)
		return STORE_OK;
	result = find_due(&found, what);
	for (size_t i = 0; i < found.n && result == STORE_OK; i++)
		result = list[i].claimed
			     ? start(store, found.route, &list[i], what->now_ms)
			     : give_up(store, &list[i], what->now_ms);
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
