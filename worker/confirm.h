/*
 * confirm - events that a GET confirms, such as a subscription's
 *
 * A scheme says which events those are, where the URL stands and on which hosts
 * it may be (`confirm`, `confirm_at`).  Each is asked for once it is stored,
 * before it is matched to routes, CONFIRM_TRIES times at most with longer and
 * longer waits; how it ends is logged and told the store thread, never the URL,
 * whose query is a secret.  What is under way is in memory: a worker that ends
 * tells what it gives up, and an event that no worker has matched yet is
 * confirmed by the next one.  To confirm twice does no harm.
 *
 * On the dispatcher's thread, with its curl multi.  Times are of the boot
 * clock.
 */

#ifndef WORKER_CONFIRM_H
#define WORKER_CONFIRM_H

#include <stdint.h>

#include <curl/curl.h>

#include "../shared/config.h"
#include "../shared/event.h"
#include "tasks.h"

enum {
	CONFIRM_TRIES = 6,
	CONFIRM_FIRST_MS = 1000, /* to the second; then four times the last */
	CONFIRM_TIMEOUT_MS = 10000,
	CONFIRM_MAX = 64, /* under way; what is beyond is not confirmed */
};

struct confirm;

/* `out` is to the store thread.  NULL, logged. */
struct confirm *confirm_open(CURLM *multi, struct tasks *out);
void confirm_close(struct confirm *confirm); /* NULL is fine */

/* A stored event: if it is one of those, it is due now. */
void confirm_take(struct confirm *confirm, const struct config *config,
    const struct event *event);

/* When confirm_step() has something to do; INT64_MAX: not by the clock. */
int64_t confirm_due_ms(const struct confirm *confirm);
/* Ask for what is due.  `ca_file` as in struct fetch_options. */
void confirm_step(struct confirm *confirm, const char *ca_file);

#endif
