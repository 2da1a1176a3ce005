#include "stats.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spawn.h"

const double stats_bounds_ms[STATS_BUCKETS] = {
    1, 2, 5, 10, 25, 50, 100, 250, 1000, 2500, 10000, 60000, 600000};

const double stats_bounds_events[STATS_BUCKETS] = {
    0, 1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 384, 512};

static const char *const limit_names[STATS_LIMIT__MAX] = {
    [STATS_LIMIT_RESERVE] = "reserve",
    [STATS_LIMIT_JOURNAL] = "journal",
    [STATS_LIMIT_MAX_PENDING] = "max_pending",
    [STATS_LIMIT_OUTPUT] = "output",
    [STATS_LIMIT_NAMES] = "names",
};

const char *
stats_limit_name(enum stats_limit limit)
{
	return limit_names[limit];
}

/* Rows in the order they came, and where each name's is.  A row begins with
 * its name. */
struct table {
	char *rows; /* `size` bytes each */
	size_t size;
	size_t n;
	size_t cap;
	void *tree; /* of struct place */
};

struct place {
	char name[CONFIG_NAME_MAX + 1];
	size_t index;
};

struct stats {
	struct table sources;
	struct table routes;
	struct stats_commits commits;
	uint64_t limits[STATS_LIMIT__MAX];
};

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void *
find(const struct table *table, const char *name)
{
	struct place *const *found = tfind(name, &table->tree, compare);

	return found != NULL ? table->rows + (*found)->index * table->size
			     : NULL;
}

static int
grow(struct table *table)
{
	size_t cap = table->cap ? table->cap * 2 : 16;
	char *rows;

	if (table->n < table->cap)
		return 0;
	rows = reallocarray(table->rows, cap, table->size);
	if (rows == NULL)
		return -1;
	table->rows = rows;
	table->cap = cap;
	return 0;
}

/* The row of a name, made when there is none.  NULL: there is no room. */
static void *
make(struct table *table, const char *name)
{
	void *row = find(table, name);
	struct place *place;

	if (row != NULL)
		return row;
	if (table->n == STATS_NAMES_MAX || strlen(name) > CONFIG_NAME_MAX ||
	    grow(table) != 0 || (place = calloc(1, sizeof(*place))) == NULL)
		return NULL;
	(void)memccpy(place->name, name, '\0', sizeof(place->name));
	place->index = table->n;
	if (tsearch(place, &table->tree, compare) == NULL) {
		free(place);
		return NULL;
	}
	row = table->rows + table->n++ * table->size;
	memset(row, 0, table->size);
	(void)memccpy(row, name, '\0', CONFIG_NAME_MAX + 1);
	return row;
}

static void *
get(struct stats *stats, struct table *table, const char *name)
{
	void *row = make(table, name);

	if (row == NULL)
		stats->limits[STATS_LIMIT_NAMES]++;
	return row;
}

static void
count(struct stats_histogram *histogram, const double *bounds, double value)
{
	size_t i = 0;

	while (i < STATS_BUCKETS && value > bounds[i])
		i++;
	histogram->n[i]++;
	histogram->sum += value;
}

struct stats *
stats_new(void)
{
	struct stats *stats = calloc(1, sizeof(*stats));

	if (stats == NULL)
		return NULL;
	stats->sources.size = sizeof(struct stats_source);
	stats->routes.size = sizeof(struct stats_route);
	return stats;
}

void
stats_free(struct stats *stats)
{
	if (stats == NULL)
		return;
	tdestroy(stats->sources.tree, free);
	tdestroy(stats->routes.tree, free);
	free(stats->sources.rows);
	free(stats->routes.rows);
	free(stats);
}

void
stats_know(struct stats *stats, const struct config *config)
{
	size_t i;

	for (i = 0; i < config->n_sources; i++)
		(void)get(stats, &stats->sources, config->sources[i].name);
	for (i = 0; i < config->n_routes; i++)
		(void)get(stats, &stats->routes, config->routes[i].name);
}

void
stats_event(
    struct stats *stats, const char *source, bool duplicate, int64_t wall_ms)
{
	struct stats_source *row = get(stats, &stats->sources, source);

