/*
 * dest - what a route delivers to (a seam)
 *
 * Implementations: dest_run.c (a program), dest_post.c (a URL).  start() never
 * blocks; every started attempt ends in exactly one call of `done`.  All on the
 * dispatcher's thread.
 */

#ifndef WORKER_DEST_H
#define WORKER_DEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "../shared/config.h"
#include "spawn.h"
#include "store.h"

enum dest_verdict {
	DEST_DELIVERED,
	DEST_RETRY,
	DEST_FINAL, /* give up at once */
	DEST_CUT,   /* ended by an orderly stop: does not count */
};

struct dest_outcome {
	enum dest_verdict verdict;
	int64_t at_ms; /* wall time of the start */
	int64_t ms;
	int64_t retry_after_ms;
	char outcome[32]; /* ok exit:1 signal:9 timeout exec_failed status:503 dns
	                     connect tls redirect too_large */
	char detail[256]; /* last line of output, error text; escaped when logged */
	const char *output; /* valid during the call of `done` */
	size_t output_len;
};

typedef void dest_done_fn(
    void *arg, struct store_delivery *delivery, const struct dest_outcome *o);

struct dest_context {
	struct spawn *spawn;
	CURLM *multi;
	dest_done_fn *done; /* gets the delivery back */
	void *arg;
};

struct dest; /* the running attempts of one kind */

struct dest_ops {
	struct dest *(*open)(const struct dest_context *context);
	void (*close)(struct dest *dest);
	/* Takes the delivery; `route` is copied from as needed.  0, or -1 when
	 * nothing was started and `done` will not be called (no memory). */
	int (*start)(struct dest *dest, const struct config_route *route,
	    struct store_delivery *delivery);
	/* Something may have ended: look, and call `done`. */
	void (*ready)(struct dest *dest);
	/* End all that run, verdict DEST_CUT. */
	void (*cut)(struct dest *dest);
};

extern const struct dest_ops dest_run;
extern const struct dest_ops dest_post;

/* The implementation for a route. */
const struct dest_ops *dest_pick(enum config_dest kind);

#endif
