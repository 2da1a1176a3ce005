/*
 * tasks - what the worker's two threads say to each other
 *
 * The store thread owns the ZeroMQ sockets and the store; the dispatcher
 * matches events, runs attempts and writes dead letters.  Between them stand
 * two queues of tasks.  A task and all it points to belong to whoever holds
 * it; pushing hands it over.
 */

#ifndef WORKER_TASKS_H
#define WORKER_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shared/config.h"
#include "../shared/event.h"
#include "store.h"

enum task_kind {
	/* store thread -> dispatcher */
	TASK_ROUTE,   /* event, seq, filtered: match it */
	TASK_DELIVER, /* delivery: `running` in the store; make the attempt */
	TASK_CLAIMED, /* route, n, due_ms: ends the answer to one TASK_CLAIM; n
			 were claimed, due_ms is the next due time (INT64_MAX:
			 none) */
	TASK_DUE,     /* route, due_ms: the earliest due time has changed */
	TASK_BURY,    /* delivery: write its dead letter */
	TASK_CONFIG,  /* config: use it from now on */
	TASK_PAUSE,   /* route, paused, due_ms: wall time since when (0: now) */
	TASK_FETCH,   /* text: a URL; due_ms: for at most so long */
	TASK_STOP,    /* start nothing new; end what runs within stop_after */

	/* dispatcher -> store thread */
	TASK_ROUTED,  /* seq, targets, n, whole, filtered: see below; whole and
			 unmatched: no answer had a target, of `source` */
	TASK_CLAIM,   /* route, n: take up to n due deliveries */
	TASK_SETTLE,  /* settle with all it points to */
	TASK_BURIED,  /* seq, route, replay; delivery: the dead one */
	TASK_FETCHED, /* text: the URL; blob: its bytes, or (failed) the error;
			 due_ms: how long they are fresh; n: ms it took */
	TASK_CONFIRMED, /* source: an event of its is confirmed (failed: never
			 will be) */
	TASK_STOPPED,   /* nothing runs any more; the last task.  failed: the
			   spawner is gone, the worker must end */
	TASK__MAX
};

/*
 * A TASK_ROUTE is answered by one or more TASK_ROUTED, in any order among
 * events:
 *
 *	whole               every route is decided; the last answer
 *	not whole, filtered routes without a filter are decided (and maybe some
 *	                    with one); another answer follows
 *	neither             the same, but the filters have too much to do: the
 *	                    dispatcher has let go of the event; hand it over
 *	                    again later (filtered = true)
 *
 * `settle` and `attempt` of a TASK_SETTLE point into the task itself and its
 * `delivery`, which goes with it.  A TASK_SETTLE of state PENDING is for a
 * delivery that was not tried, or was cut short.
 */
struct task {
	struct task *next;
	enum task_kind kind;
	int64_t seq;
	uint32_t replay;
	unsigned n;
	bool whole;
	bool filtered; /* ROUTE: only routes with a filter are left to decide */
	bool paused;
	bool failed;
	bool unmatched;
	int64_t due_ms;
	char route[CONFIG_NAME_MAX + 1];
	char source[CONFIG_NAME_MAX + 1];
	struct event *event;
	struct store_delivery *delivery;
	struct config *config;        /* a reference of its own */
	struct store_target *targets; /* n of them; texts in `text` or static */
	struct store_settle settle;   /* its route is the task's */
	struct store_attempt attempt;
	struct buf blob;
	char *text; /* malloc()ed memory the above point into, or NULL */
};

/* A zeroed task, or NULL. */
struct task *task_new(enum task_kind kind);
/* Frees everything a task holds; NULL is fine. */
void task_free(struct task *task);

struct tasks;

/* `wake` is called, outside the lock, after a push to an empty queue. */
struct tasks *tasks_new(void (*wake)(void *arg), void *arg);
void tasks_free(struct tasks *tasks); /* and what is in it */
void tasks_push(struct tasks *tasks, struct task *task);
/* The same for a list, which is taken as a whole; not for an empty one. */
void tasks_push_all(struct tasks *tasks, struct task *list);
/* Everything in it, in order, as a list; NULL when empty. */
struct task *tasks_take(struct tasks *tasks);

#endif
