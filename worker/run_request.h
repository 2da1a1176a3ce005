/*
 * run_request - what gaff-run is asked: a route's name, and facts (pure)
 *
 * The facts are all that a handler's GAFF_* say of one attempt.  Reading is the
 * border between the worker, who may have been taken over, and root: it trusts
 * nothing, allocates nothing, and has no other input than the bytes.
 */

#ifndef WORKER_RUN_REQUEST_H
#define WORKER_RUN_REQUEST_H

#include <stddef.h>

#include "store.h"

/* Why a request is refused; docs/DESIGN.md says what each one checks. */
enum run_refusal {
	RUN_GOOD,
	RUN_MALFORMED, /* the facts are not as they must be */
	RUN_BAD_BODY,  /* no body, or nothing that can be one */
	RUN_NO_ROUTE,  /* no route of that name has `run` and `user` */
	RUN__MAX
};

/* For people: "malformed request". */
const char *run_refusal_text(int refusal);

/* Lay out what the delivery's attempt is; its length, or 0 when it has no room
 * or run_request_read() would not take it. */
size_t run_request_write(
    const struct store_delivery *delivery, char *bytes, size_t size);

/*
 * The attempt that `bytes` describe: route, attempt and replay of `delivery`,
 * and of `event` (to which it points then) id, received_at_ms, source, type,
 * key, flags, content_type and headers, all pointing into `bytes`.
 *
 * RUN_GOOD means: every text ends within its limit and the last one ends the
 * request; route and source are there and hold no control characters; the
 * headers are one JSON object; times and numbers are in range.  Else
 * RUN_MALFORMED.
 */
enum run_refusal run_request_read(char *bytes, size_t len,
    struct store_delivery *delivery, struct event *event);

#endif
