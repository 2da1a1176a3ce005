/*
 * spawn - start handlers from a small single-threaded process
 *
 * The spawner (spawner.h) is forked before any thread or ZeroMQ context
 * exists.  This is the worker's side of it; one thread uses it.  Nothing here
 * waits: requests the socket does not take at once are kept and sent by
 * spawn_pump().
 */

#ifndef WORKER_SPAWN_H
#define WORKER_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec.h"

enum {
	SPAWN_OUTPUT_MAX = 65536,
	/* Bytes of program, directory, arguments and environment together. */
	SPAWN_ARGS_MAX = 128 * 1024,
	/* Between SIGTERM and SIGKILL. */
	SPAWN_GRACE_MS = 2000,
};

struct spawn;
struct store_delivery;

/* Fork the spawner.  NULL, logged.  Call before threads and sockets. */
struct spawn *spawn_open(void);

/*
 * Start gaff-run, which reads the configuration at this absolute path and
 * starts the programs of its routes as their users; needs root.  Returns once
 * it has read it.  NULL, logged.
 */
struct spawn *spawn_open_run(const char *config);

/* Close the connection: the spawner ends every group and exits, which is waited
 * for.  No report is made any more.  NULL is fine. */
void spawn_close(struct spawn *spawn);

/* The descriptor to poll for reading, and whether for writing too. */
int spawn_fd(const struct spawn *spawn);
bool spawn_wants_write(const struct spawn *spawn);

/* How a program ended; what it points to lives for the call. */
struct spawn_end {
	uint64_t id;
	int status;              /* as of waitpid() */
	struct exec_fault fault; /* when it could not be started */
	bool timed_out;
	int64_t ms;
	const char *output; /* the first SPAWN_OUTPUT_MAX bytes */
	size_t output_len;
};

typedef void spawn_done_fn(void *arg, const struct spawn_end *end);

struct spawn_start {
	/* For gaff-run: this is all it is told, with `input`.  Else NULL. */
	const struct store_delivery *delivery;
	const char *program; /* NULL: argv[0].  Without a slash it is looked
				for in SPAWN_PATH */
	char *const *argv;
	char *const *env; /* complete, NULL-terminated */
	const char *directory;
	int input;          /* standard input; stays the caller's */
	int64_t timeout_ms; /* 0: none */
	spawn_done_fn *done;
	void *arg;
};

/* Where programs are looked for; handlers get it as PATH. */
#define SPAWN_PATH                                                             \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * Ask for a program.  Returns its id (never 0); its end is reported by exactly
 * one call of `done`, from spawn_pump().  0: nothing was started and `done` is
 * not called; errno is E2BIG (SPAWN_ARGS_MAX), ENOMEM, EMFILE, or EPIPE (the
 * spawner is gone).
 *
 * The program runs in a session of its own, with default signals, umask 022,
 * standard output and error kept, nothing else open.  Its process group gets
 * SIGTERM at the timeout and SIGKILL SPAWN_GRACE_MS later, SIGKILL when the
 * program itself has ended, and when the worker is gone.  A process that made a
 * session of its own (setsid) is out of reach and lives on.
 */
uint64_t spawn_start(struct spawn *spawn, const struct spawn_start *start);

/* End it: as at the timeout (its end is reported as usual). */
void spawn_kill(struct spawn *spawn, uint64_t id);

/* gaff-run reads its configuration again, before the next spawn_start(). */
void spawn_reload(struct spawn *spawn);

/* Send what waits and report what has ended, without waiting.  0, or -1, logged
 * once, when the spawner is gone: nothing is reported any more. */
int spawn_pump(struct spawn *spawn);

#endif
