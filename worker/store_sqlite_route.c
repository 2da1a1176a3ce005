#include "../shared/clock.h"
#include "../shared/log.h"
#include "attempts.h"
#include "store_sqlite.h"

/*
 * Which events wait for the routing step: all behind the last routed one, as
 * events are routed mostly in order, and those in the table `todo`: passed
 * over, to be routed again, or with only filters left.
 */
struct todo {
	int64_t seq;
	int64_t due_ms; /* of the deliveries to be made */
	bool filtered;
	bool behind; /* the last routed one: not in the table */
};

static int64_t
last_routed(const struct store *store)
{
	return store->routes[0]->n[COUNT_LAST_ROUTED];
}

/* STORE_NONE: it does not wait for routing. */
static enum store_result
get_todo(struct store *store, int64_t seq, struct todo *todo)
{
	sqlite3_stmt *row;
	enum store_result result;

	*todo = (struct todo){.seq = seq, .behind = seq > last_routed(store)};
	if (todo->behind)
		return sql_value(
		    sql_bind(&store->sql, SQL_EVENT_STORED, "i", seq),
		    &todo->due_ms);
	row = sql_bind(&store->sql, SQL_TODO_GET, "i", seq);
	if (!sql_row(row, &result))
		return result == STORE_OK ? STORE_NONE : result;
	todo->filtered = sqlite3_column_int(row, 0) != 0;
	todo->due_ms = sqlite3_column_int64(row, 1);
	sqlite3_reset(row);
	return STORE_OK;
}

enum store_result
store_sqlite_is_todo(struct store *store, int64_t seq, bool *todo)
{
	struct todo found;
	enum store_result result = get_todo(store, seq, &found);

	*todo = result == STORE_OK;
	return result == STORE_NONE ? STORE_OK : result;
}

static enum store_result
add_todo(struct store *store, int64_t seq, bool filtered, int64_t due_ms)
{
	enum store_result result;

	result = sql_run(sql_bind(&store->sql, SQL_TODO_INSERT, "iii",
	    (int64_t)filtered, seq, due_ms));
	if (result == STORE_OK)
		store_sqlite_count(store, 0, COUNT_UNROUTED, 1);
	return result;
}

/* The event has been routed; those it passed over go into the table. */
static enum store_result
remove_todo(struct store *store, const struct todo *todo)
{
	int64_t last = last_routed(store);
	enum store_result result = STORE_OK;

	if (!todo->behind)
		result = sql_run(sql_bind(&store->sql, SQL_TODO_DELETE, "ii",
		    (int64_t)todo->filtered, todo->seq));
	else if (todo->seq > last + 1)
		result = sql_run(sql_bind(
		    &store->sql, SQL_TODO_PASSED, "ii", last, todo->seq));
	if (result != STORE_OK)
		return result;
	if (todo->behind)
		store_sqlite_count(
		    store, 0, COUNT_LAST_ROUTED, todo->seq - last);
	store_sqlite_count(store, 0, COUNT_UNROUTED, -1);
	return STORE_OK;
}

/* The statement's LIMIT keeps its rows within the page. */
static enum store_result
list_seqs(sqlite3_stmt *row, struct store_unrouted *page)
{
	enum store_result result;

	while (sql_row(row, &result))
		page->seqs[page->found++] = sqlite3_column_int64(row, 0);
	return result;
}

enum store_result
store_sqlite_list_todo(struct store *store, struct store_unrouted *page)
{
	const int64_t n =
	    page->n < STORE_UNROUTED_MAX ? page->n : STORE_UNROUTED_MAX;
	int64_t last = last_routed(store);
	enum store_result result;

	page->found = 0;
	result = list_seqs(sql_bind(&store->sql, SQL_TODO_LIST, "iii",
			       (int64_t)page->filtered, page->after, n),
	    page);
	if (result != STORE_OK || page->filtered || page->found == n)
		return result;
	return list_seqs(
	    sql_bind(&store->sql, SQL_EVENT_BEHIND, "ii",
		page->after > last ? page->after : last, n - page->found),
	    page);
}

/* -- events that match nothing -- */

static enum store_result
add_unmatched(struct store *store, int64_t seq, int64_t due_ms)
{
	enum store_result result;

	result = sql_run(
	    sql_bind(&store->sql, SQL_UNMATCHED_INSERT, "ii", seq, due_ms));
	if (result == STORE_OK)
		store_sqlite_count(store, 0, COUNT_UNMATCHED, 1);
	return result;
}

enum store_result
store_sqlite_remove_unmatched(struct store *store, int64_t seq)
{
	enum store_result result;

	result = sql_run(sql_bind(&store->sql, SQL_UNMATCHED_DELETE, "i", seq));
	if (result != STORE_OK)
		return result;
	if (sqlite3_changes(store->db) == 0)
		return STORE_NONE;
	store_sqlite_count(store, 0, COUNT_UNMATCHED, -1);
	return STORE_OK;
}

