/*
 * rest - one request with JSON to an API over HTTP
 */

#ifndef CLI_REST_H
#define CLI_REST_H

#include <jansson.h>

#include "../shared/buf.h"

enum { REST_TIMEOUT_MS = 30000, REST_ANSWER_MAX = 8 << 20 };

struct rest {
	const char *verb;           /* of gaff, for sentences */
	const char *const *headers; /* NULL-terminated; secrets among them */
};

/*
 * Send `body` (NULL: none) and read the answer, whose JSON is a new reference
 * in *answer, or NULL where there is none.  Redirects are not followed.  The
 * status, or -1 after a sentence: nobody answered.
 */
struct rest_request {
	const char *method;
	const char *url;
	const json_t *body;
};

int rest_call(const struct rest *rest, const struct rest_request *request,
    json_t **answer);

#endif
