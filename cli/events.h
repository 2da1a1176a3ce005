/*
 * events - ask a worker for events, over as many pages as it takes
 */

#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "call.h"

/* What is not given is any; times are wall times in milliseconds. */
struct events_query {
	const char *source;
	const char *type;
	const char *state;
	const char *route;
	int64_t since_ms;
	int64_t limit; /* events */
	int64_t after; /* oldest_first: behind the event with this `seq` */
	bool oldest_first;
};

/* An array of events, a new reference; *more tells that the limit cut it.
 * NULL after a sentence. */
json_t *
events_ask(struct call *call, const struct events_query *query, bool *more);

#endif
