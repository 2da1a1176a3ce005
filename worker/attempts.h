/*
 * attempts - the history of a delivery as text
 *
 * A JSON array of {"at", "ms", "outcome", "detail"}, oldest first, as show(),
 * the dead letter and the command line tell it.  Bounded: the first and the
 * last ATTEMPTS_MAX - 1 are kept.  Pure.
 */

#ifndef WORKER_ATTEMPTS_H
#define WORKER_ATTEMPTS_H

#include <stddef.h>
#include <stdint.h>

#include "../shared/buf.h"
#include "store.h"

enum { ATTEMPTS_MAX = 100, ATTEMPTS_DETAIL_MAX = 1024 };

/* Append to `out` the list `old` (NULL: an empty one) with one more element.
 * 0, or -1 without memory. */
int attempts_add(
    struct buf *out, const char *old, const struct store_attempt *attempt);

/* The kept output of the attempt that began at at_ms, or NULL. */
typedef const char *attempts_output_fn(void *arg, int64_t at_ms, size_t *len);

/* Append to `out` the list with "output" in each element `fn` has one for.
 * 0, or -1 without memory. */
int attempts_merge(
    struct buf *out, const char *list, attempts_output_fn *fn, void *arg);

#endif
