/*
 * status - what a worker's answer to `status` means (pure but for the time)
 */

#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stdint.h>

#include <jansson.h>

enum { STATUS_OLD_MS = 15 * 60 * 1000 }; /* an open delivery is a problem */

struct status_sums {
	int64_t running;
	int64_t waiting; /* pending ones too */
	int64_t exhausted;
	int64_t dead;
};

/* Of all routes. */
void status_sum(const json_t *status, struct status_sums *sums);
/* Pending and waiting deliveries of a route. */
int64_t status_waiting(const json_t *route);

struct status_source {
	int64_t accepted;
	int64_t duplicate;
	int64_t refused;
	int64_t unavailable;
	int64_t last_accepted_ms;
	int64_t last_refused_ms;
	const char *reason; /* of the last refusal; belongs to `counters` */
};

/* The counters of one source, a member of `sources`. */
void status_source(const json_t *counters, struct status_source *sum);

/* An array of sentences, empty when all is well; NULL without memory. */
json_t *status_problems(const json_t *status);

#endif
