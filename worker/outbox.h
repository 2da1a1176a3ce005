/*
 * outbox - what the dispatcher has for the store thread, handed over together
 *
 * Each hand-over is a commit of its own as long as the store thread has nothing
 * else to do, so ends of quick attempts wait for the next claim of their route:
 * one commit is for both.  For OUTBOX_MS at most; a worker that is killed
 * meanwhile makes these attempts again.
 */

#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "tasks.h"

enum {
	OUTBOX_MS = 20,
	OUTBOX_MAX = 256, /* tasks that wait */
};

struct outbox {
	struct tasks *to;
	struct task *first;
	struct task **end;
	unsigned n;
	int64_t due_ms; /* boot clock; INT64_MAX: it is empty */
};

void outbox_init(struct outbox *box, struct tasks *to);
/* Frees what is in it. */
void outbox_clear(struct outbox *box);

/* Takes the task.  One that may not wait takes all others along. */
void outbox_put(struct outbox *box, struct task *task, bool may_wait);
/* Hand them over, if it is time. */
void outbox_send(struct outbox *box);

#endif
