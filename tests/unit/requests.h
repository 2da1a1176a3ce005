/*
 * requests - schemes, secrets and requests for the tests of schemes
 *
 * There is one request at a time.  Helpers fail the running test when they
 * cannot do their work.
 */

#ifndef TESTS_UNIT_REQUESTS_H
#define TESTS_UNIT_REQUESTS_H

#include "../../shared/scheme.h"

enum {
	REQUESTS_NOW_S = 1700000000,
	REQUESTS_HEADERS_MAX = 16,
	REQUESTS_TEXT_MAX = 1024,
};

#define REQUESTS_BODY                                                          \
	"{\"id\":\"evt_1\",\"type\":\"a.b\",\"event_id\":\"Ev1\",\"n\":[1,2]}"

struct requests_sent {
	struct scheme_request request;
	struct scheme_header headers[REQUESTS_HEADERS_MAX];
	char text[REQUESTS_HEADERS_MAX][2][REQUESTS_TEXT_MAX];
};

extern struct requests_sent requests_sent;

/* A new POST without headers, at REQUESTS_NOW_S. */
struct scheme_request *requests_begin(const char *body);
/* Add a header; a scheme_header_fn. */
void requests_put(void *arg, const char *name, const char *value);

/* A scheme out of "key=value" texts, ended by NULL, upon a built-in one or
 * none.  The caller frees it. */
struct scheme *requests_scheme(const char *base, const char *const *settings);
struct scheme_keys *
requests_keys(const struct scheme *scheme, const char *secret);

enum scheme_result
requests_verify(const struct scheme *scheme, const struct scheme_keys *keys);

/* What is signed verifies (under `public` when that is not NULL); with another
 * body, or without the signature, it does not. */
void requests_round_trip(
    const struct scheme *scheme, const char *secret, const char *public);

#endif
