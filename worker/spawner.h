/*
 * spawner - the process that starts handlers, and what is said to it
 *
 * One thread, one SOCK_SEQPACKET pair.  The worker sends requests: START (with
 * the standard input as SCM_RIGHTS), KILL, RELOAD; the spawner sends one END
 * for each START.  Both come from one build, so plain structs go over.  At the
 * end of file it kills every process group it started and exits.
 *
 * There are two of them, with one loop: the worker's own (spawner_plain), which
 * starts what it is told to, and gaff-run (run_rules.h), which is root and
 * starts what its own configuration says.
 */

#ifndef WORKER_SPAWNER_H
#define WORKER_SPAWNER_H

#include <stdint.h>

#include "exec.h"
#include "spawn.h"

enum spawner_kind { SPAWNER_START, SPAWNER_KILL, SPAWNER_RELOAD };

/* What every request begins with; a START goes on as its reader wants it. */
struct spawner_head {
	uint64_t id;
	enum spawner_kind kind;
};

/* The output follows.  The one for id 0 says that START is understood now. */
struct spawner_end {
	uint64_t id;
	int64_t ms;
	int status;
	struct exec_fault fault;
	uint8_t timed_out;
};

enum {
	SPAWNER_REQUEST_MAX = sizeof(struct spawner_head) + 64 + SPAWN_ARGS_MAX,
	SPAWNER_END_MAX = sizeof(struct spawner_end) + SPAWN_OUTPUT_MAX,
};

/* A START as it came in; `p` is the spawner's. */
struct spawner_packet {
	char *p; /* what stands behind the head */
	size_t len;
	int input; /* -1: none came */
};

/* Who may start what. */
struct spawner_rules {
	const char *name; /* of the process */
	/* Once, before the first request.  0, or -1, logged: the process ends.
	 */
	int (*begin)(void *arg);
	/* Make a job of a START, or say why not. */
	struct exec_fault (*prepare)(void *arg,
	    const struct spawner_packet *packet, struct exec_job *job);
	/* It was started, or not, prepared or not: free what is in it. */
	void (*release)(struct exec_job *job);
	void (*reload)(void *arg);
	void *arg;
};

/* START for the worker's own spawner: spawn.h's struct spawn_start, unpacked
 * from this and the texts behind it, each with its NUL: program, directory,
 * n_argv arguments, n_env variables. */
struct spawner_start {
	int64_t timeout_ms;
	uint32_t n_argv;
	uint32_t n_env;
};

extern const struct spawner_rules spawner_plain;

/* The spawner's life.  Closes everything but `fd` and the standard descriptors,
 * empties the environment, runs at nice 5, and never returns. */
_Noreturn void spawner_main(int fd, const struct spawner_rules *rules);

#endif
