/*
 * rejected - a copy of a refused request, for whoever wonders why
 *
 * Holds what verified it needs to be verified again, without what is secret:
 * headers.h and target.h say what; where the body holds the proof it is left
 * out.  Pure.
 */

#ifndef FCGI_REJECTED_H
#define FCGI_REJECTED_H

#include "ingest.h"

enum { REJECTED_BODY_MAX = 65536 };

/* Append a REJECTED frame about a request refused after its body was read; id
 * is the one its answer names.  0, or -1 without memory. */
int rejected_write(const struct ingest *ingest, const uint8_t id[EVENT_ID_LEN],
    const void *body, size_t len, struct buf *out);

#endif
