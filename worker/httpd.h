/*
 * httpd - the worker's HTTP port: GET /metrics, /events and /health
 *
 * Knows nothing itself: a GET becomes CALLs to the store thread (ask.h), so
 * that one thread alone touches the store and the counters.  No answer is a
 * 503: a worker whose disk hangs shows.  A connection has a thread of its own;
 * HTTPD_CONNECTIONS at most.
 *
 *	/metrics  Prometheus text 0.0.4
 *	/events   ?source=&type=&route=&state=&since=&limit=: the rows of the
 *	          verb `events`, newest first, one JSON array
 *	/health   JSON {status, worker, state, version, config}: 200 while the
 *	          worker takes in events, else 503
 *
 * All else is 404, methods but GET and HEAD 405, arguments that are not
 * understood 400, each with a sentence.  On a loopback address the host of a
 * request must be an address, `localhost` or what was configured (403): a web
 * page could otherwise reach this port under a name of its own (DNS rebinding).
 */

#ifndef WORKER_HTTPD_H
#define WORKER_HTTPD_H

enum {
	HTTPD_CONNECTIONS = 32,
	HTTPD_REQUEST_MS = 8000, /* for all CALLs of one request */
	HTTPD_IDLE_S = 10,
	HTTPD_HEAD_MAX = 16384, /* bytes of a request's head */
	HTTPD_EVENTS = 50, /* rows without `limit`; STORE_PAGE_MAX at most */
};

struct httpd;

/* Listen on HOST:PORT (port 0: the kernel's choice; the log says which) and
 * serve, with sockets of `context`.  NULL, logged. */
struct httpd *httpd_open(void *context, const char *address);

/* End every connection; before the context ends.  NULL is fine. */
void httpd_close(struct httpd *httpd);

#endif