	if (row == NULL)
		return;
	row->stored += !duplicate;
	row->duplicate += duplicate;
	row->last_ms = wall_ms;
}

void
stats_flags(struct stats *stats, const char *source, unsigned flags)
{
	struct stats_source *row = get(stats, &stats->sources, source);

	for (unsigned i = 0; row != NULL && i < EVENT_FLAGS; i++)
		row->flagged[i] += flags >> i & 1;
}

void
stats_unmatched(struct stats *stats, const char *source)
{
	struct stats_source *row = get(stats, &stats->sources, source);

	if (row != NULL)
		row->unmatched++;
}

void
stats_confirmed(struct stats *stats, const char *source, bool good)
{
	struct stats_source *row = get(stats, &stats->sources, source);

	if (row == NULL)
		return;
	row->confirmed += good;
	row->not_confirmed += !good;
}

static void
count_outcome(struct stats_route *row, const char *name)
{
	struct stats_outcome *outcome;
	size_t i;

	for (i = 0; i < row->n_outcomes; i++)
		if (strcmp(row->outcomes[i].name, name) == 0)
			break;
	if (i == STATS_OUTCOMES_MAX) {
		i--; /* the last one is for all that came late */
		name = "other";
	} else if (i == row->n_outcomes) {
		row->n_outcomes++;
	}
	outcome = &row->outcomes[i];
	(void)snprintf(outcome->name, sizeof(outcome->name), "%s", name);
	outcome->n++;
}

void
stats_attempt(struct stats *stats, const char *route, bool delivered,
    const struct store_attempt *attempt)
{
	struct stats_route *row = get(stats, &stats->routes, route);

	if (row == NULL)
		return;
	row->delivered += delivered;
	row->failed += !delivered;
	count(&row->attempt, stats_bounds_ms, (double)attempt->ms);
	if (attempt->output_len == SPAWN_OUTPUT_MAX)
		stats->limits[STATS_LIMIT_OUTPUT]++;
	count_outcome(row, attempt->outcome);
	if (delivered) {
		row->delivered_at_ms = attempt->at_ms + attempt->ms;
		return;
	}
	row->failed_at_ms = attempt->at_ms + attempt->ms;
	(void)snprintf(row->failed_outcome, sizeof(row->failed_outcome), "%s",
	    attempt->outcome);
	(void)snprintf(row->failed_detail, sizeof(row->failed_detail), "%s",
	    attempt->detail);
}

void
stats_own_attempt(struct stats *stats, const char *route, bool delivered)
{
	struct stats_route *row = find(&stats->routes, route);

	if (row == NULL)
		return;
	row->own_delivered += delivered;
	row->own_failed += !delivered;
}

void
stats_dead(struct stats *stats, const char *route)
{
	struct stats_route *row = get(stats, &stats->routes, route);

	if (row != NULL)
		row->dead++;
}

void
stats_commit(struct stats *stats, int64_t us, size_t events)
{
	count(&stats->commits.duration, stats_bounds_ms, (double)us / 1000);
	count(&stats->commits.events, stats_bounds_events, (double)events);
}

void
stats_beyond(struct stats *stats, enum stats_limit limit, size_t n)
{
	stats->limits[limit] += n;
}

const struct stats_source *
stats_sources(const struct stats *stats, size_t *n)
{
	*n = stats->sources.n;
	return (const void *)stats->sources.rows;
}

const struct stats_route *
stats_routes(const struct stats *stats, size_t *n)
{
	*n = stats->routes.n;
	return (const void *)stats->routes.rows;
}

const struct stats_source *
stats_source(const struct stats *stats, const char *name)
{
	return find(&stats->sources, name);
}

const struct stats_route *
stats_route(const struct stats *stats, const char *name)
{
	return find(&stats->routes, name);
}

const struct stats_commits *
stats_commits(const struct stats *stats)
{
	return &stats->commits;
}

uint64_t
stats_limit(const struct stats *stats, enum stats_limit limit)
{
	return stats->limits[limit];
}
