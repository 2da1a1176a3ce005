#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "attempts.h"
#include "store_sqlite.h"

/* Only the state changes. */
static enum store_result
change_state(struct store *store, const struct store_sqlite_key *key,
    const struct store_sqlite_row *row, enum delivery_state state)
{
	struct store_sqlite_ending e = store_sqlite_ending(row, state);

	return store_sqlite_row_end(store, key, row->state, &e);
}

/* -- the end of an attempt -- */

static enum store_result
keep_output(struct store *store, const struct store_sqlite_key *key,
    const struct store_attempt *attempt)
{
	enum store_result result;

	if (attempt->output == NULL || attempt->output_len == 0)
		return STORE_OK;
	result = sql_run(sql_bind(&store->sql, SQL_OUTPUT_INSERT, "iiiib",
	    key->seq, key->route, key->replay, attempt->at_ms,
	    (const void *)attempt->output, attempt->output_len));
	if (result != STORE_OK)
		return result;
	return sql_run(sql_bind(&store->sql, SQL_OUTPUT_TRIM, "iii", key->seq,
	    key->route, key->replay));
}

/* The row as the attempt leaves it, but for the list of attempts. */
static struct store_sqlite_ending
ending_by(const struct store_sqlite_row *row, const struct store_settle *settle)
{
	struct store_sqlite_ending e = store_sqlite_ending(row, settle->state);

	if (row->state == DELIVERY_CANCELLED &&
	    settle->state != DELIVERY_DELIVERED) {
		e.state = DELIVERY_CANCELLED;
		return e;
	}
	switch (settle->state) {
	case DELIVERY_PENDING: /* cut short: as if it had not begun */
		e.due = settle->due_ms;
		e.attempt = row->attempt > 0 ? row->attempt - 1 : 0;
		if (e.attempt == 0)
			e.first_at = 0;
		break;
	case DELIVERY_WAITING:
		e.due = settle->due_ms;
		break;
	case DELIVERY_EXHAUSTED:
		e.died_at = settle->now_ms;
		e.reason = settle->reason;
		break;
	case DELIVERY_DELIVERED:
		e.reason = NULL;
		break;
	case DELIVERY_RUNNING:
	case DELIVERY_DEAD:
	case DELIVERY_CANCELLED:
	case DELIVERY__MAX:
	default:
		break;
	}
	return e;
}

static enum store_result
settle_row(struct store *store, const struct store_sqlite_key *key,
    const struct store_sqlite_row *row, const struct store_settle *settle)
{
	struct store_sqlite_ending e = ending_by(row, settle);
	struct buf attempts = {0};
	enum store_result result = STORE_FULL;

	if (settle->attempt != NULL) {
		if (attempts_add(&attempts, row->attempts, settle->attempt) !=
		    0)
			goto out;
		e.attempts = buf_str(&attempts);
	}
	result = store_sqlite_row_end(store, key, row->state, &e);
	if (result == STORE_OK && settle->attempt != NULL)
		result = keep_output(store, key, settle->attempt);
out:
	buf_clear(&attempts);
	return result;
}

/* The first attempt of a delivery ended well: its row need not be read.
 * STORE_NONE: it is not such a one, or not running. */
static enum store_result
settle_ok(struct store *store, const struct store_sqlite_key *key,
    const struct store_settle *settle)
{
	struct buf attempts = {0};
	enum store_result result = STORE_FULL;

	if (settle->state != DELIVERY_DELIVERED || settle->attempt == NULL)
		return STORE_NONE;
	if (attempts_add(&attempts, NULL, settle->attempt) != 0)
		goto out;
	result = sql_run(sql_bind(&store->sql, SQL_DELIVERY_OK, "iiiit",
	    key->seq, key->route, key->replay, store_sqlite_clock(store),
	    buf_str(&attempts)));
	if (result == STORE_OK && sqlite3_changes(store->db) == 0)
		result = STORE_NONE;
	if (result != STORE_OK)
		goto out;
	store_sqlite_count(store, key->route, DELIVERY_RUNNING, -1);
	store_sqlite_count(store, key->route, DELIVERY_DELIVERED, 1);
	result = keep_output(store, key, settle->attempt);
out:
	buf_clear(&attempts);
	return result;
}

/* Whatever it is now and becomes. */
static enum store_result
settle_any(struct store *store, const struct store_sqlite_key *key,
    const struct store_settle *settle)
{
	struct store_sqlite_row row;
	enum store_result result = store_sqlite_row_get(store, key, &row);

	if (result != STORE_OK)
		return result;
	if (row.state == DELIVERY_RUNNING || row.state == DELIVERY_CANCELLED)
		result = settle_row(store, key, &row, settle);
	else
		result = STORE_NONE;
	sqlite3_reset(row.statement);
	return result;
}

enum store_result
store_sqlite_settle(struct store *store, const struct store_settle *settle)
{
	const struct store_sqlite_route *route =
	    store_sqlite_route(store, settle->route);
	struct store_sqlite_key key = {
	    .seq = settle->seq, .replay = settle->replay};
	enum store_result result = STORE_NONE;

	if (!store->batch)
		return store_sqlite_no_batch(store);
	if (route != NULL) {
		key.route = route->id;
		result = settle_ok(store, &key, settle);
		if (result == STORE_NONE)
			result = settle_any(store, &key, settle);
	}
	if (result == STORE_NONE) {
		log_warn("settle_ignored", log_int("seq", settle->seq),
		    log_str("route", settle->route),
		    log_int("replay", settle->replay));
		result = STORE_OK;
	}
	return store_sqlite_end(store, result);
}

enum store_result
store_sqlite_bury(
    struct store *store, int64_t seq, const char *name, uint32_t replay)
{
	const struct store_sqlite_route *route =
	    store_sqlite_route(store, name);
	struct store_sqlite_key key = {.seq = seq, .replay = replay};
	enum store_result result = STORE_NONE;
	struct store_sqlite_row row = {0};

