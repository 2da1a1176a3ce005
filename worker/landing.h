/*
 * landing - the thread that takes events in
 *
 * It owns the sockets gateways speak to.  An EVENT that is surely new is synced
 * to the journal (journal.h) and acknowledged at once; the store, which is
 * larger and slower, gets it afterwards.  What may be a copy, is large, or
 * finds no room in the journal is acknowledged by the store's thread, as is
 * everything while the store has no room.  All frames reach that thread in the
 * order they came in, events of an earlier life that the store has not first;
 * each waits there for entries of the journal before it that are being written.
 *
 * At most LANDING_EVENTS and LANDING_BYTES (or one frame) are held by that
 * thread; beyond that nothing is read, and gateways wait.
 */

#ifndef WORKER_LANDING_H
#define WORKER_LANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zmq.h>

#include "journal.h"
#include "known.h"

enum {
	LANDING_EVENTS = 1536,
	LANDING_BYTES = 6 << 20,
};

struct landing_options {
	void *context;
	void *data;    /* bound; the thread's from now on */
	void *control; /* the same */
	uint64_t boot;
	struct journal *journal; /* the thread's; NULL: there is none */
	struct known *known;     /* lives longer; NULL: nobody can tell */
	void (*wake)(void *arg); /* there is something to take, or it failed */
	void *arg;
};

struct landing_counts {
	uint64_t journal;   /* events acknowledged when they were in it */
	uint64_t store;     /* frames left to the store's thread */
	uint64_t malformed; /* messages of a wrong number of frames */
	int64_t sync_us;    /* of the last entry */
};

struct landing;

/* NULL without memory or threads, logged.  Takes sockets and journal in any
 * case. */
struct landing *landing_start(const struct landing_options *options);
/* End the thread, give back everything.  What is not done stays in the journal.
 * NULL is fine. */
void landing_stop(struct landing *landing);

/* -- for the store's thread -- */

/* Its end of the way to and from gateways: [routing id][frame], like a ROUTER.
 */
void *landing_control(const struct landing *landing);

/* The next frame, moved to an initialised `message`; `number` is that in the
 * journal, 0: it is to be acknowledged.  False: there is none. */
bool
landing_take(struct landing *landing, zmq_msg_t *message, uint64_t *number);
/* So many taken ones are done with, those of the journal up to `upto` in the
 * store. */
void landing_done(
    struct landing *landing, size_t frames, size_t bytes, uint64_t upto);
/* Waits until what has come so far may be taken, or it failed.  How many that
 * are, of all that came. */
uint64_t landing_settle(struct landing *landing);
/* Frames that have come, and those of them that are done. */
uint64_t landing_came(struct landing *landing);
uint64_t landing_gone(struct landing *landing);

/* While the store has no room it acknowledges itself. */
void landing_hold(struct landing *landing, bool hold);

/* Take what has arrived, then nothing more; and whether that is so. */
void landing_drain(struct landing *landing);
bool landing_drained(struct landing *landing);

/* Overwrite what the store has of the journal; waits for it.  0, or -1. */
int landing_scrub(struct landing *landing);

/* The journal's disk failed: nothing more is acknowledged. */
bool landing_failed(struct landing *landing);
void landing_count(struct landing *landing, struct landing_counts *counts);

#endif
