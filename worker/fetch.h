/*
 * fetch - what stands at a URL, for keys that come from the network
 *
 * On the dispatcher's thread, with its curl multi: https only, the certificate
 * is verified, no redirect, no proxy, one answer of limited size in limited
 * time.
 */

#ifndef WORKER_FETCH_H
#define WORKER_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "../shared/buf.h"

enum {
	FETCH_MIN_MS = 300000,      /* 5 min: fresh in any case */
	FETCH_MAX_MS = 86400000,    /* a day: no longer */
	FETCH_DEFAULT_MS = 3600000, /* where the answer does not say */
	FETCH_ERROR_SIZE = CURL_ERROR_SIZE + 32,
};

/* How a fetch has ended. */
struct fetch_result {
	const char *url;
	const char
	    *error; /* NULL: `bytes` are there.  "status:404", "tls: …" */
	struct buf bytes; /* to be taken, or cleared by the caller of `done` */
	int64_t fresh_ms; /* how long they may be used without a look */
	int64_t ms;       /* it took */
};

typedef void fetch_done_fn(void *arg, struct fetch_result *result);

struct fetch;

/* `done` is called from transfer_ready(), once for each started fetch, and not
 * after fetch_close().  NULL, logged. */
struct fetch *fetch_open(CURLM *multi, fetch_done_fn *done, void *arg);
void fetch_close(struct fetch *fetch); /* NULL is fine */

struct fetch_options {
	const char *url;
	const char *ca_file; /* NULL: the system's authorities */
	int64_t timeout_ms;
};

/* Start one.  0, or -1 without memory: `done` will not be called. */
int fetch_start(struct fetch *fetch, const struct fetch_options *options);

/* How long an answer is fresh by its Cache-Control (RFC 9111, 5.2.2), inside
 * the limits above; NULL: it has none. */
int64_t fetch_fresh_ms(const char *cache_control);

#endif
