/*
 * dispatch - the thread that matches events and makes attempts
 *
 * Takes tasks from the store thread and answers each: a TASK_ROUTE by one or
 * two TASK_ROUTED, a TASK_DELIVER by one TASK_SETTLE, a TASK_BURY by one
 * TASK_BURIED (later, while the directory cannot be written).  Claims for a
 * route when it has a free slot and TASK_DUE says something is due.
 */

#ifndef WORKER_DISPATCH_H
#define WORKER_DISPATCH_H

#include "../shared/config.h"
#include "spawn.h"
#include "tasks.h"

struct dispatch;

struct dispatch_options {
	struct config *config; /* a reference is taken */
	const struct config_worker *worker; /* in `config` */
	struct spawn *spawn;   /* forked before any thread; the dispatcher's now */
	struct tasks *out;     /* to the store thread */
};

/* Starts the thread.  NULL, logged. */
struct dispatch *dispatch_start(const struct dispatch_options *options);
/* Hand it a task; from the store thread. */
void dispatch_push(struct dispatch *dispatch, struct task *task);
/* Wait for the end of the thread (after TASK_STOP) and free all. */
void dispatch_join(struct dispatch *dispatch);

#endif
