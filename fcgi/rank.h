/*
 * rank - which worker an event meets first
 *
 * Rendezvous hashing: each gateway ranks the workers of an event alike, so
 * that copies meet the same store, and a lost worker moves only its own
 * events.  Pure.
 */

#ifndef FCGI_RANK_H
#define FCGI_RANK_H

#include <stddef.h>
#include <stdint.h>

#include "../shared/event.h"

/* What an event is ranked by: its source and what makes a copy; where the key
 * is not signed the body, so that it meets itself under another key too.  Its
 * id where nothing does. */
uint64_t rank_event(const struct event *event);

/* What a worker is ranked by. */
uint64_t rank_worker(const char *name);

/*
 * The worker of rank `place` (0: the first) for an event: an index into
 * `workers`, which holds `n` > place values of rank_worker().
 */
size_t
rank_pick(uint64_t event, const uint64_t *workers, size_t n, size_t place);

#endif
