/*
 * front - the web server's side of one request
 *
 * What FastCGI and plain CGI have in common.  A request is read to its end by
 * one thread; any thread may then answer and close it.
 */

#ifndef FCGI_FRONT_H
#define FCGI_FRONT_H

#include <stdbool.h>
#include <stddef.h>

#include "watch.h"

struct front;

enum front_read {
	FRONT_PART,  /* all that was asked for; more may follow */
	FRONT_END,   /* the body's end was seen */
	FRONT_FAULT, /* it broke off, or came too slowly */
};

struct front_ops {
	/* Read the next `len` bytes of the body; *got were there. */
	enum front_read (*read)(
	    struct front *front, void *p, size_t len, size_t *got);
	/* Wait at most this long for each byte from now on. */
	void (*patience)(struct front *front, int ms);
	/* Write the whole answer: header lines, empty line, body. */
	void (*answer)(struct front *front, const void *p, size_t len);
	/* End the request, close, release.  What was not read of the body is
	 * taken for a while, so that the answer is not lost. */
	void (*close)(struct front *front);
};

struct front {
	const struct front_ops *ops;
	char *const *envp; /* CGI variables, until close */
	bool once;         /* the process began with this request */
};

/*
 * A request on an accepted connection, whose descriptor it takes.  `watch`
 * serves until the body's end was seen or the request is answered.  NULL, and
 * the descriptor closed, when the peer sent nothing a web server sends.
 */
struct front *front_fcgi_open(int fd, struct watch *watch);

/* The one request of a CGI program.  NULL without memory. */
struct front *front_cgi_open(void);

#endif
