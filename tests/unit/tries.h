/*
 * tries - attempts at a destination, for its tests
 *
 * Helpers fail the running test when they cannot do their work.
 */

#ifndef TESTS_UNIT_TRIES_H
#define TESTS_UNIT_TRIES_H

#include "../../worker/dest.h"
#include "../../worker/exchanges.h"

struct tries {
	struct dest_context context;
	struct exchanges *exchanges;
	const struct dest_ops *ops;
	struct dest *dest;
	unsigned done;
	struct dest_outcome last;
	char *output; /* of the last one; NUL-terminated */
};

void tries_open(struct tries *bench, enum config_dest kind);
void tries_close(struct tries *bench);

/* The dispatcher's loop in small, until `n` attempts are done. */
void tries_wait(struct tries *bench, unsigned n);

/* Of an event with this body, to be freed by who takes it. */
struct store_delivery *tries_delivery(const char *body, size_t len);

/* Make one attempt, and wait for it. */
void tries_try(struct tries *bench, const struct config_route *route);

/* How the last one ended. */
void tries_expect(
    const struct tries *bench, enum dest_verdict verdict, const char *outcome);

#endif
