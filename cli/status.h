/*
 * status - what a worker's answer to `status` means (pure but for the time)
 */

#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stdint.h>

#include <jansson.h>

enum {
	STATUS_OLD_MS = 15 * 60 * 1000, /* an open delivery is a problem */
	STATUS_FAILED_MIN = 3, /* fewer failures say nothing of a route */
};

struct status_sums {
	int64_t running;
	int64_t waiting; /* pending ones too */
	int64_t held; /* of these: on routes that do not go on by themselves */
	int64_t exhausted;
	int64_t dead;
	int64_t oldest_ms; /* wall time; 0: nothing is open */
	int64_t parked;    /* requests in gateways */
};

/* Of all routes and gateways. */
void status_sum(const json_t *status, struct status_sums *sums);
/* Pending and waiting deliveries of a route. */
int64_t status_waiting(const json_t *route);
/* What keeps a route from going on: "paused" …, or "". */
const char *status_held(const json_t *route);
/* Whether a gateway has another version or configuration than the worker. */
const char *status_skew(const json_t *status, const json_t *gateway);

/* An array of sentences, each with what to type next; empty when all is well.
 * NULL without memory. */
json_t *status_problems(const json_t *status);
/* The same of what is no problem, but somebody may have forgotten. */
json_t *status_notes(const json_t *status);

/* Print it all, with the members `problems` and `notes` if it has them. */
void status_print(const json_t *status); /* status_print.c */

#endif
