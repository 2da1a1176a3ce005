/*
 * link_impl - what link.c (threads) and link_waiters.c (decisions) share
 *
 * A waiter is unsent, or sent to up to LINK_SENDS_MAX workers of which the
 * first that has stored its event answers it.  Workers are tried in the
 * event's own order; when all have been, the round begins again after a pause.
 */

#ifndef FCGI_LINK_IMPL_H
#define FCGI_LINK_IMPL_H

#include <stdatomic.h>

#include "../shared/buf.h"
#include "../shared/log.h"
#include "link.h"
#include "link_peer.h"
#include "link_sends.h"

enum {
	LINK_SENDS_MAX = 4,
	LINK_LOST_MAX = 3,   /* times a connection may break under one event */
	LINK_EARLY_MS = 60,  /* over a tick: a late answer is none */
	LINK_PAUSE_MS = 100, /* before a worker that refused is asked again */
	LINK_ORPHAN_MS =
	    30000,            /* an ACK later than this gives no credit back */
	LINK_OVERHEAD = 2048, /* bytes of a parked request beside its event */
};

struct waiter {
	struct waiter *next; /* in the order of arrival */
	struct waiter *prev;
	void *owner;
	struct buf frame;
	uint8_t id[EVENT_ID_LEN];
	uint64_t rank;
	int64_t third_ms; /* a third of its time */
	int64_t deadline_ms;
	int64_t unsent_ms; /* since when no worker has it */
	int64_t next_ms;   /* when to try again */
	size_t place;      /* rank of the worker to try next */
	unsigned lost;
	struct send *sends[LINK_SENDS_MAX]; /* oldest first */
	size_t n_sends;
};

/* What the link's thread alone touches. */
struct waiters {
	struct sends *sends;
	struct peer **peers;
	uint64_t *ranks; /* rank_worker() of each peer */
	size_t n_peers;
	struct waiter *first;
	struct waiter *last;
	size_t n;
	size_t n_unsent;
	bool kicked; /* a peer may take more than before */
	uint64_t late_acks;
	struct log_limit invalid; /* lines about events no worker takes */
	link_answer_fn *answer;
	atomic_size_t *parked; /* what an answered waiter gives back */
	atomic_size_t *parked_bytes;
};

/* Take a waiter over and send it if that is possible now. */
void
waiters_add(struct waiters *waiters, struct waiter *waiter, int64_t now_ms);

void waiters_acked(struct waiters *waiters, struct peer *peer, uint64_t boot,
    const struct wire_ack *ack, int64_t now_ms);

/* A peer's unacknowledged events must be sent again; see peer_handler. */
void waiters_lost(
    struct waiters *waiters, struct peer *peer, bool closed, int64_t now_ms);

/* Send what can be sent, give up what is late. */
void waiters_scan(struct waiters *waiters, int64_t now_ms);

/* Give back the credit of sends nobody will acknowledge any more. */
void waiters_expire(struct waiters *waiters, int64_t now_ms);

/* Whether any link is up with a worker that accepts events. */
bool waiters_ready(const struct waiters *waiters);

#endif
