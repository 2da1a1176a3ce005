/*
 * admin - answers the command line's CALLs, on the store thread
 *
 * A CALL is {"verb": NAME, "args": {…}}; a REPLY {"ok": true, "data": …,
 * "next": CURSOR or absent} or {"ok": false, "error": "sentence"}.  Lists come
 * in pages.  docs/WIRE.md names the verbs with their arguments.
 */

#ifndef WORKER_ADMIN_H
#define WORKER_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "../shared/config.h"
#include "hours.h"
#include "links.h"
#include "metrics.h"
#include "rejected.h"
#include "stats.h"
#include "store.h"
#include "trail.h"

struct admin_context {
	const struct store_ops *ops;
	struct store *store; /* no batch is open */
	const struct config *config;
	const struct config_worker *worker;
	const struct links *links;
	const struct stats *stats;
	const struct hours *hours;
	struct trail *trail;
	double per_second; /* events that come */
	struct rejected *rejected;
	const char *state;     /* accepting, draining, full */
	int64_t started_at_ms; /* wall time */
	int64_t sync_us;       /* duration of the last commit */
	const struct metrics_view *metrics;
	/* Something of this route may be due now (a replay); NULL: any. */
	void (*due)(void *arg, const char *route);
	void (*paused)(void *arg, const char *route, bool paused);
	/* Gateways are to forget what is kept under this name. */
	void (*unkept)(void *arg, const char *name);
	/* Overwrite what the journal has of events that are in the store.  0,
	 * or -1, logged. */
	int (*scrub)(void *arg);
	void *arg;
	/* Set by a verb whose commit failed with STORE_BROKEN. */
	bool broken;
};

/* The REPLY to a CALL, a new reference; NULL only without memory. */
json_t *admin_answer(struct admin_context *context, const json_t *call);

#endif
