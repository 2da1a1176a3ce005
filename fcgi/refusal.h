/*
 * refusal - why a request is not accepted: the closed list
 *
 * One table says for each reason its name in logs and metrics, and status,
 * title, code and sentence of the answer, which never tells which part of a
 * verification failed.
 */

#ifndef FCGI_REFUSAL_H
#define FCGI_REFUSAL_H

#include "../shared/scheme.h"

enum refusal {
	REFUSAL_NONE,
	REFUSAL_MALFORMED, /* variables or path that no web server sends */
	REFUSAL_LENGTH,    /* body and its length differ, or it came slowly */
	REFUSAL_NOT_JSON,
	REFUSAL_HEADER_MISSING, /* from here on as enum scheme_result */
	REFUSAL_HEADER_TWICE,
	REFUSAL_BAD_FORMAT,
	REFUSAL_BAD_ENCODING,
	REFUSAL_WRONG_LENGTH,
	REFUSAL_MISMATCH,
	REFUSAL_TOO_OLD,
	REFUSAL_TOO_NEW,
	REFUSAL_BAD_TOKEN,
	REFUSAL_NO_SUCH_KEY,
	REFUSAL_BAD_CERTIFICATE,
	REFUSAL_ADDRESS,
	REFUSAL_HTTPS,
	REFUSAL_KEPT, /* a handshake with another secret than the source has */
	REFUSAL_NO_SOURCE,
	REFUSAL_METHOD,
	REFUSAL_REPLAYED_BODY, /* strict_replay */
	REFUSAL_TOO_LARGE,
	REFUSAL_CONTENT_TYPE,
	REFUSAL_NO_MEMORY,
	REFUSAL_PARKED,    /* as many wait as may */
	REFUSAL_NO_KEYS,   /* that a URL should have given */
	REFUSAL_NO_WORKER, /* no link is up */
	REFUSAL_NO_ANSWER, /* a link is up, but nobody took it in time */
	REFUSAL__MAX
};

struct refusal_row {
	const char *reason;
	int status;
	const char *code;
	const char *detail;
};

const struct refusal_row *refusal_row(enum refusal refusal);

/* What a failed verification is; REFUSAL_NO_MEMORY for SCHEME_ERROR. */
enum refusal refusal_of_scheme(enum scheme_result result);

/* The reason phrase of a status: "Unauthorized". */
const char *refusal_title(int status);

#endif
