#include <string.h>

#include "../shared/clock.h"
#include "../shared/pattern.h"
#include "store_sqlite.h"

enum {
	LIST_ROWS = 5000,      /* walked in one call, beside the time */
	LIST_SLACK = 86400000, /* ms between receiving and storing, at most */
	STATE_ANY = -1,
	STATE_UNMATCHED = -2,
};

/* One call of list(). */
struct walk {
	struct store *store;
	const struct store_query *query;
	store_row_fn *fn;
	void *arg;
	int64_t route; /* 0: any */
	unsigned told;
	unsigned walked;
	int64_t end_us;
	int64_t last; /* the event looked at last */
	bool older;   /* the rest came before since_ms */
};

static bool
is_any(const char *text)
{
	return text == NULL || text[0] == '\0';
}

/* What is walked: the narrowest list that holds all that is asked for. */
static sqlite3_stmt *
choose(const struct walk *w)
{
	const struct store_query *q = w->query;
	int64_t cursor = q->before_seq, value = 0;
	enum sql_id id = SQL_WALK_EVENT;

	if (q->state == STATE_UNMATCHED) {
		id = SQL_WALK_UNMATCHED;
	} else if (q->state == DELIVERY_RUNNING ||
		   q->state == DELIVERY_EXHAUSTED ||
		   q->state == DELIVERY_DEAD ||
		   q->state == DELIVERY_CANCELLED) {
		id = SQL_WALK_KEPT;
		value = q->state;
	} else if (w->route != 0 && (q->state == DELIVERY_PENDING ||
					q->state == DELIVERY_WAITING)) {
		id = SQL_WALK_OPEN;
		value = w->route;
	} else if (w->route != 0 || q->state != STATE_ANY) {
		id = SQL_WALK_ALL;
	}
	if (q->oldest_first)
		return sql_bind(&w->store->sql, id + 1, "ii", cursor, value);
	return sql_bind(
	    &w->store->sql, id, "ii", cursor > 0 ? cursor : INT64_MAX, value);
}

static bool
wants_delivery(const struct walk *w, int64_t route, int state)
{
	if (w->query->state == STATE_UNMATCHED)
		return false;
	return (w->route == 0 || w->route == route) &&
	       (w->query->state == STATE_ANY || w->query->state == state);
}

static bool
wants_event(const struct walk *w, const struct event *event)
{
	const struct store_query *q = w->query;

	return event->received_at_ms >= q->since_ms &&
	       (is_any(q->source) || strcmp(q->source, event->source) == 0) &&
	       (is_any(q->type) || pattern_match(q->type, event->type, true));
}

static void
tell(struct walk *w, const struct store_row *row)
{
	w->told++;
	w->fn(w->arg, row);
}

static enum store_result
tell_deliveries(struct walk *w, struct store_row *row)
{
	sqlite3_stmt *s =
	    sql_bind(&w->store->sql, SQL_DELIVERY_OF, "i", row->seq);
	enum store_result result;
	bool any = false;

	while (sql_row(s, &result)) {
		any = true;
		row->state = (enum delivery_state)sqlite3_column_int(s, 3);
		if (!wants_delivery(
			w, sqlite3_column_int64(s, 1), (int)row->state))
			continue;
		row->route = store_sqlite_route_name(
		    w->store, sqlite3_column_int64(s, 1));
		row->replay = (uint32_t)sqlite3_column_int64(s, 2);
		row->attempts = (uint32_t)sqlite3_column_int64(s, 4);
		row->due_ms = sqlite3_column_int64(s, 5);
		row->died_at_ms = sqlite3_column_int64(s, 6);
		row->reason = (const char *)sqlite3_column_text(s, 7);
		tell(w, row);
	}
	if (result == STORE_OK && !any && w->route == 0 && w->query->state < 0)
		tell(w, row);
	return result;
}

/* One event that has something of what is asked for. */
static enum store_result
look_at(struct walk *w, int64_t seq)
{
	struct store_row row = {.seq = seq};
	sqlite3_stmt *s = sql_bind(&w->store->sql, SQL_EVENT_HEAD, "i", seq);
	enum store_result result;
	struct event event;
	bool todo = false;

	if (!sql_row(s, &result))
		return result;
	store_sqlite_event(w->store, s, &event, false);
	/* Older ones were stored before, and received before that. */
	w->older =
	    !w->query->oldest_first &&
	    event.received_at_ms < w->query->since_ms &&
	    sqlite3_column_int64(s, 17) < w->query->since_ms - LIST_SLACK;
	if (wants_event(w, &event)) {
		result = store_sqlite_is_todo(w->store, seq, &todo);
		row.event = &event;
		row.routed = !todo;
		if (result == STORE_OK)
			result = tell_deliveries(w, &row);
	}
	sqlite3_reset(s);
	return result;
}

static bool
is_spent(const struct walk *w)
{
	return w->told >= w->query->limit || w->told >= STORE_PAGE_MAX ||
	       w->walked >= LIST_ROWS || clock_boot_us() >= w->end_us;
}

/* Several rows may be of one event: it is told whole, once. */
static enum store_result
walk(struct walk *w, int64_t *next)
{
	sqlite3_stmt *row = choose(w);
	enum store_result result = STORE_OK, looked = STORE_OK;
	int64_t seen = 0, seq;

	*next = 0;
	while (sql_row(row, &result)) {
		seq = sqlite3_column_int64(row, 0);
		if (seq != w->last && w->last != 0 &&
		    (w->older || is_spent(w))) {
			*next = w->older ? 0 : w->last;
			sqlite3_reset(row);
			break;
		}
		w->last = seq;
		w->walked++;
		if (seq == seen ||
		    (sqlite3_column_count(row) > 1 &&
			!wants_delivery(w, sqlite3_column_int64(row, 1),
			    sqlite3_column_int(row, 2))))
			continue;
		seen = seq;
		looked = look_at(w, seq);
		if (looked != STORE_OK) {
			sqlite3_reset(row);
			return looked;
		}
	}
	return result;
}

enum store_result
store_sqlite_list(struct store *store, const struct store_query *query,
    store_row_fn *fn, void *arg)
{
	struct walk w = {
	    .store = store,
	    .query = query,
	    .fn = fn,
	    .arg = arg,
	    .end_us = clock_boot_us() + STORE_SQLITE_BUDGET_US,
	};
	const struct store_sqlite_route *route;
	enum store_result result;
	int64_t next = 0;

	if (query->next_seq != NULL)
		*query->next_seq = 0;
	if (!is_any(query->route)) {
		route = store_sqlite_route(store, query->route);
		if (route == NULL)
			return STORE_OK;
		w.route = route->id;
	}
	result = walk(&w, &next);
	if (query->next_seq != NULL && result == STORE_OK)
		*query->next_seq = next;
	return result;
}
