/*
 * server - the worker's main thread: sockets, store, and what goes between
 *
 * One thread owns the ZeroMQ sockets and the store.  It takes in all that is
 * there, commits once, acknowledges, beats; the dispatcher (dispatch.h) makes
 * the deliveries.  A disk that hangs stops the beats by itself.
 */

#ifndef WORKER_SERVER_H
#define WORKER_SERVER_H

#include "../shared/config.h"
#include "spawn.h"

struct server;

struct server_options {
	struct config *config;     /* a reference is taken */
	const char *config_option; /* what -c said: read again on a reload */
	const char *worker;        /* its name */
	struct spawn *spawn;       /* the server's from now on */
	struct spawn *others;      /* gaff-run, the same; or NULL */
};

/* Open the store, bind the sockets, start the dispatcher.  NULL, logged. */
struct server *server_open(const struct server_options *options);

/* Serve until SIGTERM or SIGUSR1 (0) or until going on would break a promise
 * (-1, logged). */
int server_run(struct server *server);

/* Release everything; NULL is fine. */
void server_close(struct server *server);

#endif
