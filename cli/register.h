/*
 * register - create a webhook through a provider's API
 *
 * A provider is a row of the table in cmd_register.c and a file of its own,
 * register_<provider>.c.
 */

#ifndef CLI_REGISTER_H
#define CLI_REGISTER_H

#include <stdint.h>

#include <jansson.h>

#include "../shared/secret.h"

/* What is asked for.  Everything belongs to the caller. */
struct register_hook {
	const char *place;  /* OWNER/REPO */
	const char *url;    /* of the source */
	const char *events; /* push,issues; NULL: as they are, or the default */
	const char *api;    /* without a slash at its end */
	const struct secret *secret;
	const struct secret *token;
};

/* Create the hook, or update the one that has this URL, and say so.  0, or -1
 * after a sentence. */
typedef int register_fn(const struct register_hook *hook);
register_fn register_github;

/* GitHub, pure: the body of the request (NULL: the secret is no text, or no
 * memory) … */
json_t *register_github_body(const struct register_hook *hook, bool is_new);
/* … the id of the hook with this URL in a page of hooks, or 0 … */
int64_t register_github_find(const json_t *hooks, const char *url);
/* … and what a status that is no success means. */
const char *register_github_meaning(int status);

#endif
