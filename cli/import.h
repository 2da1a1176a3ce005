/*
 * import - hooks of Debian's `webhook` in our language (no I/O)
 *
 * Reads what https://github.com/adnanh/webhook documents (Hook-Definition,
 * Hook-Rules, Referencing-Request-Values), version 2.8.  What cannot be
 * translated becomes a comment that says what to do instead, and then nothing
 * is let through that was not before: a source that would verify less is an
 * error for `gaff check`, and a route that would run more, or with less,
 * has `enabled = no`.
 */

#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "../shared/buf.h"

/* A secret that was found, for a file of this name. */
struct import_secret {
	char *name;
	char *value;
};

struct import {
	struct buf text; /* of the configuration; holds no secret */
	struct import_secret *secrets;
	size_t n_secrets;
	size_t n_hooks;
	size_t n_open; /* hooks that wait for a decision */
};

/*
 * Translate an array of hooks; `secrets` is what the configuration calls the
 * directory of the secrets' files.  0, or -1 with a sentence in `error`.  To be
 * cleared either way.
 */
enum { IMPORT_ERROR_SIZE = 128 };

int import_hooks(const json_t *hooks, const char *secrets,
    struct import *import, char error[IMPORT_ERROR_SIZE]);
void import_clear(struct import *import);

#endif
