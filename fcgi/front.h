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
	/* What was read is needed no more, the variables neither: release all
	 * that only reading takes. */
	void (*forget)(struct front *front);
	/* Write the whole answer: header lines, empty line, body. */
	void (*answer)(struct front *front, const void *p, size_t len);
	/* End the request, close, release.  What was not read of the body is
	 * taken for a while, so that the answer is not lost. */
	void (*close)(struct front *front);
};

struct front {
	const struct front_ops *ops;
	char *const *envp; /* CGI variables, until forget or close */
	bool once;         /* the process began with this request */
	/* To be called before the serving thread waits for anything but the
	 * connection, so that others serve meanwhile; or NULL. */
	void (*aside)(void *arg);
	void *aside_arg;
};

enum {
	FRONT_RECEIVE_MS = 5000, /* silence while a request comes in */
	FRONT_SEND_MS = 100,     /* an answer fits into the socket's buffer */
};

/* Whether all of a good request is there, or comes within a moment: reading it
 * makes nobody wait. */
bool front_fcgi_is_whole(int fd);

/*
 * A request on an accepted connection, which does not block and whose
 * descriptor it takes.  `watch` is NULL for one that is whole; else its rest is
 * waited for, and `watch` serves until the body's end was seen or the request
 * is answered.  NULL, and the descriptor closed, when the peer sent nothing a
 * web server sends.
 */
struct front *front_fcgi_open(int fd, struct watch *watch);

/* The one request of a CGI program.  NULL without memory. */
struct front *front_cgi_open(void);

#endif
