/*
 * ingest - what a request is: two steps, before and after its body is read
 *
 * The first finds the source and refuses what needs no body for that.  The
 * second verifies, before anything is parsed, then finds key and type.  No
 * I/O; the caller reads, answers and logs.
 */

#ifndef FCGI_INGEST_H
#define FCGI_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "../shared/event.h"
#include "params.h"
#include "refusal.h"
#include "snapshot.h"
#include "target.h"

enum ingest_step {
	INGEST_READ,      /* after the head: read ->length bytes of body */
	INGEST_STORE,     /* after the body: store ->event */
	INGEST_HANDSHAKE, /* give ->answer */
	INGEST_HEALTH,    /* /-/health */
	INGEST_READY,     /* /-/ready */
	INGEST_REFUSE,    /* for ->refusal */
	INGEST__MAX
};

enum { INGEST_REMOTE_SIZE = 64 };

struct ingest {
	const struct snapshot *snapshot;
	const struct params *params;
	scheme_fetch_fn *fetch; /* to be set after the head */
	void *fetch_arg;
	const struct scheme_keys *keys; /* the same: NULL is the source's */
	struct target *target;
	const struct config_source *source; /* NULL: none found */
	char remote[INGEST_REMOTE_SIZE];    /* the sender's address, or "" */
	bool plain;                         /* came by HTTP, to be warned of */
	int64_t length;                     /* of the body */
	const char *allow;                  /* methods, for REFUSAL_METHOD */
	enum refusal refusal;
	int64_t wall_ms; /* when it was verified */
	struct scheme_verdict verdict;
	struct scheme_answer answer;
	struct event event; /* points into what follows, params and body */
	struct scheme_facts facts;
	struct buf headers;
	struct buf query;
};

/* The three pointers must stay while `ingest` is used, but for what follows
 * ingest_forget(); it fills in `target`.  ingest_clear() is due after either
 * step.  Returns READ, HEALTH, READY or REFUSE. */
enum ingest_step
ingest_head(struct ingest *ingest, const struct snapshot *snapshot,
    const struct params *params, struct target *target);

/* Returns STORE, HANDSHAKE or REFUSE.  `body` is borrowed by ->event.  After
 * REFUSAL_NO_KEYS it may be called once more. */
enum ingest_step ingest_body(
    struct ingest *ingest, const void *body, size_t len, int64_t wall_ms);

/* Refuse for a reason the caller found; returns INGEST_REFUSE. */
enum ingest_step ingest_refuse(struct ingest *ingest, enum refusal refusal);

/* The event has been taken: what is left is for the answer and its line in the
 * log, the event's source, key, type and remote among it. */
void ingest_forget(struct ingest *ingest);

void ingest_clear(struct ingest *ingest);

#endif
