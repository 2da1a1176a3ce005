/*
 * dispatch - the thread that matches events and makes attempts
 *
 * Takes tasks from the store thread and answers them: a TASK_ROUTE by
 * TASK_ROUTEDs (tasks.h), a TASK_DELIVER by one TASK_SETTLE, a TASK_BURY by one
 * TASK_BURIED (later, while the directory cannot be written).  Claims for a
 * route when it has a free slot and TASK_DUE (or an earlier answer) says
 * something is due; nothing is known to be due at the start.
 *
 * After TASK_STOP nothing new is started; what runs is waited for up to
 * `stop_after` (not at all when the task says `failed`), then cut, and
 * TASK_STOPPED is pushed.  When a spawner is gone TASK_STOPPED comes by
 * itself with `failed` set, and the worker must end: programs cannot be started
 * any more, and those that ran have no one to end them.  TASK_STOPPED is the
 * last task in any case; what is pushed later is freed by dispatch_join().
 */

#ifndef WORKER_DISPATCH_H
#define WORKER_DISPATCH_H

#include "../shared/config.h"
#include "spawn.h"
#include "tasks.h"

enum {
	/* After `stop_after`: for programs that were cut to end. */
	DISPATCH_CUT_MS = SPAWN_GRACE_MS + 3000,
	/* For claims of the last moment to be answered. */
	DISPATCH_CLAIM_MS = 2000,
};

struct dispatch;

struct dispatch_options {
	struct config *config;              /* a reference is taken */
	const struct config_worker *worker; /* in `config` */
	struct spawn *spawn;  /* forked before any thread; the dispatcher's now,
				 also when it does not start */
	struct spawn *others; /* gaff-run, the same; or NULL */
	struct tasks *out;    /* to the store thread */
};

/* Starts the thread.  NULL, logged. */
struct dispatch *dispatch_start(const struct dispatch_options *options);
/* Hand it a task, or a list of them; from the store thread. */
void dispatch_push(struct dispatch *dispatch, struct task *task);
void dispatch_push_all(struct dispatch *dispatch, struct task *list);
/* Size of all dead letters; -1: not known yet.  From any thread. */
int64_t dispatch_letter_bytes(const struct dispatch *dispatch);
/* Wait for the end of the thread (after TASK_STOP) and free all. */
void dispatch_join(struct dispatch *dispatch);

#endif
