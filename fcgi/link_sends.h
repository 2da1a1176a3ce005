/*
 * link_sends - each time an event was sent to a worker, until its ACK
 *
 * A send is found by its sequence number.  It holds credit of its peer until
 * the ACK comes, also when its waiter was answered by another worker, and it
 * belongs to its waiter until that is answered, also when the credit is back;
 * when both are gone it is released.  No I/O.
 */

#ifndef FCGI_LINK_SENDS_H
#define FCGI_LINK_SENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer;
struct waiter;

struct send {
	struct send *next;  /* with the same hash */
	struct send *older; /* in its credit */
	struct send *newer;
	struct credit *credit; /* NULL: returned */
	struct waiter *waiter; /* NULL: answered, or it forgot this one */
	const struct peer *peer;
	uint64_t boot; /* of the worker it was meant for */
	uint64_t seq;
	size_t bytes;
	int64_t sent_ms;
};

/* What a peer has not acknowledged, in the order of sending. */
struct credit {
	size_t events;
	size_t bytes;
	struct send *oldest;
	struct send *newest;
};

struct sends;

struct sends *sends_new(void); /* NULL without memory */
void sends_free(struct sends *sends);

/* A sequence number that was never used before. */
uint64_t sends_seq(struct sends *sends);

/* Remember a send and take its credit.  `what` has waiter, peer, boot, seq,
 * bytes and sent_ms.  NULL without memory. */
struct send *
sends_add(struct sends *sends, const struct send *what, struct credit *credit);

/* The send with this number, or NULL. */
struct send *sends_find(struct sends *sends, uint64_t seq);

/* The credit is back. */
void sends_settle(struct sends *sends, struct send *send);

/* The waiter is gone, or forgets it. */
void sends_forget(struct sends *sends, struct send *send);

#endif
