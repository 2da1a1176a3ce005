/*
 * stats - what happened since this worker started, per source and per route
 *
 * Counters for metrics, status and gaff's own events; the store thread's alone.
 * Each is raised once what it counts is committed.  A name beyond
 * STATS_NAMES_MAX (of sources, and of routes) is not counted but as
 * STATS_LIMIT_NAMES; no step costs more with more names than a search in a
 * tree.
 */

#ifndef WORKER_STATS_H
#define WORKER_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shared/config.h"
#include "store.h"

enum {
	STATS_NAMES_MAX = 4096,
	STATS_BUCKETS = 13,
	STATS_OUTCOMES_MAX = 24, /* of a route; what comes later is "other" */
	STATS_OUTCOME_SIZE = 24,
	STATS_DETAIL_SIZE = 160,
};

/* Not cumulative: n[i] are those up to the i-th bound and over the one before,
 * the last one those above all. */
struct stats_histogram {
	uint64_t n[STATS_BUCKETS + 1];
	double sum; /* in the unit of the bounds */
};

/* Durations: 1 ms to 10 s, then a minute and ten. */
extern const double stats_bounds_ms[STATS_BUCKETS];
/* Events in a commit: none to a full batch. */
extern const double stats_bounds_events[STATS_BUCKETS];

/* What goes beyond a limit, counted where it happens. */
enum stats_limit {
	STATS_LIMIT_RESERVE,     /* events refused: the store has no room */
	STATS_LIMIT_JOURNAL,     /* events that waited for their commit */
	STATS_LIMIT_MAX_PENDING, /* deliveries that became dead letters */
	STATS_LIMIT_OUTPUT,      /* attempts whose output was cut */
	STATS_LIMIT_NAMES,       /* names that are not counted */
	STATS_LIMIT__MAX
};

const char *stats_limit_name(enum stats_limit limit);

struct stats_source {
	char name[CONFIG_NAME_MAX + 1];
	uint64_t stored;
	uint64_t duplicate;
	uint64_t unmatched;
	uint64_t flagged[EVENT_FLAGS]; /* stored, or refused for it */
	uint64_t confirmed;
	uint64_t not_confirmed;
	int64_t
	    last_ms; /* wall time an event or a copy of one came; 0: never */
};

struct stats_outcome {
	char
	    name[STATS_OUTCOME_SIZE]; /* exit:1 signal:9 timeout status:500 … */
	uint64_t n;
};

struct stats_route {
	char name[CONFIG_NAME_MAX + 1];
	uint64_t delivered;     /* attempts that ended so */
	uint64_t failed;        /* attempts */
	uint64_t own_delivered; /* of those the ones of gaff's own events */
	uint64_t own_failed;
	uint64_t dead; /* deliveries */
	struct stats_outcome outcomes[STATS_OUTCOMES_MAX];
	size_t n_outcomes;
	struct stats_histogram attempt;
	int64_t delivered_at_ms; /* wall time of the last one; 0: none */
	int64_t failed_at_ms;    /* wall time of the last failure; 0: none */
	char failed_outcome[STATS_OUTCOME_SIZE];
	char failed_detail[STATS_DETAIL_SIZE]; /* foreign text, cut */
};

struct stats_commits {
	struct stats_histogram duration; /* ms */
	struct stats_histogram events;
};

struct stats;

struct stats *stats_new(void); /* NULL without memory */
void stats_free(struct stats *stats);

/* Rows for every source and route, so that each is told from 0 on. */
void stats_know(struct stats *stats, const struct config *config);

/* An event of this source was stored, or a copy of one was recognised. */
void stats_event(
    struct stats *stats, const char *source, bool duplicate, int64_t wall_ms);
void stats_flags(struct stats *stats, const char *source, unsigned flags);
void stats_unmatched(struct stats *stats, const char *source);
/* An event of this source was confirmed (confirm.h), or never will be. */
void stats_confirmed(struct stats *stats, const char *source, bool good);

/* An attempt on this route has ended. */
void stats_attempt(struct stats *stats, const char *route, bool delivered,
    const struct store_attempt *attempt);
/* It was one of gaff's own event: the same attempt, counted beside. */
void stats_own_attempt(struct stats *stats, const char *route, bool delivered);
void stats_dead(struct stats *stats, const char *route);
void stats_commit(struct stats *stats, int64_t us, size_t events);
void stats_beyond(struct stats *stats, enum stats_limit limit, size_t n);

/* Every row, in the order of first appearance. */
const struct stats_source *stats_sources(const struct stats *stats, size_t *n);
const struct stats_route *stats_routes(const struct stats *stats, size_t *n);
/* NULL: none of that name. */
const struct stats_source *
stats_source(const struct stats *stats, const char *name);
const struct stats_route *
stats_route(const struct stats *stats, const char *name);
const struct stats_commits *stats_commits(const struct stats *stats);
uint64_t stats_limit(const struct stats *stats, enum stats_limit limit);

#endif
