#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/log.h"
#include "store_sqlite.h"

static struct store_sqlite_route *
add_route(struct store *store, int64_t id, const char *name)
{
	size_t n = store->n_routes;
	struct store_sqlite_route **routes = realloc(
	    store->routes, (n + 1) * sizeof(struct store_sqlite_route *));
	struct store_sqlite_route *route;

	if (routes == NULL)
		return NULL;
	store->routes = routes;
	route = calloc(1, sizeof *route);
	if (route == NULL)
		return NULL;
	route->id = id;
	snprintf(route->name, sizeof route->name, "%s", name);
	routes[n] = route;
	store->n_routes = n + 1;
	return route;
}

void
store_sqlite_counts_free(struct store *store)
{
	for (size_t i = 0; i < store->n_routes; i++)
		free(store->routes[i]);
	free(store->routes);
	store->routes = NULL;
	store->n_routes = 0;
}

static struct store_sqlite_route *
by_id(const struct store *store, int64_t id)
{
	return id >= 0 && (size_t)id < store->n_routes ? store->routes[id]
						       : NULL;
}

static enum store_result
load_routes(struct store *store)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_ROUTE_LIST, "");
	struct store_sqlite_route *route;
	enum store_result result;

	while (sql_row(row, &result)) {
		const char *name = (const char *)sqlite3_column_text(row, 1);

		/* Numbers are dense: none is ever deleted. */
		if (name == NULL ||
		    (size_t)sqlite3_column_int64(row, 0) != store->n_routes ||
		    (route = add_route(
			 store, sqlite3_column_int64(row, 0), name)) == NULL) {
			sqlite3_reset(row);
			return STORE_FULL;
		}
		route->paused_at = sqlite3_column_int64(row, 2);
		route->paused_ms = sqlite3_column_int64(row, 3);
	}
	return result;
}

enum store_result
store_sqlite_counts_load(struct store *store)
{
	sqlite3_stmt *row;
	struct store_sqlite_route *route;
	enum store_result result;

	store_sqlite_counts_free(store);
	if (add_route(store, 0, "") == NULL)
		return STORE_FULL;
	result = load_routes(store);
	if (result != STORE_OK)
		return result;
	row = sql_bind(&store->sql, SQL_COUNT_LIST, "");
	while (sql_row(row, &result)) {
		int state = sqlite3_column_int(row, 1);

		route = by_id(store, sqlite3_column_int64(row, 0));
		if (route != NULL && state >= 0 && state < DELIVERY__MAX)
			route->n[state] = sqlite3_column_int64(row, 2);
	}
	return result;
}

enum store_result
store_sqlite_counts_save(struct store *store)
{
	enum store_result result = STORE_OK;

	for (size_t i = 0; i < store->n_routes; i++) {
		struct store_sqlite_route *route = store->routes[i];

		for (int64_t state = 0; state < DELIVERY__MAX; state++) {
			if ((route->dirty & 1U << state) == 0)
				continue;
			result = sql_run(sql_bind(&store->sql, SQL_COUNT_SET,
			    "iii", route->id, state, route->n[state]));
			if (result != STORE_OK)
				return result;
		}
		route->dirty = 0;
	}
	return result;
}

void
store_sqlite_count(
    struct store *store, int64_t route, unsigned state, int64_t change)
{
	struct store_sqlite_route *r = by_id(store, route);

	if (r == NULL)
		return;
	r->n[state] += change;
	r->dirty |= 1U << state;
}

struct store_sqlite_route *
store_sqlite_route(struct store *store, const char *name)
{
	for (size_t i = 1; i < store->n_routes; i++) {
		if (strcmp(store->routes[i]->name, name) == 0)
			return store->routes[i];
	}
	return NULL;
}

enum store_result
store_sqlite_route_make(
    struct store *store, const char *name, struct store_sqlite_route **route)
{
	int64_t id = (int64_t)store->n_routes;
	enum store_result result;

	*route = store_sqlite_route(store, name);
	if (*route != NULL)
		return STORE_OK;
	result =
	    sql_run(sql_bind(&store->sql, SQL_ROUTE_INSERT, "it", id, name));
	if (result != STORE_OK)
		return result;
	*route = add_route(store, id, name);
	return *route != NULL ? STORE_OK : STORE_FULL;
}

const char *
store_sqlite_route_name(const struct store *store, int64_t id)
{
	const struct store_sqlite_route *route = by_id(store, id);

	return route != NULL ? route->name : "";
}

/* When the event of the oldest open delivery came in; 0: there is none. */
static enum store_result
oldest(struct store *store, const struct store_sqlite_route *route,
    int64_t *received_ms)
{
	int64_t seq = 0;
	enum store_result result;

	*received_ms = 0;
	if (route->n[DELIVERY_PENDING] + route->n[DELIVERY_RUNNING] +
		route->n[DELIVERY_WAITING] + route->n[DELIVERY_EXHAUSTED] ==
	    0)
		return STORE_OK;
	result = sql_value(
	    sql_bind(&store->sql, SQL_DELIVERY_OLDEST, "i", route->id), &seq);
	if (result == STORE_OK)
		result = sql_value(
		    sql_bind(&store->sql, SQL_EVENT_RECEIVED, "i", seq),
		    received_ms);
	return result == STORE_NONE ? STORE_OK : result;
}

enum store_result
store_sqlite_counts(struct store *store, struct store_count **counts, size_t *n,
    int64_t *unrouted, int64_t *unmatched)
{
	struct store_count *list =
	    calloc(store->n_routes, sizeof(struct store_count));
	enum store_result result = STORE_OK;

	*counts = NULL;
	*n = 0;
	if (list == NULL)
		return STORE_FULL;
	for (size_t i = 1; i < store->n_routes && result == STORE_OK; i++) {
		const struct store_sqlite_route *route = store->routes[i];
		struct store_count *count = &list[i - 1];

		memcpy(count->route, route->name, sizeof count->route);
		memcpy(count->n, route->n, sizeof count->n);
		count->paused = route->paused_at != 0;
		result = oldest(store, route, &count->oldest_ms);
	}
	if (result != STORE_OK) {
		free(list);
		return result;
	}
	*counts = list;
	*n = store->n_routes - 1;
	*unrouted = store->routes[0]->n[COUNT_UNROUTED];
	*unmatched = store->routes[0]->n[COUNT_UNMATCHED];
	return STORE_OK;
}

enum store_result
store_sqlite_pause(struct store *store, const char *name, bool paused)
{
	struct store_sqlite_route *route;
	int64_t now = store_sqlite_clock(store);
	enum store_result result;

	if (!store->batch)
		return store_sqlite_no_batch(store);
	result = store_sqlite_route_make(store, name, &route);
	if (result != STORE_OK)
		return store_sqlite_end(store, result);
	if (paused == (route->paused_at != 0))
		return STORE_OK;
	if (!paused)
		route->paused_ms += now - route->paused_at;
	route->paused_at = paused ? now : 0;
	result = sql_run(sql_bind(&store->sql, SQL_ROUTE_PAUSE, "iii",
	    route->id, route->paused_at, route->paused_ms));
	return store_sqlite_end(store, result);
}

bool
store_sqlite_paused(struct store *store, const char *name)
{
	const struct store_sqlite_route *route =
	    store_sqlite_route(store, name);

	return route != NULL && route->paused_at != 0;
}
