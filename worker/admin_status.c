#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "admin_verbs.h"

/* The counts of deliveries that have not ended, and of dead ones. */
static json_t *
route_json(struct admin_context *context, const struct store_count *count)
{
	const struct config_route *route =
	    config_route(context->config, count->route);
	json_t *object =
	    json_pack("{s:s, s:b, s:b, s:b}", "route", count->route, "paused",
		(int)context->ops->paused(context->store, count->route),
		"orphaned", (int)(route == NULL), "enabled",
		(int)(route == NULL || route->enabled));
	int bad = object == NULL;

	for (int state = 0; state < DELIVERY__MAX && bad == 0; state++)
		bad = json_object_set_new(object,
		    delivery_state_name((enum delivery_state)state),
		    json_integer(count->n[state]));
	if (bad == 0 && count->oldest_ms > 0)
		bad = json_object_set_new(
		    object, "oldest_at", admin_json_time(count->oldest_ms));
	if (bad == 0)
		return object;
	json_decref(object);
	return NULL;
}

static const struct store_count *
count_of(const struct store_count *counts, size_t n, const char *route)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(counts[i].route, route) == 0)
			return &counts[i];
	return NULL;
}

static int
add_configured(struct admin_context *context, json_t *list,
    const struct store_count *counts, size_t n)
{
	for (size_t i = 0; i < context->config->n_routes; i++) {
		const char *name = context->config->routes[i].name;
		const struct store_count *count = count_of(counts, n, name);
		struct store_count zero = {0};

		memcpy(zero.route, name, strlen(name) + 1);
		if (json_array_append_new(
			list, route_json(context, count ? count : &zero)) != 0)
			return -1;
	}
	return 0;
}

/* Every configured route, in order, then those only the store knows. */
static json_t *
routes_json(
    struct admin_context *context, const struct store_count *counts, size_t n)
{
	json_t *list = json_array();

	if (list == NULL)
		return NULL;
	if (add_configured(context, list, counts, n) != 0)
		goto fail;
	for (size_t i = 0; i < n; i++)
		if (config_route(context->config, counts[i].route) == NULL &&
		    json_array_append_new(
			list, route_json(context, &counts[i])) != 0)
			goto fail;
	return list;
fail:
	json_decref(list);
	return NULL;
}

/* The counters of every source that is configured or was told of. */
static json_t *
sources_json(struct admin_context *context)
{
	json_t *totals = context->links != NULL ? links_totals(context->links)
						: json_object();
	json_t *all = json_object();

	for (size_t i = 0; i < context->config->n_sources && all != NULL; i++)
		(void)json_object_set_new(
		    all, context->config->sources[i].name, json_object());
	(void)json_object_update(all, totals);
	json_decref(totals);
	return all;
}

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

static json_t *
links(struct admin_context *context)
{
	return context->links != NULL
		   ? links_json(context->links, clock_boot_ms())
		   : json_array();
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
	data = json_pack(
	    "{s:s, s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I}",
	    "worker", context->worker->name, "pid", (int)getpid(), "version",
	    GAFF_VERSION, "state", context->state, "config",
	    context->config->hash, "started_at",
	    admin_json_time(context->started_at_ms), "store",
	    store_json(context), "gateways", links(context), "sources",
	    sources_json(context), "routes", routes_json(context, counts, n),
	    "unrouted", (json_int_t)unrouted, "unmatched",
	    (json_int_t)unmatched);
	free(counts);
	return admin_ok(data);
}
