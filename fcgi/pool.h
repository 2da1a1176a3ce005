/*
 * pool - the threads that accept, read and verify
 *
 * Some wait for connections, half as many as there are processors; the others
 * are for requests that come in slowly, or wait for keys.
 */

#ifndef FCGI_POOL_H
#define FCGI_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "gate.h"
#include "listen.h"

enum { POOL_READ_MS = 10000 }; /* for a whole request to come in */

struct pool;

/* Start `n` threads.  NULL, logged. */
struct pool *pool_start(struct gate *gate, struct listen *listen, size_t n);

/* Cut off requests that come in too slowly; to be called now and then. */
void pool_watch(struct pool *pool);

/* Accept no more, but what already waits in a listener of our own. */
void pool_drain(struct pool *pool);

/* Whether no thread serves any more. */
bool pool_is_idle(const struct pool *pool);

/* After pool_drain(): wait for the threads, release.  NULL is fine. */
void pool_free(struct pool *pool);

#endif