	if (!store->batch)
		return store_sqlite_no_batch(store);
	if (route != NULL) {
		key.route = route->id;
		result = store_sqlite_row_get(store, &key, &row);
	}
	if (result == STORE_OK && row.state == DELIVERY_EXHAUSTED)
		result = change_state(store, &key, &row, DELIVERY_DEAD);
	sqlite3_reset(row.statement);
	return store_sqlite_end(
	    store, result == STORE_NONE ? STORE_OK : result);
}

/* -- by hand -- */

enum { REPLAYS_MAX = 1024 };

/* The next replay of each route (or the one of this number) whose newest
 * delivery is in one of the states; rows come by route and replay. */
static enum store_result
find_replays(struct store *store, const struct store_replay *what,
    int64_t route, struct store_sqlite_key keys[REPLAYS_MAX], size_t *n)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_DELIVERY_NEWEST, "i", what->seq);
	enum store_result result;
	bool wanted = false;

	*n = 0;
	while (sql_row(row, &result)) {
		int64_t id = sqlite3_column_int64(row, 0);

		if (route != 0 && id != route)
			continue;
		if (wanted && keys[*n].route != id)
			++*n;
		if (*n == REPLAYS_MAX) {
			sqlite3_reset(row);
			return STORE_OK;
		}
		wanted = (what->states >> sqlite3_column_int(row, 2) & 1) != 0;
		keys[*n] = (struct store_sqlite_key){
		    what->seq, id, sqlite3_column_int64(row, 1) + 1};
	}
	if (wanted)
		++*n;
	return result;
}

enum store_result
store_sqlite_replay(
    struct store *store, const struct store_replay *what, unsigned *n)
{
	struct store_sqlite_key keys[REPLAYS_MAX];
	const struct store_sqlite_route *route =
	    what->route != NULL ? store_sqlite_route(store, what->route) : NULL;
	enum store_result result;
	int64_t received;
	size_t found = 0;

	*n = 0;
	if (!store->batch)
		return store_sqlite_no_batch(store);
	result =
	    sql_value(sql_bind(&store->sql, SQL_EVENT_RECEIVED, "i", what->seq),
		&received);
	if (result == STORE_OK && (what->route == NULL || route != NULL))
		result = find_replays(
		    store, what, route != NULL ? route->id : 0, keys, &found);
	for (size_t i = 0; i < found && result == STORE_OK; i++)
		result = store_sqlite_deliver(store, &keys[i], what->now_ms);
	if (result == STORE_OK)
		*n = (unsigned)found;
	return store_sqlite_end(store, result);
}

static enum store_result
cancel_one(struct store *store, const struct store_sqlite_key *key)
{
	struct store_sqlite_row row;
	enum store_result result = store_sqlite_row_get(store, key, &row);

	if (result != STORE_OK)
		return result;
	result = change_state(store, key, &row, DELIVERY_CANCELLED);
	sqlite3_reset(row.statement);
	return result;
}

enum store_result
store_sqlite_cancel(
    struct store *store, const char *name, unsigned limit, unsigned *n)
{
	struct store_sqlite_key keys[STORE_CLAIM_MAX];
	const struct store_sqlite_route *route =
	    store_sqlite_route(store, name);
	enum store_result result = STORE_OK;
	size_t found = 0;

	*n = 0;
	if (!store->batch)
		return store_sqlite_no_batch(store);
	if (route == NULL)
		return STORE_OK;
	if (limit > STORE_CLAIM_MAX)
		limit = STORE_CLAIM_MAX;
	result = store_sqlite_list_keys(sql_bind(&store->sql, SQL_DELIVERY_OPEN,
					    "ii", route->id, (int64_t)limit),
	    route->id, keys, &found);
	for (size_t i = 0; i < found && result == STORE_OK; i++)
		result = cancel_one(store, &keys[i]);
	if (result == STORE_OK)
		*n = (unsigned)found;
	return store_sqlite_end(
	    store, result == STORE_NONE ? STORE_BROKEN : result);
}

/* -- after a crash -- */

static enum store_result
recover_one(
    struct store *store, const struct store_sqlite_key *key, int64_t now_ms)
{
	struct store_attempt lost = {.outcome = "unknown",
	    .detail = "the worker was stopped while it ran"};
	struct buf attempts = {0};
	struct store_sqlite_ending e;
	struct store_sqlite_row row;
	enum store_result result = store_sqlite_row_get(store, key, &row);

	if (result != STORE_OK)
		return result;
	/* While it runs, due is when it began. */
	lost.at_ms = row.due;
	lost.ms = now_ms > row.due ? now_ms - row.due : 0;
	e = store_sqlite_ending(&row, DELIVERY_WAITING);
	e.due = now_ms;
	result = STORE_FULL;
	if (attempts_add(&attempts, row.attempts, &lost) == 0) {
		e.attempts = buf_str(&attempts);
		result = store_sqlite_row_end(store, key, row.state, &e);
	}
	buf_clear(&attempts);
	sqlite3_reset(row.statement);
	return result;
}

enum store_result
store_sqlite_recover(struct store *store, int64_t now_ms)
{
	struct store_sqlite_key keys[STORE_CLAIM_MAX];
	enum store_result result;
	size_t found;

	do {
		result = store_sqlite_list_kept(
		    store, DELIVERY_RUNNING, STORE_CLAIM_MAX, keys, &found);
		for (size_t i = 0; i < found && result == STORE_OK; i++)
			result = recover_one(store, &keys[i], now_ms);
	} while (result == STORE_OK && found > 0);
	return result == STORE_NONE ? STORE_BROKEN : result;
}
