/*
 * hours - what happened in the last 24 hours, per source and per route
 *
 * Each counter of the worker is fed with what it stands at; the difference
 * belongs to the present hour.  Sums stand in memory, so that status costs
 * nothing; what is new goes into the store now and then, and is read back at
 * the start.  The store thread's alone.
 *
 * Hours are those of the wall clock: "the last 24" are the one that runs and
 * the 23 before it.  A series beyond HOURS_SERIES_MAX is not counted.
 */

#ifndef WORKER_HOURS_H
#define WORKER_HOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

enum { HOURS_N = 24, HOURS_SERIES_MAX = 7 * 4096 };

struct hours;

struct hours *hours_new(void);        /* NULL without memory */
void hours_free(struct hours *hours); /* NULL is fine */

/* Read the last day back. */
enum store_result hours_load(struct hours *hours, const struct store_ops *ops,
    struct store *store, int64_t wall_ms);

/* A counter that was 0 when this process started is `total` now.  One that is
 * lower than it was has begun again. */
void hours_feed(
    struct hours *hours, const struct store_tally *total, int64_t wall_ms);

/* Whether something is not in the store yet. */
bool hours_unsaved(const struct hours *hours);
/* Put it into the open batch. */
enum store_result hours_save(
    struct hours *hours, const struct store_ops *ops, struct store *store);
/* That batch is committed. */
void hours_saved(struct hours *hours);

/* Which hours: the last `n` (HOURS_N at most) as of a wall time. */
struct hours_span {
	int64_t wall_ms;
	int n;
};

/* The sum over these hours; 0 when there is no such series. */
int64_t hours_sum(const struct hours *hours, enum store_tally_kind kind,
    const char *name, struct hours_span span);

#endif
