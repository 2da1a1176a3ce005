#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "admin_verbs.h"

enum { RECENT_HOURS = 2 };

/* What is counted by the hour, of a source or a route. */
struct hour_kind {
	const char *name;
	enum store_tally_kind kind;
};

static const struct hour_kind source_kinds[] = {
    {"accepted", TALLY_STORED},
    {"duplicate", TALLY_DUPLICATE},
    {"refused", TALLY_REFUSED},
    {"unavailable", TALLY_UNAVAILABLE},
    {0},
};

static const struct hour_kind route_kinds[] = {
    {"delivered", TALLY_DELIVERED},
    {"failed", TALLY_FAILED},
    {"dead", TALLY_DEAD},
    {0},
};

static json_t *
sums_json(const struct admin_context *context, const struct hour_kind *kinds,
    const char *name, int n_hours)
{
	const struct hours_span span = {clock_wall_ms(), n_hours};
	json_t *sums = json_object();

	for (; kinds->name != NULL; kinds++)
		(void)json_object_set_new(sums, kinds->name,
		    json_integer(
			hours_sum(context->hours, kinds->kind, name, span)));
	return sums;
}

/* ---- routes ---- */

/* What its last attempts were like, as long as this worker knows. */
static void
add_attempts(
    const struct admin_context *context, const char *name, json_t *object)
{
	const struct stats_route *stats = stats_route(context->stats, name);

	if (stats != NULL && stats->delivered_at_ms != 0)
		(void)json_object_set_new(object, "last_delivered_at",
		    admin_json_time(stats->delivered_at_ms));
	if (stats != NULL && stats->failed_at_ms != 0)
		(void)json_object_set_new(object, "last_failure",
		    json_pack("{s:o, s:o, s:o}", "at",
			admin_json_time(stats->failed_at_ms), "outcome",
			admin_json_text(stats->failed_outcome), "detail",
			admin_json_text(stats->failed_detail)));
}

/* A route's numbers; the store keeps the counts, so a store full of finished
 * deliveries costs nothing here.  `route` is NULL when it is not configured. */
static json_t *
route_json(struct admin_context *context, const struct store_count *count,
    const struct config_route *route)
{
	json_t *object =
	    json_pack("{s:s, s:b, s:b, s:b}", "route", count->route, "paused",
		(int)count->paused, "orphaned", (int)(route == NULL), "enabled",
		(int)(route == NULL || route->enabled));

	for (int state = 0; state < DELIVERY__MAX; state++)
		(void)json_object_set_new(object,
		    delivery_state_name((enum delivery_state)state),
		    json_integer(count->n[state]));
	if (count->oldest_ms > 0)
		(void)json_object_set_new(
		    object, "oldest_at", admin_json_time(count->oldest_ms));
	(void)json_object_set_new(object, "day",
	    sums_json(context, route_kinds, count->route, HOURS_N));
	(void)json_object_set_new(object, "recent",
	    sums_json(context, route_kinds, count->route, RECENT_HOURS));
	if (route != NULL)
		(void)json_object_set_new(
		    object, "failing_over", json_integer(route->failing_over));
	add_attempts(context, count->route, object);
	return object;
}

static int
compare_counts(const void *a, const void *b)
{
	const struct store_count *x = a, *y = b;

	return strcmp(x->route, y->route);
}

/* Every configured route, in order, then by name those that only the store
 * knows.  `counts` are sorted. */
static json_t *
routes_json(struct admin_context *context, struct store_count *counts, size_t n)
{
	const struct config *config = context->config;
	bool *told = calloc(n + 1, sizeof(*told));
	json_t *list = told != NULL ? json_array() : NULL;

	if (n > 0)
		qsort(counts, n, sizeof(*counts), compare_counts);
	for (size_t i = 0; list != NULL && i < config->n_routes; i++) {
		struct store_count none = {0}, *count = NULL;

		(void)memccpy(none.route, config->routes[i].name, '\0',
		    sizeof(none.route));
		if (n > 0)
			count = bsearch(
			    &none, counts, n, sizeof(none), compare_counts);
		if (count != NULL)
			told[count - counts] = true;
		(void)json_array_append_new(
		    list, route_json(context, count != NULL ? count : &none,
			      &config->routes[i]));
	}
	for (size_t i = 0; list != NULL && i < n; i++)
		if (!told[i])
			(void)json_array_append_new(
			    list, route_json(context, &counts[i], NULL));
	free(told);
	return list;
}

