/*
 * trail - the last attempts of this worker, for `gaff tail`
 *
 * A ring of the last TRAIL_MAX things that ended, each with a number; the store
 * thread's alone.  Noted once they are committed.
 */

#ifndef WORKER_TRAIL_H
#define WORKER_TRAIL_H

#include <stdint.h>

#include <jansson.h>

#include "tasks.h"

enum { TRAIL_MAX = 1024, TRAIL_PAGE = 200, TRAIL_TEXT_SIZE = 200 };

struct trail;

struct trail *trail_new(void); /* NULL without memory */
void trail_free(struct trail *trail);

/* A TASK_SETTLE with an attempt, or a TASK_BURIED, has been committed. */
void trail_note(struct trail *trail, const struct task *task);

/* An event was forgotten: what its handlers printed goes. */
void trail_forget(struct trail *trail, const uint8_t id[EVENT_ID_LEN]);

/* What is asked; empty texts mean any. */
struct trail_query {
	const char *source;
	const char *type; /* pattern */
	int64_t after;    /* only what has a higher number; -1: nothing yet */
};

/*
 * {cursor, missed, more, attempts: [{n, at, id, source, type, route, replay,
 * attempt, state, ms, outcome, detail, due_at, reason}]}: up to TRAIL_PAGE of
 * those behind `after`, oldest first; `cursor` is the next `after`, `more`
 * whether there are others behind it, `missed` how many the ring did not hold
 * any more.  A new reference, or NULL.
 */
json_t *trail_json(const struct trail *trail, const struct trail_query *query);

#endif
