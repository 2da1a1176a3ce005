/*
 * multipart - one field of a multipart/form-data body
 *
 * Strict, and by the body alone: its first line is the boundary (RFC 2046,
 * 5.1.1), lines end in CR LF, the last boundary ends the body.  A field whose
 * name is not there exactly once, or a body that is anything else, has
 * nothing to give.  Pure, allocates nothing.
 */

#ifndef SHARED_MULTIPART_H
#define SHARED_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

enum { MULTIPART_BOUNDARY_MAX = 70, MULTIPART_PARTS_MAX = 100 };

/* Whether a body begins as a multipart one does. */
bool multipart_is(const char *p, size_t len);

/* Find the content of the one field of that name; it stays in the body. */
bool multipart_get(const char *p, size_t len, const char *name,
    const char **value, size_t *value_len);

#endif
