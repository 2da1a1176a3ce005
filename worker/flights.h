/*
 * flights - the attempts under way, of all kinds of destinations
 *
 * From a TASK_DELIVER to the TASK_SETTLE it becomes.  On the dispatcher's
 * thread.
 */

#ifndef WORKER_FLIGHTS_H
#define WORKER_FLIGHTS_H

#include <stdbool.h>

#include <curl/curl.h>

#include "lane.h"
#include "outbox.h"
#include "spawn.h"
#include "tasks.h"

struct flights;

/* Who makes attempts; dest.h says what each is for. */
struct flights_means {
	struct spawn *spawn;
	struct spawn *others;
	CURLM *multi;
};

/* NULL, logged.  What is behind the pointers outlives it. */
struct flights *flights_open(
    const struct flights_means *means, struct lanes *lanes, struct outbox *out);
/* What still runs is forgotten.  NULL is fine. */
void flights_close(struct flights *flights);

/* Make the attempt of a TASK_DELIVER if a slot was kept for it, else it stands
 * ready in its lane; takes the task.  It is given back to the store untried
 * when its route is gone, disabled or paused, when nothing may be started any
 * more (not `starting`), or cannot. */
void flights_take(struct flights *flights, struct task *task, bool starting);
/* The same for what stands ready in a lane, as far as it has slots. */
void flights_next(struct flights *flights, struct lane *lane, bool starting);

/* Something may have ended; whether something had. */
bool flights_ready(struct flights *flights);
/* End all, now or soon: they do not count. */
void flights_cut(struct flights *flights);
bool flights_any(const struct flights *flights);

#endif
