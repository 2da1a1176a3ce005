/*
 * zsock - ZeroMQ sockets with gaff's options, and calls that survive signals
 *
 * Linger 0 (the worker's control: 1 s), no ZMTP heartbeats (they cut off slow
 * healthy peers in 4.3.4), TCP keepalive and TCP_MAXRT, handshake limit of 2 s,
 * ROUTER_MANDATORY, size limits, IMMEDIATE on connecting sockets.
 * One thread owns a socket.
 */

#ifndef SHARED_ZSOCK_H
#define SHARED_ZSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zmq.h>

enum zsock_kind {
	ZSOCK_DATA_IN,     /* worker: PULL, binds */
	ZSOCK_CONTROL_IN,  /* worker: ROUTER, binds */
	ZSOCK_ADMIN_IN,    /* worker: ROUTER, binds */
	ZSOCK_DATA_OUT,    /* gateway: PUSH, connects */
	ZSOCK_CONTROL_OUT, /* gateway: DEALER, connects */
	ZSOCK_ADMIN_OUT,   /* command line: DEALER, connects */
	ZSOCK__MAX
};

struct zsock_options {
	int64_t max_message;    /* bytes of a frame; 0: the kind's own limit */
	int high_water;         /* messages; 0: the kind's own */
	const void *routing_id; /* CONTROL_OUT: its link id */
	size_t routing_id_len;
};

/* An unconnected, unbound socket, or NULL, logged.  `options` may be NULL. */
void *zsock_new(
    void *context, enum zsock_kind kind, const struct zsock_options *options);

/*
 * Bind; for ipc: a lock file PATH.lock is taken first (libzmq unlinks a live
 * socket), kept open in *lock_fd for the caller to close after the context has
 * ended (libzmq removes the path late), and the socket gets `mode` and `group`
 * (NULL: unchanged).  The umask changes for a moment.  -1 in *lock_fd for other
 * transports.  0, or -1, logged with what to do.
 */
int zsock_bind(void *socket, const char *endpoint, unsigned mode,
    const char *group, int *lock_fd);

/* Send one frame without waiting.  0, or -1 with errno EAGAIN (full or not
 * connected), EHOSTUNREACH (no such peer), or another one: a fault. */
int zsock_send(void *socket, const void *p, size_t len);
/* To a ROUTER's peer. */
int zsock_send_to(
    void *socket, const void *id, size_t id_len, const void *p, size_t len);

/*
 * Receive one single-frame message without waiting into an initialised or
 * earlier used `msg`; the caller closes it.  0; -1 with errno EAGAIN when there
 * is none, or another one: a fault.  Messages of several frames are drained,
 * counted in *malformed (may be NULL) and skipped.
 */
int zsock_recv(void *socket, zmq_msg_t *msg, uint64_t *malformed);
/* The same from a ROUTER: `id` gets the peer's routing id. */
int zsock_recv_from(
    void *socket, zmq_msg_t *id, zmq_msg_t *msg, uint64_t *malformed);

/* The descriptor that becomes readable when a message may have come (ZMQ_FD,
 * which see), or -1. */
int zsock_fd(void *socket);

/* Close with linger as set; NULL is fine. */
void zsock_close(void *socket);

/* End a context whose sockets are closed; never hangs for over 5 s. */
void zsock_context_end(void *context);

#endif
