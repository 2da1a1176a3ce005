/*
 * dest - what a route delivers to (a seam)
 *
 * Implementations: dest_run.c (a program), dest_post.c (a URL).  start() never
 * blocks; every started attempt ends in exactly one call of `done`, from
 * spawn_pump(), ready(), cut() or from within start() itself.  All on the
 * dispatcher's thread.
 */

#ifndef WORKER_DEST_H
#define WORKER_DEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "../shared/config.h"
#include "spawn.h"
#include "store.h"

enum dest_verdict {
	DEST_DELIVERED,
	DEST_RETRY,
	DEST_FINAL, /* give up at once */
	DEST_CUT,   /* ended by an orderly stop: does not count */
};

enum {
	DEST_EXIT_FINAL = 100,
	DEST_DETAIL_SIZE = 256,
	/* Of a response: bytes read before the connection is cut, and bytes of
	 * headers. */
	DEST_RESPONSE_MAX = 1024 * 1024,
	DEST_RESPONSE_HEADERS_MAX = 65536,
};

struct dest_outcome {
	enum dest_verdict verdict;
	int64_t at_ms; /* wall time of the start */
	int64_t ms;
	int64_t retry_after_ms;
	/* ok exit:N signal:N timeout exec_failed; status:N redirect dns connect
	 * tls timeout too_large broken (in the middle of an exchange)
	 * sign_failed */
	char outcome[32];
	/* The last line of output or response, an error text; no control
	 * characters. */
	char detail[DEST_DETAIL_SIZE];
	const char *output; /* valid during the call of `done` */
	size_t output_len;
};

/* Gets the delivery back. */
typedef void dest_done_fn(
    void *arg, struct store_delivery *delivery, const struct dest_outcome *o);

struct dest_context {
	struct spawn *spawn;
	struct spawn *others; /* gaff-run, or NULL: no route has `user` */
	CURLM *multi;
	dest_done_fn *done;
	void *arg;
};

struct dest; /* the running attempts of one kind */

struct dest_ops {
	/* NULL, logged. */
	struct dest *(*open)(const struct dest_context *context);
	/* What still runs is forgotten, its deliveries are freed; NULL is fine.
	 */
	void (*close)(struct dest *dest);
	/* Takes the delivery; `route` is copied from as needed.  0, or -1 when
	 * nothing was started, the delivery stays the caller's and `done` will
	 * not be called (no memory, no descriptors). */
	int (*start)(struct dest *dest, const struct config_route *route,
	    struct store_delivery *delivery);
	/* Something may have ended: look, and call `done`; whether something
	 * had.  NULL: its ends come from spawn_pump(). */
	bool (*ready)(struct dest *dest);
	/* End all that run, verdict DEST_CUT; now or soon. */
	void (*cut)(struct dest *dest);
};

extern const struct dest_ops dest_run;
extern const struct dest_ops dest_post;

/* The implementation for a route. */
const struct dest_ops *dest_pick(enum config_dest kind);

/* What is tried, for people: the program and its arguments, or the URL without
 * user and password; the caller's.  NULL: no route, or no memory. */
char *dest_describe(const struct config_route *route);

/* The last line of `text` that is not blank, fit for a detail: cut, whole
 * characters, control characters as blanks. */
void
dest_last_line(char detail[DEST_DETAIL_SIZE], const char *text, size_t len);

/* The exit codes or HTTP statuses a route calls final, as they were when the
 * attempt began. */
struct dest_final {
	int64_t codes[16];
	size_t n;
};

void dest_final_set(struct dest_final *final, const struct config_route *route);
bool dest_final_has(const struct dest_final *final, int64_t code);

#endif
