/*
 * explain_text - places, templates and params of a scheme in words
 *
 * Callers look at `out->failed`.
 */

#ifndef CLI_EXPLAIN_TEXT_H
#define CLI_EXPLAIN_TEXT_H

#include <stddef.h>

#include "../shared/buf.h"
#include "../shared/scheme.h"

enum { EXPLAIN_PARAMS_MAX = 8, EXPLAIN_PARAM_SIZE = 64 };

/* A row of a table that ends with a name that is NULL. */
struct explain_word {
	const char *name;
	const char *text;
};

/* The text of the row with that name, or NULL. */
const char *explain_text_find(
    const struct explain_word *words, const char *name, size_t len);

/* All values of a key as places: "header x", "a.b of the JSON body". */
void explain_text_places(struct buf *out, const struct scheme *scheme,
    const char *key, const char *between);

/* A template as its parts, with commas between them. */
void explain_text_template(struct buf *out, const char *template);

/* The params that its rules name and it has no value for, once each. */
size_t explain_text_params(const struct scheme *scheme,
    char names[EXPLAIN_PARAMS_MAX][EXPLAIN_PARAM_SIZE]);

#endif
