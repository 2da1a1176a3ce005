/*
 * spawn - start handlers from a small single-threaded process
 *
 * The spawner is forked before any thread or ZeroMQ context exists.  It starts
 * programs by posix_spawn with a session of their own, ends their process
 * groups at the timeout, at exit and when the worker is gone, and keeps the
 * first 64 kB of what they print.
 */

#ifndef WORKER_SPAWN_H
#define WORKER_SPAWN_H

#include <stdint.h>

#include "../shared/buf.h"

enum { SPAWN_OUTPUT_MAX = 65536 };

struct spawn;

/* Fork the spawner.  NULL, logged.  Call before threads and sockets. */
struct spawn *spawn_open(void);

/* Close the connection: the spawner ends every group and exits. */
void spawn_close(struct spawn *spawn);

/* The descriptor to poll for reading. */
int spawn_fd(const struct spawn *spawn);

struct spawn_start {
	uint64_t id; /* the caller's, unique among running ones */
	char *const *argv;
	char *const *env; /* complete, NULL-terminated */
	const char *directory;
	int input; /* standard input; stays the caller's */
	int64_t timeout_ms;
};

/* Ask for a program.  0, or -1 (nothing was started), logged.  Every started id
 * is reported by exactly one spawn_end. */
int spawn_start(struct spawn *spawn, const struct spawn_start *start);
/* End it now (its end is reported as usual). */
void spawn_kill(struct spawn *spawn, uint64_t id);

struct spawn_end {
	uint64_t id;
	int status;     /* as of waitpid() */
	int error;      /* errno when it could not be started, else 0 */
	int timed_out;
	int64_t ms;
	struct buf output; /* the receiver clears it */
};

/* Read one report without waiting: 1 with *end, 0 when there is none, -1 when
 * the spawner is gone. */
int spawn_read(struct spawn *spawn, struct spawn_end *end);

#endif
