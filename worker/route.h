/*
 * route - which routes an event goes to, by source and type (pure)
 *
 * The source pattern `*` does not include gaff's own events.  A provider's
 * probe goes only to routes with a `type` that matches.  Filters are not
 * looked at here, nor is `enabled`: deliveries of a disabled route wait.
 */

#ifndef WORKER_ROUTE_H
#define WORKER_ROUTE_H

#include <stdbool.h>

#include "../shared/buf.h"
#include "../shared/config.h"

/* The source of gaff's own events. */
#define ROUTE_OWN_SOURCE "gaff"

/* What of an event decides. */
struct route_subject {
	const char *source;
	const char *type;
	bool probe;
};

enum route_why {
	ROUTE_MATCHES,
	ROUTE_OTHER_SOURCE,
	ROUTE_OWN_EVENT, /* of gaff itself, and only `*` would match */
	ROUTE_OTHER_TYPE,
	ROUTE_PROBE, /* a probe, and the route has no `type` */
	ROUTE_WHY__MAX
};

struct route_verdict {
	enum route_why why;
	const char *pattern; /* the one that decided, of the route; or NULL */
};

struct route_verdict route_match(
    const struct config_route *route, const struct route_subject *subject);

/* Append the verdict as a sentence without a full stop: why an event goes to
 * the route ("type order.paid matches order.*") or not. */
void route_explain(const struct config_route *route,
    const struct route_subject *subject, struct buf *out);

#endif
