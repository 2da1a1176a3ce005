/*
 * spawner - the process that starts handlers, and what is said to it
 *
 * One thread, one SOCK_SEQPACKET pair.  The worker sends requests: START (with
 * the standard input as SCM_RIGHTS) and KILL; the spawner sends one END for
 * each START.  Both are the same binary, so plain structs go over.  At the end
 * of file it kills every process group it started and exits.
 */

#ifndef WORKER_SPAWNER_H
#define WORKER_SPAWNER_H

#include <stdint.h>

#include "spawn.h"

enum spawner_kind { SPAWNER_START, SPAWNER_KILL };

/* Texts follow, each with its NUL: program, directory, n_argv arguments, n_env
 * variables. */
struct spawner_request {
	enum spawner_kind kind;
	uint32_t n_argv;
	uint32_t n_env;
	uint64_t id;
	int64_t timeout_ms;
};

/* The output follows. */
struct spawner_end {
	uint64_t id;
	int64_t ms;
	int status;
	int error;
	uint8_t bad_directory;
	uint8_t timed_out;
};

enum {
	SPAWNER_REQUEST_MAX = sizeof(struct spawner_request) + SPAWN_ARGS_MAX,
	SPAWNER_END_MAX = sizeof(struct spawner_end) + SPAWN_OUTPUT_MAX,
};

/* The spawner's life, in the forked process.  Closes everything but `fd` and
 * the standard descriptors, runs at nice 5, and never returns. */
_Noreturn void spawner_main(int fd);

#endif
