/* gaff's own events: looking for what is wrong, at beats. */

#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "server_impl.h"

/* ---- the store ---- */

static void
look_store(struct server *s)
{
	struct tell *tell = &s->tell;

	if (!alarm_low(&tell->room, s->space.free_bytes,
		s->store_config.reserve, s->full))
		return;
	if (!tell->wanted[OWN_STORE_LOW])
		tell->room = ALARM_ROOM_FINE; /* a reload may change that */
	tell_note(s, OWN_STORE_LOW, s->worker->name,
	    json_pack("{s:s, s:I, s:I, s:I, s:s}", "state", control_state(s),
		"free_bytes", (json_int_t)s->space.free_bytes, "reserve_bytes",
		(json_int_t)s->store_config.reserve, "used_bytes",
		(json_int_t)s->space.used_bytes, "store", s->store_config.url));
}

/* ---- sources ---- */

static uint64_t
events_of(const struct server *s, const char *source)
{
	const struct stats_source *row = stats_source(s->stats, source);

	return row != NULL ? row->stored + row->duplicate : 0;
}

static void
tell_silence(struct server *s, const struct config_source *source,
    const struct alarm_silence *alarm, int64_t boot_ms)
{
	int64_t silent_ms = boot_ms - alarm->heard_ms;
	char last[CLOCK_TEXT_SIZE];

	clock_format(clock_wall_ms() - silent_ms, last);
	tell_note(s, OWN_SOURCE_SILENT, source->name,
	    json_pack("{s:s, s:s?, s:I, s:I}", "source", source->name,
		"last_at", alarm->heard ? last : NULL, "silent_ms",
		(json_int_t)silent_ms, "silent_after_ms",
		(json_int_t)source->silent_after_ms));
}

static void
look_sources(struct server *s, int64_t boot_ms)
{
	const struct config_source *source;
	struct alarm_silence *alarm;
	int64_t after_ms;
	size_t i;

	for (i = 0; i < s->tell.n_silences; i++) {
		source = &s->config->sources[i];
		alarm = &s->tell.silences[i];
		after_ms = source->silent_after_ms;
		if (!alarm_silent(alarm, events_of(s, source->name),
			after_ms > 0 ? after_ms : INT64_MAX, boot_ms))
			continue;
		if (s->tell.wanted[OWN_SOURCE_SILENT])
			tell_silence(s, source, alarm, boot_ms);
		else
			alarm->on = false; /* a reload may change that */
	}
}

/* The newest event of each source, as the store has it. */
static void
on_newest(void *arg, const struct store_row *row)
{
	struct server *s = arg;
	struct alarm_silence *alarm;
	int64_t ago_ms;
	size_t i;

	for (i = 0; i < s->tell.n_silences; i++) {
		alarm = &s->tell.silences[i];
		if (alarm->known ||
		    strcmp(s->config->sources[i].name, row->event->source) != 0)
			continue;
		ago_ms = clock_wall_ms() - row->event->received_at_ms;
		alarm->heard_ms = clock_boot_ms() - (ago_ms > 0 ? ago_ms : 0);
		alarm->known = alarm->heard = true;
		return;
	}
}

static bool
is_unknown(const struct server *s)
{
	size_t i;

	for (i = 0; i < s->tell.n_silences; i++)
		if (s->config->sources[i].silent_after_ms > 0 &&
		    !s->tell.silences[i].known)
			return true;
	return false;
}

void
tell_look_back(struct server *s)
{
	struct tell *tell = &s->tell;
	int64_t next = 0;
	const struct store_query query = {.state = -1,
	    .before_seq = tell->search_before,
	    .limit = STORE_PAGE_MAX,
	    .next_seq = &next};
	size_t i;

	if (is_unknown(s) &&
	    s->ops->list(s->store, &query, on_newest, s) == STORE_OK &&
	    next != 0) {
		tell->search_before = next;
		return;
	}
	/* The others never had an event, as far as anybody knows. */
	for (i = 0; i < tell->n_silences; i++)
		tell->silences[i].known |=
		    s->config->sources[i].silent_after_ms > 0;
	tell->searching = false;
}

static const struct alarm_silence *
old_silence(const struct server *s, const struct config *old, const char *name)
{
	const struct config_source *source =
	    old != NULL ? config_source(old, name) : NULL;

	return source != NULL && s->tell.n_silences > 0
		   ? &s->tell.silences[source - old->sources]
		   : NULL;
}

