/*
 * direct - routing in the commit that stores the event (pure)
 *
 * Where no filter has a say, source and type decide at once: the event and its
 * deliveries then go into one commit, and the dispatcher need not be asked.
 * For each source the routes that name it are looked up once a configuration.
 * What a scheme may have confirmed (confirm.h) is the dispatcher's too.
 */

#ifndef WORKER_DIRECT_H
#define WORKER_DIRECT_H

#include <stdbool.h>

#include "../shared/config.h"
#include "../shared/event.h"
#include "store.h"

struct direct;

struct direct *direct_new(void); /* NULL without memory */
void direct_free(struct direct *direct);

/* Route by this configuration from now on.  -1 without memory: nothing is
 * routed here. */
int direct_use(struct direct *direct, struct config *config);

struct direct_targets {
	struct store_target *items; /* direct's, until the next call */
	unsigned n;
};

/* The deliveries to be made for an event.  False: its source is not known,
 * has events to be confirmed, or a filter decides; the dispatcher is to be
 * asked. */
bool direct_route(struct direct *direct, const struct event *event,
    struct direct_targets *targets);

#endif
