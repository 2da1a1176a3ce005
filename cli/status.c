#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../shared/clock.h"
#include "out.h"

int64_t
status_waiting(const json_t *route)
{
	return out_number(route, "pending") + out_number(route, "waiting");
}

void
status_sum(const json_t *status, struct status_sums *sums)
{
	const json_t *route;
	size_t i;

	memset(sums, 0, sizeof(*sums));
	json_array_foreach(json_object_get(status, "routes"), i, route)
	{
		sums->running += out_number(route, "running");
		sums->waiting += status_waiting(route);
		sums->exhausted += out_number(route, "exhausted");
		sums->dead += out_number(route, "dead");
	}
}

void
status_source(const json_t *counters, struct status_source *sum)
{
	*sum = (struct status_source){
	    .accepted = out_number(counters, "accepted"),
	    .duplicate = out_number(counters, "duplicate"),
	    .refused = out_number(counters, "refused"),
	    .unavailable = out_number(counters, "unavailable"),
	    .last_accepted_ms = out_number(counters, "last_accepted_ms"),
	    .last_refused_ms = out_number(counters, "last_refused_ms"),
	    .reason = out_member(counters, "reason"),
	};
}

__attribute__((format(printf, 2, 3))) static void
add(json_t *problems, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(problems, json_string(text));
}

static void
judge_worker(const json_t *status, json_t *problems)
{
	const char *state = out_member(status, "state");
	const json_t *store = json_object_get(status, "store");

	if (strcmp(state, "accepting") != 0)
		add(problems, "worker %s is %s: senders get 503",
		    out_member(status, "worker"), state);
	else if (out_number(store, "free_bytes") <
		 2 * out_number(store, "reserve_bytes"))
		add(problems, "the store's disk is nearly full");
}

static void
judge_gateways(const json_t *status, json_t *problems)
{
	const json_t *gateways = json_object_get(status, "gateways");
	const char *config = out_member(status, "config");
	const json_t *gateway;
	size_t i;

	if (json_array_size(gateways) == 0)
		add(problems, "no gateway is linked");
	json_array_foreach(gateways, i, gateway)
	{
		if (strcmp(out_member(gateway, "config"), config) != 0)
			add(problems,
			    "gateway %s[%lld] runs configuration %s, the "
			    "worker %s",
			    out_member(gateway, "host"),
			    (long long)out_number(gateway, "pid"),
			    out_member(gateway, "config"), config);
		if (strcmp(out_member(gateway, "version"),
			out_member(status, "version")) != 0)
			add(problems,
			    "gateway %s[%lld] is gaff %s, the worker %s",
			    out_member(gateway, "host"),
			    (long long)out_number(gateway, "pid"),
			    out_member(gateway, "version"),
			    out_member(status, "version"));
	}
}

static void
judge_route(const json_t *route, json_t *problems)
{
	const char *name = out_member(route, "route");
	const char *oldest = out_member(route, "oldest_at");
	int64_t waiting = status_waiting(route), oldest_ms;
	char age[OUT_TEXT_SIZE];

	if (out_number(route, "exhausted") > 0)
		add(problems,
		    "route %s: %lld dead letters could not be written yet",
		    name, (long long)out_number(route, "exhausted"));
	if (waiting == 0)
		return;
	if (out_flag(route, "orphaned"))
		add(problems,
		    "route %s: %lld deliveries wait, but it is not "
		    "configured",
		    name, (long long)waiting);
	else if (clock_parse(oldest, &oldest_ms) == 0 &&
		 clock_wall_ms() - oldest_ms > STATUS_OLD_MS)
		add(problems, "route %s: %lld waiting, oldest %s%s", name,
		    (long long)waiting, out_since(oldest, age),
		    out_flag(route, "paused") ? " (it is paused)" : "");
}

json_t *
status_problems(const json_t *status)
{
	json_t *problems = json_array();
	const json_t *route;
	size_t i;

	judge_worker(status, problems);
	judge_gateways(status, problems);
	json_array_foreach(json_object_get(status, "routes"), i, route)
	    judge_route(route, problems);
	return problems;
}
