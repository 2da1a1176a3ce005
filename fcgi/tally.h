/*
 * tally - what became of each source's requests, for BEAT, status and the log
 *
 * Counters live as long as the process, so a reload keeps them.  Safe from
 * any thread.
 */

#ifndef FCGI_TALLY_H
#define FCGI_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "refusal.h"

enum {
	TALLY_CODES = 16, /* different answers of a source: a closed list */
	TALLY_JSON_BYTES = 60000, /* of a frame on control (WIRE_CONTROL_MAX) */
	TALLY_KEEP_MS = 1000,     /* between two copies of refused requests */
};

struct tallies;
struct tally;

struct tallies *tallies_new(void); /* NULL without memory */
void tallies_free(struct tallies *tallies);

/* The tally of a source, made when there is none; lives as long as `tallies`.
 * "" is that of requests to no source.  NULL without memory. */
struct tally *tallies_get(struct tallies *tallies, const char *name);

void tally_accepted(struct tally *tally, bool duplicate, int64_t wall_ms);

/* Count a request that was not accepted; true when a line about it may be
 * logged, with *suppressed the number left out before it. */
bool
tally_refused(struct tally *tally, enum refusal refusal, unsigned *suppressed);

/* The answer to any request. */
struct tally_answer {
	int code;          /* HTTP status */
	int64_t us;        /* from its first byte to the answer */
	int64_t body_size; /* -1: its body was not read */
};

void tally_answered(struct tally *tally, const struct tally_answer *answer);

/* Whether a line about plain HTTP, or about a handshake, may be logged. */
bool tally_plain(struct tally *tally, unsigned *suppressed);
bool tally_handshake(struct tally *tally, unsigned *suppressed);

/* Called for lines that were left out and not told of since: refusals of this
 * source for this reason. */
typedef void tally_left_out_fn(
    const char *source, enum refusal refusal, unsigned suppressed);

/* Tell of all whose minute is over at `now_ms`, boot clock. */
void tallies_left_out(
    struct tallies *tallies, int64_t now_ms, tally_left_out_fn *fn);

/* How far a listener has been told; begins zeroed: it knows nothing. */
struct tally_cursor {
	uint64_t known; /* changes up to this one are told */
	uint64_t round; /* what `known` becomes when all have been looked at */
	struct tally *next; /* the next to look at; NULL: no round is begun */
};

/* Whether a copy of a refused request may be kept: one a second. */
bool tally_keep(struct tally *tally);

/*
 * {NAME: {…}} as docs/WIRE.md says (HELLO and BEAT) of the sources that changed
 * since they were told, as many as TALLY_JSON_BYTES allow; while `cursor->next`
 * is not NULL another call gives the others.  A new reference or NULL.
 */
json_t *tallies_json(struct tallies *tallies, struct tally_cursor *cursor);

#endif
