/*
 * routing - decides which routes an event goes to: a TASK_ROUTE's way through
 * patterns and filters to its TASK_ROUTEDs (tasks.h says which)
 *
 * On the dispatcher's thread.
 */

#ifndef WORKER_ROUTING_H
#define WORKER_ROUTING_H

#include "filter.h"
#include "tasks.h"

enum {
	/* Questions that wait for the helper: with more, events without the
	 * `filtered` mark are let go of; and with more slow ones. */
	ROUTING_QUEUE_MAX = 256,
	ROUTING_SLOW_MAX = 16,
	/* With more, what is decided without a filter is told at once. */
	ROUTING_QUEUE_SHORT = 32,
};

struct routing;

/* NULL, logged. */
struct routing *routing_open(struct spawn *spawn, struct tasks *out);
/* Events that wait are forgotten: they are in the store.  NULL is fine. */
void routing_close(struct routing *routing);

/* Decide by this configuration.  Takes the task. */
void
routing_take(struct routing *routing, struct task *task, struct config *config);

/* For the loop: the descriptors, times and work of the filters. */
struct filter *routing_filter(const struct routing *routing);

#endif