static void
use_sources(struct server *s, const struct config *old)
{
	size_t n = s->config->n_sources, i;
	struct alarm_silence *rows = calloc(n + 1, sizeof(*rows));
	const struct alarm_silence *before;
	const char *name;

	for (i = 0; rows != NULL && i < n; i++) {
		name = s->config->sources[i].name;
		before = old_silence(s, old, name);
		if (before != NULL)
			rows[i] = *before;
		else
			rows[i] =
			    (struct alarm_silence){.heard_ms = clock_boot_ms(),
				.events = events_of(s, name)};
	}
	free(s->tell.silences);
	s->tell.silences = rows;
	s->tell.n_silences = rows != NULL ? n : 0;
	s->tell.searching = true;
	s->tell.search_before = 0;
}

/* ---- routes ---- */

/* gaff's own events do not count: their failures would beget others. */
static struct alarm_attempts
attempts_of(const struct stats_route *row)
{
	struct alarm_attempts all = {0, 0};

	if (row != NULL) {
		all.failed = row->failed - row->own_failed;
		all.made = all.failed + row->delivered - row->own_delivered;
	}
	return all;
}

static void
tell_failing(struct server *s, const struct config_route *route,
    const struct alarm_attempts *recent)
{
	const struct stats_route *row = stats_route(s->stats, route->name);
	char last[CLOCK_TEXT_SIZE];

	clock_format(row->failed_at_ms, last);
	tell_note(s, OWN_ROUTE_FAILING, route->name,
	    json_pack("{s:s, s:I, s:I, s:I, s:I, s:i, s:s, s:o, s:o}", "route",
		route->name, "attempts", (json_int_t)recent->made, "failed",
		(json_int_t)recent->failed, "percent",
		(json_int_t)(recent->failed * 100 / recent->made),
		"failing_over", (json_int_t)route->failing_over, "window_ms",
		(int)ALARM_WINDOW_MS, "last_at", last, "last_outcome",
		own_text(row->failed_outcome), "last_detail",
		own_text(row->failed_detail)));
}

static void
look_routes(struct server *s, int64_t boot_ms)
{
	const struct config_route *route;
	struct alarm_failing *alarm;
	struct alarm_attempts all, recent;
	size_t i;

	for (i = 0; i < s->tell.n_failings; i++) {
		route = &s->config->routes[i];
		alarm = &s->tell.failings[i];
		all = attempts_of(stats_route(s->stats, route->name));
		if (!alarm_failing(
			alarm, &all, route->failing_over, boot_ms, &recent))
			continue;
		if (s->tell.wanted[OWN_ROUTE_FAILING])
			tell_failing(s, route, &recent);
		else
			alarm->on = false; /* a reload may change that */
	}
}

static const struct alarm_failing *
old_failing(const struct server *s, const struct config *old, const char *name)
{
	const struct config_route *route =
	    old != NULL ? config_route(old, name) : NULL;

	return route != NULL && s->tell.n_failings > 0
		   ? &s->tell.failings[route - old->routes]
		   : NULL;
}

static void
use_routes(struct server *s, const struct config *old)
{
	size_t n = s->config->n_routes, i;
	struct alarm_failing *rows = calloc(n + 1, sizeof(*rows));
	const struct alarm_failing *before;
	struct alarm_attempts all;
	const char *name;

	for (i = 0; rows != NULL && i < n; i++) {
		name = s->config->routes[i].name;
		before = old_failing(s, old, name);
		all = attempts_of(stats_route(s->stats, name));
		if (before != NULL)
			rows[i] = *before;
		else
			alarm_failing_begin(&rows[i], &all, clock_boot_ms());
	}
	free(s->tell.failings);
	s->tell.failings = rows;
	s->tell.n_failings = rows != NULL ? n : 0;
}

/* ---- all of them ---- */

void
tell_look_config(struct server *s, const struct config *old)
{
	use_sources(s, old);
	use_routes(s, old);
	if (s->tell.silences == NULL || s->tell.failings == NULL)
		log_error("no_memory", log_str("for", "own events"));
}

void
tell_look(struct server *s, int64_t boot_ms)
{
	look_store(s);
	look_sources(s, boot_ms);
	look_routes(s, boot_ms);
}
