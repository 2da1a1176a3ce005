/*
 * vectors - the vectors of tests/vectors, read
 *
 * What a vector points to belongs to its JSON or is freed by vectors_clear().
 */

#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "../../shared/scheme.h"
#include "../../shared/scheme_impl.h"
#include "support.h"

enum { VECTORS_HEADERS_MAX = 24, VECTORS_SECRETS_MAX = 4 };

/* One vector, ready to be verified. */
struct vector {
	const char *file;
	size_t number;
	const struct scheme *scheme;
	struct scheme *own; /* with the vector's params, or NULL */
	const struct scheme_rules *rules;
	struct scheme_keys *keys;
	struct scheme_secret secrets[VECTORS_SECRETS_MAX];
	size_t n_secrets;
	struct scheme_header headers[VECTORS_HEADERS_MAX];
	struct scheme_request request;
	char *url;
	const json_t *urls;             /* what stands at them, or NULL */
	struct scheme_fetched *fetched; /* of the last that was asked for */
	const char *fetched_from;
	bool valid;
};

/* The scheme of a vector or an example, with its params; the caller's. */
struct scheme *vectors_scheme(const json_t *example);
/* Headers of an object into a vector, names in lower case. */
void vectors_headers(struct vector *v, json_t *object);
/* One vector; `v` has nothing but file and number. */
void vectors_read(struct vector *v, const json_t *object);
void vectors_clear(struct vector *v);

typedef void vectors_fn(void *arg, struct vector *v);

/* Every vector of every file; returns how many. */
unsigned vectors_each(vectors_fn *fn, void *arg);

#endif
