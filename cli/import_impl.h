/*
 * import_impl - a hook while it is translated; for cli/import*.c only
 */

#ifndef CLI_IMPORT_IMPL_H
#define CLI_IMPORT_IMPL_H

#include "import.h"

enum { IMPORT_NAME_SIZE = 65 };

struct import_hook {
	const json_t *hook;
	char name[IMPORT_NAME_SIZE]; /* of source and route */
	const char *secrets;         /* directory */
	struct import *import;

	struct buf notes;  /* comment lines: what was not translated */
	struct buf proof;  /* lines of the source: scheme … secret */
	struct buf allow;  /* lines of the source */
	struct buf filter; /* jq, lines joined by "and" */
	bool verified;     /* `proof` is there */
	bool unsafe;       /* the source would let in more than before */
	bool stuck;        /* the route would do something else than before */
	size_t n_secrets;
};

/* A comment line about this hook; control bytes of `fmt`'s text are replaced.
 */
void import_note(struct import_hook *hook, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A member's text, "" when it has none. */
const char *import_text(const json_t *object, const char *name);
/* Whether a text can be a value of gaff.conf as it is: one line, no control
 * bytes, no blank at its ends, not empty. */
bool import_is_value(const char *text);

/* Translate the trigger rule: fills proof, allow, filter. */
void import_rule(struct import_hook *hook, const json_t *rule);

/* Append a rule as a jq expression.  0, or -1: it cannot be one. */
int import_filter(const json_t *rule, struct buf *out);
/* Append how jq finds a value of the payload. */
void import_payload_path(const char *name, struct buf *out);

/* `match` as something that proves who sent a request: a signature, or a value
 * that is a secret.  Writes the lines of a source.  Returns whether it is. */
bool import_is_proof(const json_t *match);
/* Whether a text speaks of a token or the like: its values are not shown. */
bool import_names_secret(const char *text);
void
import_proof(struct import_hook *hook, const json_t *const *matches, size_t n);

#endif
