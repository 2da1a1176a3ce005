/*
 * retry - when to try again, or to give up (pure)
 *
 * `backoff`, doubled up to `backoff_max`, with a jitter of a fifth both ways,
 * until `give_up` after the first attempt (or `attempts` of them); the last
 * one is made when `give_up` has passed, never later.  Or `schedule` as it
 * stands: no jitter, no `give_up`.  A delivery dies only directly after a
 * failed attempt.
 */

#ifndef WORKER_RETRY_H
#define WORKER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "../shared/config.h"

enum {
	RETRY_COUNT_MAX = 10000,
	RETRY_DELAY_MIN_MS = 100, /* shorter ones would be a busy loop */
};

struct retry_input {
	unsigned attempt;    /* the failed one, from 1 */
	int64_t first_at_ms; /* wall time of the first attempt */
	int64_t now_ms;
	int64_t paused_ms;      /* of the time since the first attempt */
	int64_t retry_after_ms; /* asked for by the destination; 0: not */
	uint32_t random;        /* any number: the jitter */
};

struct retry_decision {
	bool again;
	int64_t due_ms;     /* again: wall time */
	const char *reason; /* not again: "expired", "attempts" */
};

/* A longer retry_after_ms replaces the delay, up to `backoff_max`. */
struct retry_decision
retry_decide(const struct config_route *route, const struct retry_input *input);

/* The delay before attempt + 1 without jitter, -1 when there is none: what
 * `gaff check` prints as the plan. */
int64_t retry_delay_ms(const struct config_route *route, unsigned attempt);

/* How many attempts the plan has when none takes any time (at most
 * RETRY_COUNT_MAX). */
unsigned retry_count(const struct config_route *route);

#endif