enum store_result
store_sqlite_reroute(struct store *store, int64_t seq, int64_t due_ms)
{
	enum store_result result = store_sqlite_remove_unmatched(store, seq);

	return result == STORE_OK ? add_todo(store, seq, false, due_ms)
				  : result;
}

/* -- the routing step -- */

static enum store_result
insert_delivery(struct store *store, const struct store_sqlite_key *key,
    const struct store_target *target, int64_t due_ms)
{
	struct store_attempt why = {.at_ms = clock_wall_ms(),
	    .outcome = target->reason,
	    .detail = target->detail};
	bool ended = target->state == DELIVERY_EXHAUSTED;
	struct buf attempts = {0};
	enum store_result result;

	if (ended && attempts_add(&attempts, NULL, &why) != 0)
		return STORE_FULL;
	result = sql_run(sql_bind(&store->sql, SQL_DELIVERY_INSERT, "iiiiiitt",
	    key->seq, key->route, key->replay, (int64_t)target->state, due_ms,
	    ended ? why.at_ms : (int64_t)0, ended ? target->reason : NULL,
	    ended ? buf_str(&attempts) : NULL));
	if (result == STORE_OK && sqlite3_changes(store->db) == 1)
		store_sqlite_count(
		    store, key->route, (unsigned)target->state, 1);
	buf_clear(&attempts);
	return result;
}

enum store_result
store_sqlite_deliver(
    struct store *store, const struct store_sqlite_key *key, int64_t due_ms)
{
	const struct store_target target = {.state = DELIVERY_PENDING};

	return insert_delivery(store, key, &target, due_ms);
}

/* Every target is in: the event leaves the list, or waits for the filters. */
static enum store_result
move_todo(
    struct store *store, const struct todo *todo, bool targets, bool whole)
{
	enum store_result result;
	int64_t any;

	if (!whole && todo->filtered)
		return STORE_OK;
	result = remove_todo(store, todo);
	if (result == STORE_OK && !whole)
		return add_todo(store, todo->seq, true, todo->due_ms);
	if (result != STORE_OK || targets)
		return result;
	result = sql_value(
	    sql_bind(&store->sql, SQL_DELIVERY_ANY, "i", todo->seq), &any);
	return result == STORE_NONE
		   ? add_unmatched(store, todo->seq, todo->due_ms)
		   : result;
}

/* An event that does not wait any more, if there is one. */
static enum store_result
find_routed(struct store *store, struct todo *todo)
{
	int64_t stored;

	todo->due_ms = clock_wall_ms();
	return sql_value(
	    sql_bind(&store->sql, SQL_EVENT_STORED, "i", todo->seq), &stored);
}

static enum store_result
route_event(struct store *store, int64_t seq,
    const struct store_target *targets, size_t n, bool whole)
{
	struct store_sqlite_key key = {.seq = seq};
	struct store_sqlite_route *route;
	struct todo todo;
	enum store_result result = get_todo(store, seq, &todo);
	bool waits = result == STORE_OK;

	if (result == STORE_NONE)
		result = find_routed(store, &todo);
	if (result == STORE_NONE) {
		log_warn("route_unknown_event", log_int("seq", seq));
		return STORE_OK;
	}
	for (size_t i = 0; i < n && result == STORE_OK; i++) {
		result =
		    store_sqlite_route_make(store, targets[i].route, &route);
		if (result != STORE_OK)
			break;
		key.route = route->id;
		result = insert_delivery(store, &key, &targets[i], todo.due_ms);
	}
	if (result == STORE_OK && waits)
		return move_todo(store, &todo, n > 0, whole);
	if (result == STORE_OK && n > 0)
		result = store_sqlite_remove_unmatched(store, seq);
	return result == STORE_NONE ? STORE_OK : result;
}

enum store_result
store_sqlite_route_event(struct store *store, int64_t seq,
    const struct store_target *targets, size_t n, bool whole)
{
	if (!store->batch)
		return store_sqlite_no_batch(store);
	return store_sqlite_end(
	    store, route_event(store, seq, targets, n, whole));
}

/* -- after a reload -- */

enum store_result
store_sqlite_unmatch(
    struct store *store, int64_t *after, unsigned limit, unsigned *n)
{
	int64_t seqs[STORE_PAGE_MAX], dues[STORE_PAGE_MAX];
	const int64_t oldest =
	    store_sqlite_clock(store) - store->config->keep_unmatched_ms;
	enum store_result result;
	sqlite3_stmt *row;
	unsigned found = 0;

	if (!store->batch)
		return store_sqlite_no_batch(store);
	if (limit > STORE_PAGE_MAX)
		limit = STORE_PAGE_MAX;
	row = sql_bind(&store->sql, SQL_UNMATCHED_LIST, "iii", *after, oldest,
	    (int64_t)limit);
	while (sql_row(row, &result)) {
		seqs[found] = *after = sqlite3_column_int64(row, 0);
		dues[found++] = sqlite3_column_int64(row, 1);
	}
	for (unsigned i = 0; i < found && result == STORE_OK; i++)
		result = store_sqlite_reroute(store, seqs[i], dues[i]);
	*n = found;
	return store_sqlite_end(store, result);
}
