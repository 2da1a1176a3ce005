/*
 * payload - make JSON and form bodies
 *
 * Pure.  What is returned belongs to the caller; NULL or -1 without memory.
 */

#ifndef CLI_PAYLOAD_H
#define CLI_PAYLOAD_H

#include <stdbool.h>

#include <jansson.h>

#include "../shared/buf.h"

/* What {name} stands for in a text; a text that is {name} alone becomes a
 * number where `number` is set, and its member is left out where the value is
 * NULL. */
struct payload_value {
	const char *name; /* NULL ends a list */
	const char *value;
	bool number;
};

/* A copy with all {name} filled in. */
json_t *payload_fill(json_t *model, const struct payload_value *values);

/* Put a text at a JSON pointer (RFC 6901); objects and arrays on the way are
 * made, what stands there is replaced.  *root may be NULL at first. */
int payload_put(json_t **root, const char *pointer, const char *text);

/* Append a pair to a form body or a query. */
int payload_add_pair(struct buf *out, const char *name, const char *value);

/* An object's members as a form; values that are no text as JSON. */
int payload_form(json_t *object, struct buf *out);

#endif
