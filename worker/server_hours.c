/* The counters of the last 24 hours: fed at each beat, saved in a commit. */

#include "../shared/clock.h"
#include "server_impl.h"

static void
feed(struct server *s, enum store_tally_kind kind, const char *name, int64_t n)
{
	const struct store_tally total = {0, kind, name, n};

	hours_feed(s->hours, &total, clock_wall_ms());
}

static uint64_t
feed_sources(struct server *s)
{
	size_t n, i;
	const struct stats_source *sources = stats_sources(s->stats, &n);
	uint64_t events = 0;

	for (i = 0; i < n; i++) {
		const struct stats_source *row = &sources[i];

		feed(s, TALLY_STORED, row->name, (int64_t)row->stored);
		feed(s, TALLY_DUPLICATE, row->name, (int64_t)row->duplicate);
		events += row->stored + row->duplicate;
	}
	return events;
}

static void
feed_routes(struct server *s)
{
	size_t n, i;
	const struct stats_route *routes = stats_routes(s->stats, &n);

	for (i = 0; i < n; i++) {
		const struct stats_route *row = &routes[i];

		feed(s, TALLY_DELIVERED, row->name, (int64_t)row->delivered);
		feed(s, TALLY_FAILED, row->name, (int64_t)row->failed);
		feed(s, TALLY_DEAD, row->name, (int64_t)row->dead);
	}
}

/* What gateways turned away never reached this worker otherwise. */
static void
feed_gateways(struct server *s)
{
	json_t *totals = links_totals(s->links), *source;
	const char *name;

	json_object_foreach(totals, name, source)
	{
		feed(s, TALLY_REFUSED, name,
		    json_integer_value(json_object_get(source, "refused")));
		feed(s, TALLY_UNAVAILABLE, name,
		    json_integer_value(json_object_get(source, "unavailable")));
	}
	json_decref(totals);
}

void
server_hours_feed(struct server *s, int64_t boot_ms)
{
	uint64_t events = feed_sources(s);

	feed_routes(s);
	feed_gateways(s);
	if (boot_ms > s->fed_at_ms)
		s->per_second = (double)(events - s->fed_events) * 1000.0 /
				(double)(boot_ms - s->fed_at_ms);
	s->fed_at_ms = boot_ms;
	s->fed_events = events;
	s->hours_due = hours_unsaved(s->hours);
}
