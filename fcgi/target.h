/*
 * target - path and query of a REQUEST_URI, by a strict grammar
 *
 * A path is letters, digits and `-_.~/`, without `//` and dot segments and
 * without any `%`: web servers normalise these differently, and what was
 * checked must be what is matched.  A `http://HOST` in front is cut off.  Pure.
 */

#ifndef FCGI_TARGET_H
#define FCGI_TARGET_H

#include "../shared/buf.h"
#include "../shared/scheme.h"

enum {
	TARGET_PATH_MAX = 1024,
	TARGET_QUERY_MAX = 8191,
};

struct target {
	char path[TARGET_PATH_MAX + 1];
	const char *query; /* raw, inside the URI; "" when there is none */
};

/* 0, or -1 when the text is not one (`target` then has an empty path). */
int target_read(struct target *target, const char *uri);

/* Append a query with the value of each parameter the scheme reads as secret
 * written as `-`.  0, or -1 with out->failed set. */
int
target_blank(const struct scheme *scheme, const char *query, struct buf *out);
/* The same, but a signature that gives no secret away stays. */
int target_blank_rejected(
    const struct scheme *scheme, const char *query, struct buf *out);

#endif
