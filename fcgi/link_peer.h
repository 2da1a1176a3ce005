/*
 * link_peer - one worker as the link sees it: two sockets and their state
 *
 *	down      sockets are connecting; HELLO is tried
 *	greeting  HELLO is sent, WELCOME is due
 *	probing   WELCOME came; a PROBE must pass data and come back on control
 *	up        events may be sent; beats come each second
 *
 * Silence, lost connections and unanswered probes lead back to `down` with new
 * sockets under a new routing id: whatever was queued in the old ones is gone.
 * All functions belong to the link's thread; times are boot milliseconds.
 */

#ifndef FCGI_LINK_PEER_H
#define FCGI_LINK_PEER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../shared/config.h"
#include "../shared/wire.h"
#include "link_sends.h"
#include "tally.h"

struct peer;

/* What the link does when something happens. */
struct peer_handler {
	void *arg;
	/* An ACK came. */
	void (*acked)(void *arg, struct peer *peer, uint64_t boot,
	    const struct wire_ack *ack);
	/* What is not acknowledged must be sent again: the worker is another
	 * start of itself, or (`closed`) the sockets are new. */
	void (*lost)(void *arg, struct peer *peer, bool closed);
	/* A BLOB came. */
	void (*blob)(void *arg, const struct wire_blob *blob);
	/* The worker was heard; it may take more than before. */
	void (*heard)(void *arg, struct peer *peer);
	/* Who we are, for HELLO and BEAT, and what the worker has not been told
	 * yet; a new reference. */
	json_t *(*describe)(void *arg, struct tally_cursor *told);
};

/* Sockets that connect to a worker.  NULL without memory. */
struct peer *peer_new(void *context, const struct config_worker *worker,
    const struct peer_handler *handler, int64_t now_ms);
/* Tell the worker the last counters and goodbye, for which freeing then waits
 * a little.  A gateway that goes without is an accident to the worker. */
void peer_farewell(struct peer *peer);
/* Its credit must be settled before; NULL is fine. */
void peer_free(struct peer *peer);

const char *peer_name(const struct peer *peer);
/* Whether this is the worker of that configuration. */
bool peer_is(const struct peer *peer, const struct config_worker *worker);
struct credit *peer_credit(struct peer *peer);
/* The start of the worker that is linked. */
uint64_t peer_boot(const struct peer *peer);

/* Whether the link is up and the worker accepts events. */
bool peer_accepts(const struct peer *peer);
/* Whether there is credit too for a frame of that size. */
bool peer_takes(const struct peer *peer, size_t bytes);

/* Aim the frame at this worker and send it.  0, or -1: try another. */
int peer_send(struct peer *peer, struct buf *frame, struct wire_target *target);

/* Send a frame nobody answers.  0, or -1. */
int peer_tell(struct peer *peer, const struct buf *frame);

/* Send an ASK.  0, or -1: it is not up. */
int peer_ask(struct peer *peer, const struct buf *frame);

/*
 * What to wait for.  Descriptors of libzmq tell of each message once
 * (ZMQ_FD, zmq_getsockopt(3)), perhaps while something else is done with their
 * socket, and not before it was read for the first time: true means that there
 * is no time to wait.
 */
enum { PEER_POLL = 3 };

bool peer_poll(const struct peer *peer, struct pollfd items[PEER_POLL]);

/* Take all that came in, by what poll() found of the items. */
void peer_read(
    struct peer *peer, const struct pollfd items[PEER_POLL], int64_t now_ms);

/* Do what is due by time. */
void peer_tick(struct peer *peer, int64_t now_ms);

#endif
