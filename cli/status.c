#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/units.h"
#include "out.h"

int64_t
status_waiting(const json_t *route)
{
	return out_number(route, "pending") + out_number(route, "waiting");
}

const char *
status_held(const json_t *route)
{
	if (out_flag(route, "orphaned"))
		return "not configured";
	if (json_is_false(json_object_get(route, "enabled")))
		return "not enabled";
	return out_flag(route, "paused") ? "paused" : "";
}

const char *
status_skew(const json_t *status, const json_t *gateway)
{
	if (strcmp(out_member(gateway, "version"),
		out_member(status, "version")) != 0)
		return "another version";
	if (strcmp(out_member(gateway, "config"),
		out_member(status, "config")) != 0)
		return "another configuration";
	return "";
}

void
status_sum(const json_t *status, struct status_sums *sums)
{
	const json_t *row;
	int64_t oldest_ms;
	size_t i;

	memset(sums, 0, sizeof(*sums));
	json_array_foreach(json_object_get(status, "routes"), i, row)
	{
		sums->running += out_number(row, "running");
		sums->waiting += status_waiting(row);
		if (status_held(row)[0] != '\0')
			sums->held += status_waiting(row);
		sums->exhausted += out_number(row, "exhausted");
		sums->dead += out_number(row, "dead");
		if (clock_parse(out_member(row, "oldest_at"), &oldest_ms) ==
			0 &&
		    (sums->oldest_ms == 0 || oldest_ms < sums->oldest_ms))
			sums->oldest_ms = oldest_ms;
	}
	json_array_foreach(json_object_get(status, "gateways"), i, row)
	    sums->parked += out_number(row, "parked");
}

__attribute__((format(printf, 2, 3))) static void
add(json_t *list, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_string(text));
}

/* ---- worker and gateways ---- */

static void
judge_worker(const json_t *status, json_t *problems)
{
	const json_t *store = json_object_get(status, "store");
	const char *worker = out_member(status, "worker");
	const char *state = out_member(status, "state");
	int64_t left = out_number(store, "free_bytes");
	int64_t reserve = out_number(store, "reserve_bytes");
	char free_text[OUT_TEXT_SIZE], reserve_text[OUT_TEXT_SIZE];

	units_format_bytes(left, free_text, sizeof(free_text));
	units_format_bytes(reserve, reserve_text, sizeof(reserve_text));
	if (strcmp(state, "full") == 0)
		add(problems,
		    "worker %s: the store is full (%s free, reserve %s), "
		    "senders get 503; make room on its disk (df), or lower "
		    "[store] reserve",
		    worker, free_text, reserve_text);
	else if (strcmp(state, "accepting") != 0)
		add(problems,
		    "worker %s is %s, senders get 503; see its log "
		    "(journalctl -u gaff-worker)",
		    worker, state);
	else if (left < 2 * reserve)
		add(problems,
		    "worker %s: the store's disk is nearly full (%s free, "
		    "reserve %s); make room on its disk (df)",
		    worker, free_text, reserve_text);
}

/* One line for all gateways that differ in this member. */
static void
judge_skew(const json_t *status, const char *member, const char *next,
    json_t *problems)
{
	const char *ours = out_member(status, member);
	const json_t *gateway, *first = NULL;
	char others[OUT_TEXT_SIZE] = "";
	size_t n = 0, i;

	json_array_foreach(json_object_get(status, "gateways"), i, gateway)
	{
		if (strcmp(out_member(gateway, member), ours) == 0)
			continue;
		if (n++ == 0)
			first = gateway;
	}
	if (n == 0)
		return;
	if (n > 1)
		snprintf(others, sizeof(others), " (and %zu more)", n - 1);
	add(problems, "gateway %s[%lld]%s runs %s %s, worker %s %s; %s",
	    out_member(first, "host"), (long long)out_number(first, "pid"),
	    others, member, out_member(first, member),
	    out_member(status, "worker"), ours, next);
}

static void
judge_gateways(const json_t *status, json_t *problems)
{
	if (json_array_size(json_object_get(status, "gateways")) == 0)
		add(problems,
		    "no gateway is linked; start one (systemctl status "
		    "gaff-gateway, or the web server that spawns it) and see "
		    "its log for `link down`");
	judge_skew(status, "version", "restart what is older", problems);
	judge_skew(status, "config", "gaff reload", problems);
}

/* ---- sources ---- */

