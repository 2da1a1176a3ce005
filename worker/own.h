/*
 * own - gaff's own events
 *
 * They have the source `gaff` and are routed like any other, but only to routes
 * that name that source; they never beget others.
 */

#ifndef WORKER_OWN_H
#define WORKER_OWN_H

#include "../shared/config.h"
#include "../shared/event.h"
#include "store.h"

/*
 * `delivery.dead`: this delivery is dead, its letter is written.  The body is
 * one JSON object: id, source, type, key, route, replay, reason, attempts,
 * received_at, died_at.  A new event for event_free(), or NULL: no route takes
 * it, it is about an own event, or there is no memory (logged).
 */
struct event *own_delivery_dead(const struct config *config,
    const struct store_delivery *delivery, int64_t now_ms);

#endif
