#include <stdlib.h>
#include <string.h>

#include "admin_verbs.h"

enum { CANCEL_STEP = 200 };

/* Whether the configuration or the store knows the route; a store that cannot
 * be asked counts as yes. */
static bool
is_known(struct admin_context *context, const char *route)
{
	struct store_count *counts = NULL;
	int64_t unrouted, unmatched;
	bool known = false;
	size_t n = 0;

	if (config_route(context->config, route) != NULL)
		return true;
	if (context->ops->counts(
		context->store, &counts, &n, &unrouted, &unmatched) != STORE_OK)
		return true;
	for (size_t i = 0; i < n && !known; i++)
		known = strcmp(counts[i].route, route) == 0;
	free(counts);
	return known;
}

static json_t *
no_such_route(const char *route)
{
	return admin_fail("there is no route \"%.64s\"", route);
}

static json_t *
set_paused(struct admin_context *context, const char *route, bool paused)
{
	enum store_result result;

	if (!is_known(context, route))
		return no_such_route(route);
	result = context->ops->begin(context->store);
	if (result == STORE_OK)
		result = context->ops->pause(context->store, route, paused);
	if (result == STORE_OK)
		result = context->ops->commit(context->store);
	if (result != STORE_OK)
		return admin_store_fail(context, result);
	if (context->paused != NULL)
		context->paused(context->arg, route, paused);
	if (!paused && context->due != NULL)
		context->due(context->arg, route);
	return admin_ok(
	    json_pack("{s:s, s:b}", "route", route, "paused", (int)paused));
}

json_t *
admin_pause(struct admin_context *context, const json_t *args)
{
	return set_paused(context, admin_text(args, "route"), true);
}

json_t *
admin_resume(struct admin_context *context, const json_t *args)
{
	return set_paused(context, admin_text(args, "route"), false);
}

json_t *
admin_cancel(struct admin_context *context, const json_t *args)
{
	const char *route = admin_text(args, "route");
	enum store_result result;
	unsigned n = 0;

	if (!is_known(context, route))
		return no_such_route(route);
	result = context->ops->begin(context->store);
	if (result == STORE_OK)
		result = context->ops->cancel(
		    context->store, route, CANCEL_STEP, &n);
	if (result == STORE_OK)
		result = context->ops->commit(context->store);
	if (result != STORE_OK)
		return admin_store_fail(context, result);
	return admin_ok(json_pack("{s:s, s:i, s:b}", "route", route,
	    "cancelled", (int)n, "more", (int)(n == CANCEL_STEP)));
}
