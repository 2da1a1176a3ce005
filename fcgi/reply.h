/*
 * reply - answers as CGI has them: header lines, an empty line, a body
 *
 * Every answer is under REPLY_MAX bytes, so that the link thread can write it
 * without waiting.  Each function appends to `out`: 0, or -1 with out->failed
 * set.  Pure.
 */

#ifndef FCGI_REPLY_H
#define FCGI_REPLY_H

#include <stdbool.h>

#include "../shared/buf.h"
#include "../shared/config.h"
#include "refusal.h"

enum {
	REPLY_MAX = 4096,
	REPLY_BODY_MAX = 3072,
	REPLY_RETRY_S = 5, /* Retry-After */
};

struct reply_accepted {
	const struct config_source *source;
	const char *id; /* of the stored event */
	bool duplicate;
	const char *revived; /* route names joined by ",", or "" */
};

/* The source's answer, else ours. */
int reply_accepted(struct buf *out, const struct reply_accepted *accepted);

struct reply_refused {
	enum refusal refusal;
	const char *id;                     /* of the request */
	const struct config_source *source; /* or NULL */
	const char *allow;                  /* methods, for 405 */
};

int reply_refused(struct buf *out, const struct reply_refused *refused);
/* Its status: a scheme may want another one than 401. */
int reply_status(const struct reply_refused *refused);

/* What a scheme answers to its provider's handshake. */
int reply_handshake(struct buf *out, struct scheme_answer *answer);

/* /-/health and /-/ready. */
int reply_health(struct buf *out, bool good);

#endif
