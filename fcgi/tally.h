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
	TALLY_LINES = 10,         /* log lines a minute per source and reason */
	TALLY_JSON_SOURCES = 128, /* in one BEAT, so that it stays small */
};

struct tallies;
struct tally;

struct tallies *tallies_new(void); /* NULL without memory */
void tallies_free(struct tallies *tallies);

/* The tally of a source, made when there is none; lives as long as `tallies`.
 * NULL without memory. */
struct tally *tallies_get(struct tallies *tallies, const char *name);

void tally_accepted(struct tally *tally, bool duplicate, int64_t wall_ms);

/* Count a request that was not accepted; true when a line about it may be
 * logged, with *suppressed the number left out before it. */
bool
tally_refused(struct tally *tally, enum refusal refusal, unsigned *suppressed);

/* Whether a line about plain HTTP may be logged. */
bool tally_plain(struct tally *tally, unsigned *suppressed);

/*
 * {NAME: {accepted, duplicate, refused, unavailable, last_accepted_ms,
 * last_refused_ms, reason}} of sources with any request; at most
 * TALLY_JSON_SOURCES, the others in the next calls.  A new reference or NULL.
 */
json_t *tallies_json(struct tallies *tallies);

#endif
