/*
 * params - what the web server says about a request
 *
 * The CGI variables are split once: the few that gaff uses by name, and the
 * request's headers (HTTP_*) under lower-case names with dashes.  A header
 * that came twice is here twice.  Pure.
 */

#ifndef FCGI_PARAMS_H
#define FCGI_PARAMS_H

#include <stddef.h>

#include "../shared/scheme.h"

enum {
	PARAMS_MAX = 128,
	PARAMS_BYTES_MAX = 65536, /* of all names and values */
};

enum param {
	PARAM_METHOD,
	PARAM_URI,
	PARAM_LENGTH,
	PARAM_TYPE,
	PARAM_REMOTE,
	PARAM_HTTPS,
	PARAM_SCHEME,
	PARAM__MAX
};

struct params {
	const char *known[PARAM__MAX]; /* "" when absent */
	struct scheme_header headers[PARAMS_MAX];
	size_t n_headers;
	char *names; /* memory of the headers' names */
};

enum params_result {
	PARAMS_OK,
	PARAMS_TOO_MANY, /* over a limit above */
	PARAMS_TWICE,    /* a variable gaff uses, or the host, came twice */
	PARAMS_NO_MEMORY,
	PARAMS__MAX
};

/*
 * Split NAME=VALUE texts, the last one followed by NULL.  Values are not
 * copied: `envp` must stay as long as `params` is used.  After a failure
 * `params` is empty; params_clear() is due in any case.
 */
enum params_result params_read(struct params *params, char *const *envp);

/* The first header of that (lower-case) name, or NULL. */
const char *params_header(const struct params *params, const char *name);

void params_clear(struct params *params);

#endif
