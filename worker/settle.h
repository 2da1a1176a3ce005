/*
 * settle - what becomes of a delivery after an attempt (no I/O)
 */

#ifndef WORKER_SETTLE_H
#define WORKER_SETTLE_H

#include <stdint.h>

#include "dest.h"
#include "tasks.h"

/* What decides besides the outcome. */
struct settle_facts {
	const struct config_route *route; /* NULL: it is gone */
	int64_t now_ms;                   /* wall */
	int64_t paused_ms; /* of the time since the first attempt */
	uint32_t random;
};

enum {
	/* When a delivery whose route is gone is looked at again, should the
	 * route come back. */
	SETTLE_GONE_MS = 60000,
	/* When one that could not be started is. */
	SETTLE_AGAIN_MS = 1000,
};

/*
 * Fill in a TASK_SETTLE for an attempt that ended so.  Takes the delivery, and
 * copies what it needs of the outcome (without memory its details are lost, not
 * its result).
 */
void settle_attempt(struct task *task, struct store_delivery *delivery,
    const struct dest_outcome *outcome, const struct settle_facts *facts);

/* The same for a delivery that was not tried: pending again. */
void settle_untried(struct task *task, struct store_delivery *delivery,
    int64_t now_ms, int64_t due_ms);

#endif
