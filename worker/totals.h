/*
 * totals - adds up what gateway processes count of their sources
 *
 * Counters are JSON as docs/WIRE.md has them (HELLO and BEAT); members that are
 * not known here are added up like all others.  Pure.
 */

#ifndef WORKER_TOTALS_H
#define WORKER_TOTALS_H

#include <jansson.h>

enum { TOTALS_MEMBERS_MAX = 32 }; /* of a source's counters, and of each map */

/*
 * Raise `total`, a source's counters, by what one process counted between two
 * tellings.  `before` may be NULL: nothing.  Members of last_* become the later
 * ones; the reason is that of the latest refusal.
 */
void totals_add(json_t *total, const json_t *before, json_t *now);

#endif