/* ---- sources ---- */

/* What gateways told of it, and what this worker knows better.  `source` is
 * NULL when it is not configured. */
static json_t *
source_json(struct admin_context *context, const char *name,
    const struct config_source *source, json_t *told)
{
	const struct stats_source *stats = stats_source(context->stats, name);
	json_t *object = told != NULL ? json_copy(told) : json_object();

	(void)json_object_set_new(
	    object, "day", sums_json(context, source_kinds, name, HOURS_N));
	if (stats != NULL && stats->last_ms != 0)
		(void)json_object_set_new(
		    object, "last_accepted_ms", json_integer(stats->last_ms));
	if (source != NULL && source->silent_after_ms != 0)
		(void)json_object_set_new(object, "silent_after_ms",
		    json_integer(source->silent_after_ms));
	return object;
}

/* Every configured source, in order, then those gateways told of. */
static json_t *
sources_json(struct admin_context *context)
{
	json_t *totals = context->links != NULL ? links_totals(context->links)
						: json_object();
	json_t *all = json_object(), *told;
	const char *name;

	for (size_t i = 0; i < context->config->n_sources; i++) {
		const struct config_source *source =
		    &context->config->sources[i];

		(void)json_object_set_new(all, source->name,
		    source_json(context, source->name, source,
			json_object_get(totals, source->name)));
	}
	json_object_foreach(totals, name, told)
	{
		if (json_object_get(all, name) == NULL)
			(void)json_object_set_new(
			    all, name, source_json(context, name, NULL, told));
	}
	json_decref(totals);
	return all;
}

/* ---- the whole ---- */

static json_t *
store_json(struct admin_context *context)
{
	struct store_space space = {0};

	if (context->ops->space(context->store, &space) != STORE_OK)
		return json_object();
	return json_pack("{s:I, s:I, s:I, s:I}", "used_bytes",
	    (json_int_t)space.used_bytes, "free_bytes",
	    (json_int_t)space.free_bytes, "reserve_bytes",
	    (json_int_t)context->worker->store.reserve, "sync_us",
	    (json_int_t)context->sync_us);
}

/* Without each process's own counters: their sums are told. */
static json_t *
gateways_json(struct admin_context *context)
{
	json_t *list = context->links != NULL
			   ? links_json(context->links, clock_boot_ms())
			   : json_array();
	json_t *gateway;
	size_t i;

	json_array_foreach(list, i, gateway)(void)
	    json_object_del(gateway, "sources");
	return list;
}

json_t *
admin_status(struct admin_context *context, const json_t *args)
{
	int64_t unrouted = 0, unmatched = 0;
	struct store_count *counts = NULL;
	enum store_result result;
	json_t *data;
	size_t n = 0;

	(void)args;
	result = context->ops->counts(
	    context->store, &counts, &n, &unrouted, &unmatched);
	if (result != STORE_OK)
		return admin_store_fail(context, result);
	data = json_pack("{s:s, s:i, s:s, s:s, s:s, s:o, s:f, s:o, s:o, s:o, "
			 "s:o, s:I, s:I}",
	    "worker", context->worker->name, "pid", (int)getpid(), "version",
	    GAFF_VERSION, "state", context->state, "config",
	    context->config->hash, "started_at",
	    admin_json_time(context->started_at_ms), "per_second",
	    context->per_second, "store", store_json(context), "gateways",
	    gateways_json(context), "sources", sources_json(context), "routes",
	    routes_json(context, counts, n), "unrouted", (json_int_t)unrouted,
	    "unmatched", (json_int_t)unmatched);
	free(counts);
	return admin_ok(data);
}
