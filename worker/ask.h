/*
 * ask - a CALL to this worker's own store thread, from another one
 *
 * docs/WIRE.md has the verbs.  An asker belongs to the thread that opened it.
 */

#ifndef WORKER_ASK_H
#define WORKER_ASK_H

#include <stdatomic.h>
#include <stdint.h>

#include <jansson.h>

/* Where the store thread's admin socket takes these CALLs. */
#define ASK_ENDPOINT "inproc://admin"

enum { ASK_ANSWER_MS = 2000 };

struct ask;

/* With a socket of `context`; `stop` ends every wait and outlives the asker.
 * NULL, logged. */
struct ask *ask_open(void *context, const atomic_bool *stop);
void ask_close(struct ask *ask); /* NULL is fine */

/* The REPLY, a new reference; `args` is consumed and may be NULL only for want
 * of memory.  NULL: none came within ASK_ANSWER_MS, or no memory; then only
 * ask_close() is left. */
json_t *ask_call(struct ask *ask, const char *verb, json_t *args);

#endif
