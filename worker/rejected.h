/*
 * rejected - the last refused requests of each source, in memory only
 *
 * Gateways send copies of what they refuse (docs/WIRE.md, REJECTED); the last
 * `keep_rejected` of a source stay, until the worker ends, and all together
 * within REJECTED_BYTES: the oldest goes first, whosever it is.
 */

#ifndef WORKER_REJECTED_H
#define WORKER_REJECTED_H

#include "../shared/config.h"
#include "../shared/wire.h"

enum { REJECTED_BYTES = 8 << 20 };

/* One of them; `event` is a copy. */
struct rejected_item {
	struct rejected_item *next; /* the one before it in time */
	struct event *event;
	char *reason;
	int status;
	size_t body_len; /* as it came; event->body_len of them are kept */
};

struct rejected;

struct rejected *rejected_new(void); /* NULL without memory */
void rejected_free(struct rejected *rejected);

/* Keep a copy, if the configuration says so; without memory it is not kept. */
void rejected_add(struct rejected *rejected, const struct config *config,
    const struct wire_rejected *request);
/* Another configuration: what it does not keep goes. */
void rejected_trim(struct rejected *rejected, const struct config *config);

/* The newest, then by ->next; they are the module's. */
const struct rejected_item *rejected_first(const struct rejected *rejected);

/* Remove the one with that id; whether it was there. */
bool rejected_forget(struct rejected *rejected, const uint8_t id[EVENT_ID_LEN]);

#endif
