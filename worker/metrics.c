#include "metrics.h"

#include <string.h>

#include "../shared/scheme.h"
#include "prom.h"
#include "prom_counters.h"

/* What the rows of a family are. */
enum rows {
	ROWS_ONE,
	ROWS_GATEWAYS, /* a source as gateways count it: a JSON object */
	ROWS_CONFIG,   /* a source of the configuration */
	ROWS_SOURCE,   /* of stats */
	ROWS_ROUTE,    /* of stats */
	ROWS_COUNT,    /* a route of the store's counts */
};

struct family {
	const char *name;
	const char *type;
	const char *help;
	enum rows rows;
	/* Write the samples of one row; `row` is NULL for ROWS_ONE. */
	void (*put)(const struct prom *prom, const struct metrics_view *view,
	    const void *row);
};

/* ---- a source as gateways count it ---- */

struct gateway_row {
	const char *source;
	const json_t *counters;
};

static void
put_requests(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct gateway_row *gateway = row;

	(void)view;
	prom_counters_map(prom, gateway->source,
	    json_object_get(gateway->counters, "codes"), "code");
}

static void
put_refused(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct gateway_row *gateway = row;

	(void)view;
	prom_counters_map(prom, gateway->source,
	    json_object_get(gateway->counters, "reasons"), "reason");
}

static void
put_request_duration(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct gateway_row *gateway = row;

	(void)view;
	prom_counters_durations(prom, gateway->source,
	    json_object_get(gateway->counters, "duration_us"));
}

static void
put_request_body(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct gateway_row *gateway = row;

	(void)view;
	prom_counters_sizes(prom, gateway->source,
	    json_object_get(gateway->counters, "body_bytes"));
}

/* ---- sources ---- */

static void
put_stored(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct stats_source *source = row;

	(void)view;
	prom_number(prom, PROM_LABELS({"source", source->name}),
	    (int64_t)source->stored);
}

static void
put_flagged(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct stats_source *source = row;

	(void)view;
	for (unsigned i = 0; i < EVENT_FLAGS; i++)
		prom_number(prom,
		    PROM_LABELS(
			{"source", source->name}, {"flag", event_flag_name(i)}),
		    (int64_t)source->flagged[i]);
}

static void
put_duplicate(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct stats_source *source = row;

	(void)view;
	prom_number(prom, PROM_LABELS({"source", source->name}),
	    (int64_t)source->duplicate);
}

static void
put_unmatched(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct stats_source *source = row;

	(void)view;
	prom_number(prom, PROM_LABELS({"source", source->name}),
	    (int64_t)source->unmatched);
}

/* Only of those that have something to confirm, or had. */
static void
put_confirmations(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct stats_source *source = row;
	const struct config_source *now =
	    config_source(view->config, source->name);

	if (source->confirmed + source->not_confirmed == 0 &&
	    (now == NULL || !scheme_confirms(now->scheme)))
		return;
	prom_number(prom,
	    PROM_LABELS({"source", source->name}, {"outcome", "confirmed"}),
	    (int64_t)source->confirmed);
	prom_number(prom,
	    PROM_LABELS({"source", source->name}, {"outcome", "failed"}),
	    (int64_t)source->not_confirmed);
}

/* A gateway may remember what came before this worker's start. */
static void
put_last_event(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct stats_source *source = row;
	const json_t *counters = json_object_get(view->gateways, source->name);
	int64_t last_ms =
	    json_integer_value(json_object_get(counters, "last_accepted_ms"));

	if (source->last_ms > last_ms)
		last_ms = source->last_ms;
	prom_time(prom, PROM_LABELS({"source", source->name}), last_ms);
}

static void
put_silent_after(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct config_source *source = row;

	(void)view;
	if (source->silent_after_ms > 0)
		prom_number(prom, PROM_LABELS({"source", source->name}),
		    source->silent_after_ms / 1000);
}

/* ---- routes ---- */

static void
put_attempts(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct stats_route *route = row;
	size_t i;

	(void)view;
	for (i = 0; i < route->n_outcomes; i++)
		prom_number(prom,
		    PROM_LABELS({"route", route->name},
			{"outcome", route->outcomes[i].name}),
		    (int64_t)route->outcomes[i].n);
}

