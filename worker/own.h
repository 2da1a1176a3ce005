/*
 * own - gaff's own events
 *
 * They have the source `gaff` and are routed like any other, but only to routes
 * that name that source; they never beget others.  docs/DESIGN.md says what
 * each is about and what is in its body.
 */

#ifndef WORKER_OWN_H
#define WORKER_OWN_H

#include <stdbool.h>

#include <jansson.h>

#include "../shared/config.h"
#include "../shared/event.h"
#include "causes.h"
#include "store.h"

/* The kinds of causes. */
enum own_type {
	OWN_DELIVERY_DEAD, /* subject: the route */
	OWN_STORE_LOW,     /* the worker */
	OWN_SOURCE_SILENT, /* the source */
	OWN_ROUTE_FAILING, /* the route */
	OWN_LINK_DOWN,     /* the gateway's host */
	OWN_SECRET_KEPT,   /* the source */
	OWN__MAX
};

/* Whether a route takes such events. */
bool own_is_wanted(const struct config *config, enum own_type type);

/* Whether the event is one of them. */
bool own_is(const struct event *event);

/* Foreign text as a JSON string: what is no UTF-8 becomes U+FFFD.  A new
 * reference, or NULL without memory. */
json_t *own_text(const char *text);

/* The facts of `delivery.dead`: this delivery is dead, its letter is written.
 * A new reference, or NULL: it is about an own event, or there is no memory
 * (logged). */
json_t *own_dead(const struct store_delivery *delivery);

/* Who tells. */
struct own_teller {
	const char *worker;
	const char *host;
	bool several; /* there are other workers: name this one */
};

/* The event that tells of a cause: for event_free(), or NULL (logged). */
struct event *own_event(
    const struct cause *cause, const struct own_teller *teller, int64_t now_ms);

#endif
