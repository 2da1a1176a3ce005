/*
 * landing_impl - what landing.c (its thread) and landing_store.c (what the
 * store's thread calls) share
 */

#ifndef WORKER_LANDING_IMPL_H
#define WORKER_LANDING_IMPL_H

#include <pthread.h>

#include "acks.h"
#include "keys.h"
#include "landing.h"

enum { LANDING_BATCH = JOURNAL_FRAMES };

/* A frame on its way to the store's thread. */
struct slot {
	zmq_msg_t message;
	uint64_t number; /* in the journal; 0: not there */
};

/* What came in at once. */
struct batch {
	struct slot slots[LANDING_BATCH];
	size_t n;
	size_t bytes;
	bool lands[LANDING_BATCH];
	struct journal_frame frames[LANDING_BATCH]; /* those that land */
	size_t n_landing;
	size_t landing_bytes;
};

/* An entry of the journal that is being written. */
struct landing_flight {
	uint64_t first; /* number of its first frame */
	uint64_t place; /* of the first frame that came with it */
	size_t n;       /* frames to be acknowledged; 0: there is none */
	struct acks_item acks[LANDING_BATCH];
};

/* What both threads look at, under the lock. */
struct landing_shared {
	/* What has come and is not taken; each has the place it came at.
	 * gone <= taken <= ready <= came */
	struct slot ring[LANDING_EVENTS];
	uint64_t came;
	uint64_t ready; /* may be taken: no entry before it is being written */
	uint64_t taken;
	uint64_t gone;
	size_t held_bytes;
	uint64_t upto;
	bool hold;
	bool waiting; /* for room */
	bool draining;
	bool drained;
	bool scrub;
	int scrubbed; /* 1: not yet */
	bool quit;
	bool failed;
	struct landing_counts counts;
};

struct landing {
	struct landing_options o;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int wake_fd; /* the other thread wants something */
	void *inner; /* the thread's end */
	void *outer; /* the other's */
	struct landing_shared s;
	/* -- the thread's own -- */
	struct keys_hasher *hasher;
	struct batch batch;
	struct landing_flight flights[JOURNAL_FLIGHTS];
	struct landing_flight *next; /* of them, the next entry's */
	size_t n_flying;
	bool failed;
	bool left; /* an earlier life left some to be handed over */
	uint64_t again;
	/* as of the last look at what is shared */
	size_t room; /* frames that may be taken in */
	size_t room_bytes;
	bool hold;
	bool draining;
};

/* The thread looks at what is shared. */
void landing_wake(const struct landing *l);

#endif
