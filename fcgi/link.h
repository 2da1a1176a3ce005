/*
 * link - the gateway's side of the wire: one thread that owns all sockets
 *
 * Events are handed over parked; the thread sends each to a worker, to the
 * next one when that fails or is slow, and calls `answer` once for each.  Only
 * a `stored` or `duplicate` of a worker gives LINK_STORED or LINK_DUPLICATE.
 */

#ifndef FCGI_LINK_H
#define FCGI_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../shared/buf.h"
#include "../shared/config.h"
#include "../shared/event.h"
#include "../shared/wire.h"
#include "tally.h"

struct link;
struct waiter;

enum link_result {
	LINK_STORED,
	LINK_DUPLICATE,
	/* from here on: not stored */
	LINK_REFUSED,     /* its body came under another key: 409 */
	LINK_UNAVAILABLE, /* nobody took it in time: 503 */
};

/* What became of an event.  All of it lives for the call. */
struct link_answer {
	enum link_result result;
	uint8_t id[EVENT_ID_LEN]; /* of the stored event */
	const char *revived;      /* route names joined by ",", or "" */
	const char *worker;       /* who answered, or "" */
	size_t parked;            /* how many still wait */
	bool no_worker;           /* UNAVAILABLE: no link is up */
};

/* Called on the link thread, once for each event handed over. */
typedef void link_answer_fn(void *owner, const struct link_answer *answer);

/* The gateway's counters that a worker has not been told yet, for HELLO and
 * BEAT: tallies_json(). */
typedef json_t *link_counters_fn(void *arg, struct tally_cursor *cursor);

/* Called on the link thread, each second. */
typedef void link_second_fn(void *arg);

/* Called on the link thread each second and soon after link_poke(): the place
 * for link_ask(). */
typedef void link_asks_fn(void *arg, struct link *link);

/* What a worker answers to one.  On the link thread; it lives for the call. */
typedef void link_blob_fn(void *arg, const struct wire_blob *blob);

struct link_options {
	struct config *config; /* a reference is taken */
	link_answer_fn *answer;
	link_counters_fn *counters;
	link_second_fn *second;
	void *arg; /* of the two before */
	link_asks_fn *asks;
	link_blob_fn *blob;
	void *asks_arg; /* of the two before; both may be NULL */
};

/* Start the thread.  NULL, logged. */
struct link *link_start(const struct link_options *options);

enum link_push {
	LINK_PUSHED,
	LINK_BUSY,      /* parked or parked_bytes is reached: 503 at once */
	LINK_NO_WORKER, /* none was seen for LINK_LOST_MS: 503 at once */
	LINK_NO_MEMORY,
};

enum { LINK_LOST_MS = 30000, LINK_PUSHES = 32 };

/* An event as it goes over the wire; nothing of it is kept.  NULL without
 * memory.  For link_push(). */
struct waiter *link_waiter(const struct event *event);

/*
 * Hand an event over, from any thread, for whoever is answered; `waiter` is
 * taken in any case and may be NULL.  `deadline_boot_ms` is when an answer must
 * have been given.  Anything but LINK_PUSHED: `answer` will not be called.
 */
enum link_push link_push(struct link *link, struct waiter *waiter, void *owner,
    int64_t deadline_boot_ms);

/* Have the link look at what was handed over: it is woken for LINK_PUSHES
 * events, and looks by itself within a tick.  To be called by a thread before
 * it waits for anything else. */
void link_flush(struct link *link);

/* Send a frame to a worker that accepts events, if there is one and not much
 * else is to be told; nothing is waited for.  Takes what is in `frame`.  From
 * any thread. */
void link_tell(struct link *link, struct buf *frame);

/* Have `asks` called.  From any thread. */
void link_poke(struct link *link);

/* Send an ASK to the n-th of the workers whose links are up, counted round.
 * 0, or -1 when there is none: `asks` is called again soon.  In `asks` only. */
int link_ask(struct link *link, const struct buf *frame, size_t n);

/* The same to the n-th worker of the configuration alone, of link_workers().
 * -1: it is not there. */
int link_ask_at(struct link *link, const struct buf *frame, size_t n);
size_t link_workers(const struct link *link);

/* Use another configuration (workers may come and go). */
void link_reload(struct link *link, struct config *config);

/* Whether a worker is accepting: /-/ready.  From any thread. */
bool link_ready(const struct link *link);

/* How many wait for an answer.  From any thread. */
size_t link_parked(const struct link *link);

/* Wait until nothing is parked (each waiter has its deadline), then stop the
 * thread and free all.  NULL is fine. */
void link_stop(struct link *link);

#endif
