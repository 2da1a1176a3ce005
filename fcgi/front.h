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
	/* To be called before the serving thread waits for anything but the
	 * connection, so that others serve meanwhile; or NULL. */
	void (*aside)(void *arg);
	void *aside_arg;
};

/* Whether all of a good request is there, or comes within a moment: reading it
 * makes nobody wait. */
bool front_fcgi_is_whole(int fd);

/*
 * A request on an accepted connection, whose descriptor it takes; `whole` is
 * what front_fcgi_is_whole() said.  `watch` serves until the body's end was
 * seen or the request is answered.  NULL, and the descriptor closed, when the
 * peer sent nothing a web server sends.
 */
struct front *front_fcgi_open(int fd, bool whole, struct watch *watch);

/* The one request of a CGI program.  NULL without memory. */
struct front *front_cgi_open(void);

#endif
