/*
 * links - the gateways this worker hears from
 *
 * A bounded table by routing id: version, host, pid, configuration, last beat,
 * the latest counters.  A link silent for LINK_DEAD_MS is forgotten.
 */

#ifndef WORKER_LINKS_H
#define WORKER_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../shared/wire.h"

enum { LINKS_MAX = 4096, LINK_DEAD_MS = 3000 };

struct links;

struct links *links_new(void);
void links_free(struct links *links);

/* A HELLO or BEAT came in: remember it.  Returns whether the link is new (it
 * needs a WELCOME). */
bool links_heard(struct links *links, const void *id, size_t id_len,
    const json_t *hello, int64_t boot_ms);

/* Forget the silent ones; returns how many are left. */
size_t links_expire(struct links *links, int64_t boot_ms);
size_t links_count(const struct links *links);

typedef void links_fn(void *arg, const void *id, size_t id_len);
void links_each(const struct links *links, links_fn *fn, void *arg);

/* An array of {host, pid, version, config, since_ms, heard_ms (ago), sources:
 * {NAME: {accepted, duplicate, refused, unavailable, last_accepted_ms,
 * last_refused_ms, reason}}}; a new reference, or NULL. */
json_t *links_json(const struct links *links, int64_t boot_ms);

#endif
