/*
 * filter - asks the helper process what the filters say about an event
 *
 * One question is under way at a time.  A filter that takes too much CPU time
 * or memory, or ends the helper, gets FILTER_ERROR; the helper is started anew
 * and asked about the rest.  Filters that lately took too much time are slow:
 * their questions go behind all others.  On the dispatcher's thread; nothing
 * here waits.
 */

#ifndef WORKER_FILTER_H
#define WORKER_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shared/event.h"
#include "filter_check.h"
#include "filter_jq.h"
#include "spawn.h"

enum {
	/* CPU time for parsing a body, and for each filter. */
	FILTER_CPU_MS = 250,
	FILTER_CPU_MS_PER_MIB = 100,
	/* Wall time for the same: a helper that does not even run. */
	FILTER_WALL_MS = 10000,
	FILTER_SLOW_MS = 60000,
	FILTER_SLOW_MAX = 64, /* slow filters that are remembered */
};

/* One filter and what it said. */
struct filter_case {
	const char *text;
	enum filter_verdict verdict;
	char *error; /* FILTER_ERROR: one line, or NULL without memory */
};

/* A question: one event, n cases.  The caller's, untouched until it is told. */
struct filter_job {
	struct filter_job *next; /* filter's own */
	const struct event *event;
	struct filter_case *cases;
	size_t n;
	void *arg; /* the caller's own */
};

/* Every case is decided: the job is the caller's again. */
typedef void filter_done_fn(void *arg, struct filter_job *job);

struct filter;

/* NULL, logged.  The helper is started by the first job. */
struct filter *
filter_open(struct spawn *spawn, filter_done_fn *done, void *arg);
/* Jobs that are not done are forgotten: handed to `drop`.  NULL is fine. */
void filter_close(struct filter *filter, void (*drop)(struct filter_job *job));

/* Whether the filter lately took too much time. */
bool filter_is_slow(const struct filter *filter, const char *text);

/* Queue a job (n > 0); a slow one behind all that are not. */
void filter_submit(struct filter *filter, struct filter_job *job, bool slow);
/* How many jobs wait or are under way. */
unsigned filter_queued(const struct filter *filter);
unsigned filter_queued_slow(const struct filter *filter);

/* The descriptor to poll for reading, -1: none; and whether for writing. */
int filter_fd(const struct filter *filter);
bool filter_wants_write(const struct filter *filter);
/* Boot clock: when filter_pump() has something to do at the latest. */
int64_t filter_due_ms(const struct filter *filter);
/* Read, write, look at the time.  `done` may be called. */
void filter_pump(struct filter *filter);

#endif
