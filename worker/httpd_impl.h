/*
 * httpd_impl - what httpd.c (connections) and httpd_answer.c (pages) share
 */

#ifndef WORKER_HTTPD_IMPL_H
#define WORKER_HTTPD_IMPL_H

#include <microhttpd.h>

#include "ask.h"
#include "httpd.h"

struct httpd_answer {
	unsigned status;
	const char *type; /* content type */
	char *text;       /* malloc()ed; NULL without memory */
	size_t len;
};

/* Fill in the answer of one path. */
typedef void httpd_page_fn(struct ask *ask, struct MHD_Connection *connection,
    struct httpd_answer *answer);

/* NULL: there is no such path. */
httpd_page_fn *httpd_page(const char *path);

/* A sentence as plain text. */
void httpd_say(struct httpd_answer *answer, unsigned status, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

#endif