static void
put_stats_histogram(const struct prom *prom, const struct prom_label *labels,
    const struct stats_histogram *counted, const double *bounds, double scale)
{
	const struct prom_histogram histogram = {.bounds = bounds,
	    .n_bounds = STATS_BUCKETS,
	    .scale = scale,
	    .n = counted->n,
	    .sum = counted->sum};

	prom_histogram(prom, labels, &histogram);
}

static void
put_attempt_duration(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct stats_route *route = row;

	(void)view;
	put_stats_histogram(prom, PROM_LABELS({"route", route->name}),
	    &route->attempt, stats_bounds_ms, 0.001);
}

static void
put_deliveries(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	static const enum delivery_state told[] = {DELIVERY_PENDING,
	    DELIVERY_RUNNING, DELIVERY_WAITING, DELIVERY_EXHAUSTED,
	    DELIVERY_DEAD};
	const struct store_count *count = row;
	size_t i;

	(void)view;
	for (i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		prom_number(prom,
		    PROM_LABELS({"route", count->route},
			{"state", delivery_state_name(told[i])}),
		    count->n[told[i]]);
}

static void
put_oldest(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct store_count *count = row;

	(void)view;
	if (count->oldest_ms > 0)
		prom_time(prom, PROM_LABELS({"route", count->route}),
		    count->oldest_ms);
}

static void
put_dead(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct stats_route *route = row;

	(void)view;
	prom_number(
	    prom, PROM_LABELS({"route", route->name}), (int64_t)route->dead);
}

/* ---- the worker ---- */

static void
put_commit_duration(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	(void)row;
	put_stats_histogram(prom, PROM_NONE,
	    &stats_commits(view->stats)->duration, stats_bounds_ms, 0.001);
}

static void
put_commit_events(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	(void)row;
	put_stats_histogram(prom, PROM_NONE,
	    &stats_commits(view->stats)->events, stats_bounds_events, 1);
}

static void
put_limits(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	int i;

	(void)row;
	for (i = 0; i < STATS_LIMIT__MAX; i++)
		prom_number(prom,
		    PROM_LABELS(
			{"limit", stats_limit_name((enum stats_limit)i)}),
		    (int64_t)stats_limit(view->stats, (enum stats_limit)i));
}

static void
put_keys(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	const struct blobs_counts *keys = view->keys;

	const struct {
		const char *result;
		uint64_t n;
	} rows[] = {{"fetched", keys->fetched}, {"failed", keys->failed},
	    {"cached", keys->hits}, {"limited", keys->limited},
	    {"not_allowed", keys->refused}};

	size_t i;

	(void)row;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		prom_number(prom, PROM_LABELS({"result", rows[i].result}),
		    (int64_t)rows[i].n);
}

static void
put_letter_bytes(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	(void)row;
	if (view->letter_bytes >= 0)
		prom_number(prom, PROM_NONE, view->letter_bytes);
}

static void
put_build(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	(void)view;
	(void)row;
	prom_number(prom, PROM_LABELS({"version", GAFF_VERSION}), 1);
}

static void
put_parked(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	(void)row;
	prom_number(prom, PROM_LABELS({"worker", view->worker}), view->parked);
}

static void
put_links(
    const struct prom *prom, const struct metrics_view *view, const void *row)
{
	(void)row;
	prom_number(
	    prom, PROM_LABELS({"worker", view->worker}), (int64_t)view->links);
}

/* A gauge without labels that is one member of the view. */
#define PLAIN(function, put, value)                                            \
	static void function(const struct prom *prom,                          \
	    const struct metrics_view *view, const void *row)                  \
	{                                                                      \
		(void)row;                                                     \
		put(prom, PROM_NONE, value);                                   \
	}
PLAIN(put_accepting, prom_number, view->accepting)
PLAIN(put_free, prom_number, view->space.free_bytes)
PLAIN(put_used, prom_number, view->space.used_bytes)
PLAIN(put_reserve, prom_number, view->reserve)
PLAIN(put_unrouted, prom_number, view->unrouted)
PLAIN(put_malformed, prom_number, (int64_t)view->malformed)
PLAIN(put_reloaded, prom_number, !view->reload_failed)
PLAIN(put_loaded, prom_time, view->loaded_at_ms)
PLAIN(put_started, prom_time, view->started_at_ms)

/* ---- the families ---- */

#define OF_GATEWAYS                                                            \
	" Counted by gateways; each worker they link to tells the same: in a " \
	"fleet take max, not sum."

static const struct family families[] = {
    {"gaff_requests_total", "counter",
	"Requests answered, by HTTP status." OF_GATEWAYS, ROWS_GATEWAYS,
	put_requests},
    {"gaff_refused_total", "counter",
	"Requests not accepted, by reason." OF_GATEWAYS, ROWS_GATEWAYS,
	put_refused},
    {"gaff_request_duration_seconds", "histogram",
	"From the first byte of a request to its answer." OF_GATEWAYS,
	ROWS_GATEWAYS, put_request_duration},
    {"gaff_request_body_bytes", "histogram",
	"Bodies that were read." OF_GATEWAYS, ROWS_GATEWAYS, put_request_body},
    {"gaff_parked_requests", "gauge",
	"Requests that wait for an acknowledgement, in all gateways linked to "
	"this worker.",
	ROWS_ONE, put_parked},
    {"gaff_links_up", "gauge", "Gateway processes linked to this worker.",
	ROWS_ONE, put_links},
    {"gaff_events_stored_total", "counter", "Events committed and synced.",
	ROWS_SOURCE, put_stored},
    {"gaff_events_duplicate_total", "counter",
	"Copies of events that were stored already.", ROWS_SOURCE,
	put_duplicate},
    {"gaff_events_flagged_total", "counter",
	"Events whose key is not signed, with a body that came under another "
	"key, or under a key that came with another body; stored or refused.",
	ROWS_SOURCE, put_flagged},
    {"gaff_events_unmatched_total", "counter",
	"Events that matched no route; a reload asks again, and counts again.",
	ROWS_SOURCE, put_unmatched},
    {"gaff_confirmations_total", "counter",
	"Events that a GET was to confirm, such as a subscription's: "
	"confirmed, "
	"or failed, so that the provider sends nothing.",
	ROWS_SOURCE, put_confirmations},
    {"gaff_last_event_timestamp_seconds", "gauge",
	"When an event or a copy of one was last accepted; 0: none since gaff "
	"was started.",
	ROWS_SOURCE, put_last_event},
    {"gaff_source_silent_after_seconds", "gauge",
	"silent_after of the sources that have it.", ROWS_CONFIG,
	put_silent_after},
    {"gaff_attempts_total", "counter", "Attempts that ended, by outcome.",
	ROWS_ROUTE, put_attempts},
    {"gaff_attempt_duration_seconds", "histogram", "How long attempts took.",
	ROWS_ROUTE, put_attempt_duration},
    {"gaff_deliveries", "gauge",
	"Deliveries that have not ended, and dead ones.", ROWS_COUNT,
	put_deliveries},
    {"gaff_oldest_pending_timestamp_seconds", "gauge",
	"When the oldest event came that has an open delivery; absent when "
	"there is none.",
	ROWS_COUNT, put_oldest},
    {"gaff_dead_total", "counter", "Deliveries that became dead letters.",
	ROWS_ROUTE, put_dead},
    {"gaff_dead_letter_bytes", "gauge", "Size of all dead letters.", ROWS_ONE,
	put_letter_bytes},
    {"gaff_commit_duration_seconds", "histogram",
	"Commits of the store, sync included.", ROWS_ONE, put_commit_duration},
    {"gaff_commit_events", "histogram", "Events taken in by a commit.",
	ROWS_ONE, put_commit_events},
    {"gaff_store_free_bytes", "gauge",
	"Room for the store: free on its file system and inside its files.",
	ROWS_ONE, put_free},
    {"gaff_store_bytes", "gauge", "Size of the store's files.", ROWS_ONE,
	put_used},
    {"gaff_store_reserve_bytes", "gauge",
	"With less room than this events are refused.", ROWS_ONE, put_reserve},
    {"gaff_unrouted_events", "gauge", "Events stored and not yet routed.",
	ROWS_ONE, put_unrouted},
    {"gaff_accepting", "gauge", "Whether this worker takes in events.",
	ROWS_ONE, put_accepting},
    {"gaff_limit_total", "counter",
	"What went beyond a limit of docs/DESIGN.md.", ROWS_ONE, put_limits},
    {"gaff_keys_total", "counter",
	"Keys from the network: fetched or failed, given from the cache, not "
	"fetched again so soon, not allowed.",
	ROWS_ONE, put_keys},
    {"gaff_malformed_frames_total", "counter",
	"Frames of gateways or the command line that could not be read.",
	ROWS_ONE, put_malformed},
    {"gaff_config_loaded_timestamp_seconds", "gauge",
	"When the configuration in use was loaded.", ROWS_ONE, put_loaded},
    {"gaff_config_last_reload_successful", "gauge",
	"0: the last reload was refused, the older configuration is in use.",
	ROWS_ONE, put_reloaded},
    {"gaff_start_timestamp_seconds", "gauge", "When this worker was started.",
	ROWS_ONE, put_started},
    {"gaff_build_info", "gauge", "The worker's version.", ROWS_ONE, put_build},
};

enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

/* ---- pages ---- */

/* The rows of a family, walked through. */
struct walk {
	const struct metrics_view *view;
	enum rows rows;
	size_t i;
	void *member; /* ROWS_GATEWAYS */
	struct gateway_row gateway;
};

static void
walk_begin(struct walk *walk, const struct metrics_view *view, enum rows rows,
    size_t from)
{
	*walk = (struct walk){.view = view, .rows = rows, .i = from};
	if (rows != ROWS_GATEWAYS)
		return;
	walk->member = json_object_iter(view->gateways);
	for (; from > 0 && walk->member != NULL; from--)
		walk->member =
		    json_object_iter_next(view->gateways, walk->member);
}

static bool
next_gateway_row(struct walk *walk)
{
	const char *source;

	if (walk->member == NULL)
		return false;
	/* Requests to no source at all have the name "". */
	source = json_object_iter_key(walk->member);
	walk->gateway = (struct gateway_row){source[0] != '\0' ? source : "-",
	    json_object_iter_value(walk->member)};
	walk->member =
	    json_object_iter_next(walk->view->gateways, walk->member);
	return true;
}

/* The next row, in *row; false behind the last. */
static bool
walk_next(struct walk *walk, const void **row)
{
	const struct metrics_view *view = walk->view;
	const struct stats_source *sources;
	const struct stats_route *routes;
	size_t i = walk->i++, n = 1;

	*row = NULL;
	switch (walk->rows) {
	case ROWS_ONE:
		break;
	case ROWS_GATEWAYS:
		*row = &walk->gateway;
		return next_gateway_row(walk);
	case ROWS_CONFIG:
		n = view->config->n_sources;
		*row = i < n ? &view->config->sources[i] : NULL;
		break;
	case ROWS_SOURCE:
		sources = stats_sources(view->stats, &n);
		*row = i < n ? &sources[i] : NULL;
		break;
	case ROWS_ROUTE:
		routes = stats_routes(view->stats, &n);
		*row = i < n ? &routes[i] : NULL;
		break;
	case ROWS_COUNT:
		n = view->n_counts;
		*row = i < n ? &view->counts[i] : NULL;
		break;
	}
	return i < n;
}

/* A cursor is a family and how many of its rows are told. */
enum { CURSOR_ROWS = 1 << 20 };

/* Rows of a family from `from` on, until `out` has `end` bytes.  The first one
 * that is left, or 0. */
static size_t
put_rows(const struct family *family, const struct metrics_view *view,
    size_t from, size_t end, struct buf *out)
{
	const struct prom prom = {family->name, out};
	struct walk walk;
	const void *row;

	if (from == 0)
		prom_family(&prom, family->type, family->help);
	walk_begin(&walk, view, family->rows, from);
	while (walk_next(&walk, &row)) {
		/* One at least: there is always progress. */
		if (out->len >= end && walk.i - 1 > from)
			return walk.i - 1;
		family->put(&prom, view, row);
	}
	return 0;
}

int
metrics_page(const struct metrics_view *view, int64_t *cursor, struct buf *out)
{
	int64_t f = *cursor / CURSOR_ROWS;
	size_t row = (size_t)(*cursor % CURSOR_ROWS);
	size_t end = out->len + METRICS_PAGE_BYTES;

	if (*cursor < 0 || f >= FAMILIES)
		return -1;
	while (f < FAMILIES && (out->len < end || row > 0)) {
		row = put_rows(&families[f], view, row, end, out);
		if (row > 0)
			break;
		f++;
	}
	*cursor = f < FAMILIES ? f * CURSOR_ROWS + (int64_t)row : 0;
	return out->failed ? -1 : 0;
}
