/*
 * links - the gateways this worker hears from
 *
 * A bounded table by routing id: version, host, pid, configuration, last beat.
 * A link silent for LINK_DEAD_MS is forgotten.  Counters belong to the process
 * behind it, whatever its routing ids; they stay known for LINKS_REMEMBER_MS
 * after its last word, so that one that comes back is not counted twice.
 * Times are boot milliseconds unless they are called wall time.
 */

#ifndef WORKER_LINKS_H
#define WORKER_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../shared/wire.h"

enum {
	LINKS_MAX = 4096, /* links, and processes that are remembered */
	LINK_DEAD_MS = 3000,
	LINKS_REMEMBER_MS = 3600000,
	LINKS_NAMES_MAX = 4096, /* sources; others are not counted */
};

struct links;

/* What sources counted before this wall time is no part of the totals. */
struct links *links_new(int64_t started_ms);
void links_free(struct links *links);

/* A HELLO or BEAT came in: remember it.  Returns whether the link is new (it
 * needs a WELCOME). */
bool links_heard(struct links *links, const void *id, size_t id_len,
    json_t *hello, int64_t boot_ms);

/* A gateway went silent without a goodbye, and has no other link. */
typedef void links_down_fn(void *arg, const json_t *hello, int64_t silent_ms);
void links_on_down(struct links *links, links_down_fn *fn, void *arg);

/* Forget the silent ones; returns how many are left. */
size_t links_expire(struct links *links, int64_t boot_ms);
size_t links_count(const struct links *links);
/* Requests that wait in all linked gateways, by their latest beats. */
int64_t links_parked(const struct links *links);

typedef void links_fn(void *arg, const void *id, size_t id_len);
void links_each(const struct links *links, links_fn *fn, void *arg);

/* An array of {host, pid, version, config, started_ms, parked, since_ms,
 * heard_ms (ago), sources: counters as told}; a new reference, or NULL. */
json_t *links_json(const struct links *links, int64_t boot_ms);

/*
 * Counters of every gateway process heard of since this worker started, added
 * up per source, those that ended included: {NAME: counters}, members as
 * docs/WIRE.md has them.  Numbers, maps and histograms are added member by
 * member; last_* is the latest; reason is that of the latest refusal.  What a
 * source of a process had counted before this worker started is left out, so
 * that a restarted worker begins at zero.  "" is no source.
 *
 * A new reference to the one that is kept: it changes with the next beat, and
 * is for reading alone.
 */
json_t *links_totals(const struct links *links);

#endif
