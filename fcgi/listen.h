/*
 * listen - where the web server's connections come in
 *
 * Either a listener of our own (--listen), or one that whoever started us
 * holds too: that one is never shut down, and what waits in it is for the
 * others.
 */

#ifndef FCGI_LISTEN_H
#define FCGI_LISTEN_H

#include <stdbool.h>

#include "../shared/net.h"

struct listen {
	int fd;
	bool own;
	char *path;          /* of our own unix socket, or NULL */
	struct net_list web; /* tcp: the web servers that may connect */
};

/*
 * `unix:PATH` (mode 0660, `group` or NULL) or `tcp:HOST:PORT`.  A socket file
 * nobody listens on is replaced.  0, or -1, logged.
 */
int listen_open(struct listen *listen, const char *where, const char *group);

/* The listener on descriptor 0, or the first that systemd passed.  1, 0 when
 * there is none, or -1, logged. */
int listen_inherit(struct listen *listen);

/* A connection, on which nothing blocks.  -1 with errno EAGAIN when there is
 * none (or it was refused), or with another one when it cannot be had. */
int listen_accept(const struct listen *listen);

/* No new connections; those that wait can still be accepted. */
void listen_retire(struct listen *listen);

void listen_close(struct listen *listen);

#endif