static void
judge_source(const json_t *status, const char *name, const json_t *source,
    json_t *problems)
{
	int64_t silent_after_ms = out_number(source, "silent_after_ms");
	int64_t last_ms = out_number(source, "last_accepted_ms"), start_ms;
	char since[OUT_TEXT_SIZE], limit[OUT_TEXT_SIZE];

	if (silent_after_ms == 0)
		return;
	/* nothing is known of the time before the worker's start */
	if (clock_parse(out_member(status, "started_at"), &start_ms) == 0 &&
	    start_ms > last_ms)
		last_ms = start_ms;
	if (clock_wall_ms() - last_ms <= silent_after_ms)
		return;
	add(problems,
	    "source %s: no event for %s (silent_after %s); look at the "
	    "provider's own list of webhooks, then gaff send --source %s "
	    "--probe",
	    name, out_ago(last_ms, since),
	    units_format_ms(silent_after_ms, limit, sizeof(limit)), name);
}

/* ---- routes ---- */

static void
judge_failures(const json_t *route, json_t *problems)
{
	const char *name = out_member(route, "route");
	const json_t *recent = json_object_get(route, "recent");
	const json_t *failure = json_object_get(route, "last_failure");
	int64_t failed = out_number(recent, "failed");
	int64_t all = failed + out_number(recent, "delivered");

	/* the last attempt went well: it is over, or was the event's fault */
	if (failed < STATUS_FAILED_MIN ||
	    failed * 100 <= all * out_number(route, "failing_over") ||
	    strcmp(out_member(failure, "at"),
		out_member(route, "last_delivered_at")) < 0)
		return;
	add(problems,
	    "route %s: %lld of the last %lld attempts failed (%s); gaff events "
	    "--route %s --state waiting, then gaff show ID",
	    name, (long long)failed, (long long)all,
	    out_member(failure, "outcome"), name);
}

static void
judge_backlog(const json_t *route, json_t *problems)
{
	const char *name = out_member(route, "route");
	const char *held = status_held(route);
	int64_t waiting = status_waiting(route), oldest_ms;
	char age[OUT_TEXT_SIZE];

	if (waiting == 0 || out_flag(route, "orphaned") ||
	    clock_parse(out_member(route, "oldest_at"), &oldest_ms) != 0 ||
	    clock_wall_ms() - oldest_ms <= STATUS_OLD_MS)
		return;
	out_ago(oldest_ms, age);
	if (strcmp(held, "paused") == 0)
		add(problems,
		    "route %s: %lld waiting, oldest %s, it is paused; gaff "
		    "resume %s",
		    name, (long long)waiting, age, name);
	else if (held[0] != '\0')
		add(problems,
		    "route %s: %lld waiting, oldest %s, it is %s; set enabled "
		    "= yes, then gaff reload",
		    name, (long long)waiting, age, held);
	else
		add(problems,
		    "route %s: %lld waiting, oldest %s; gaff events --route %s "
		    "--state waiting",
		    name, (long long)waiting, age, name);
}

static void
judge_route(const json_t *route, json_t *problems)
{
	const char *name = out_member(route, "route");
	int64_t exhausted = out_number(route, "exhausted");
	int64_t waiting = status_waiting(route);

	if (exhausted > 0)
		add(problems,
		    "route %s: %lld dead letters could not be written yet; see "
		    "the worker's log, and room and rights of [dead_letter] "
		    "directory",
		    name, (long long)exhausted);
	if (out_flag(route, "orphaned") && waiting > 0)
		add(problems,
		    "route %s: %lld waiting, but it is not configured; bring "
		    "[route %s] back, or gaff cancel %s",
		    name, (long long)waiting, name, name);
	judge_failures(route, problems);
	judge_backlog(route, problems);
}

json_t *
status_problems(const json_t *status)
{
	json_t *problems = json_array();
	const json_t *source, *route;
	const char *name;
	size_t i;

	judge_worker(status, problems);
	judge_gateways(status, problems);
	json_object_foreach(json_object_get(status, "sources"), name, source)
	    judge_source(status, name, source, problems);
	json_array_foreach(json_object_get(status, "routes"), i, route)
	    judge_route(route, problems);
	return problems;
}

json_t *
status_notes(const json_t *status)
{
	json_t *notes = json_array();
	const json_t *route;
	size_t i;

	json_array_foreach(json_object_get(status, "routes"), i, route)
	{
		const char *name = out_member(route, "route");

		if (strcmp(status_held(route), "paused") == 0)
			add(notes,
			    "route %s is paused, %lld waiting; gaff resume %s",
			    name, (long long)status_waiting(route), name);
	}
	return notes;
}
