/* What the dispatcher decided: into the store, and what follows from it. */

#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "own.h"
#include "server_impl.h"

enum { DAY_MS = 86400000 };

/* Compared by address. */
static const char overflow[] = "overflow";

/* ---- what follows a commit ---- */

static void
want_due(struct server *s, const char *route)
{
	struct after *after = &s->after;
	size_t cap = after->cap_due ? after->cap_due * 2 : 16, i;
	char(*grown)[CONFIG_NAME_MAX + 1];

	for (i = 0; i < after->n_due; i++)
		if (strcmp(after->due[i], route) == 0)
			return;
	if (after->n_due == after->cap_due) {
		grown = realloc(after->due, cap * sizeof(*grown));
		if (grown == NULL)
			return; /* the next beat asks for every route */
		after->due = grown;
		after->cap_due = cap;
	}
	(void)memccpy(
	    after->due[after->n_due++], route, '\0', CONFIG_NAME_MAX + 1);
}

static void
want_task(struct server *s, struct task *task)
{
	struct after *after = &s->after;

	if (after->deliver == NULL)
		after->deliver_tail = &after->deliver;
	*after->deliver_tail = task;
	after->deliver_tail = &task->next;
}

static void
send_due(struct server *s, const char *route)
{
	struct task *task = task_new(TASK_DUE);

	if (task == NULL)
		return;
	(void)memccpy(task->route, route, '\0', sizeof(task->route));
	if (s->ops->next_due(s->store, route, &task->due_ms) != STORE_OK)
		task_free(task);
	else
		dispatch_push(s->dispatch, task);
}

void
apply_due(struct server *s, const char *route)
{
	size_t i;

	if (s->dispatch == NULL)
		return;
	if (route != NULL) {
		send_due(s, route);
		return;
	}
	for (i = 0; i < s->config->n_routes; i++)
		send_due(s, s->config->routes[i].name);
}

/* ---- the kinds of tasks ---- */

/* The counts of a route as of the last beat, with those it was given since as
 * `pending`; NULL without memory. */
static struct store_count *
open_count(struct server *s, const char *route)
{
	struct store_count *counts;
	size_t i;

	for (i = 0; i < s->n_counts; i++)
		if (strcmp(s->counts[i].route, route) == 0)
			return &s->counts[i];
	counts = realloc(s->counts, (s->n_counts + 1) * sizeof(*counts));
	if (counts == NULL)
		return NULL;
	s->counts = counts;
	counts += s->n_counts++;
	*counts = (struct store_count){0};
	(void)memccpy(counts->route, route, '\0', sizeof(counts->route));
	return counts;
}

static int64_t
open_deliveries(const struct store_count *count)
{
	return count->n[DELIVERY_PENDING] + count->n[DELIVERY_RUNNING] +
	       count->n[DELIVERY_WAITING];
}

/* A route whose queue is at its limit gets dead letters instead. */
static void
limit_targets(struct server *s, struct store_target *targets, unsigned n)
{
	const struct config_route *route;
	struct store_count *count;
	unsigned i;

	for (i = 0; i < n; i++) {
		route = config_route(s->config, targets[i].route);
		if (route == NULL || route->max_pending == 0 ||
		    targets[i].state != DELIVERY_PENDING)
			continue;
		count = open_count(s, route->name);
		if (count == NULL)
			continue;
		if (open_deliveries(count) < route->max_pending) {
			count->n[DELIVERY_PENDING]++;
			continue;
		}
		targets[i].state = DELIVERY_EXHAUSTED;
		targets[i].reason = overflow;
		targets[i].detail = "the route holds max_pending";
	}
}

static void
follow_targets(struct server *s, const struct store_target *targets, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (targets[i].state == DELIVERY_EXHAUSTED)
			s->feed.letters = true;
		else
			want_due(s, targets[i].route);
	}
}

static unsigned
count_overflows(const struct store_target *targets, unsigned n)
{
	unsigned overflows = 0, i;

	for (i = 0; i < n; i++)
		overflows += targets[i].reason == overflow;
	return overflows;
}

enum store_result
apply_targets(struct server *s, int64_t seq, struct direct_targets *targets,
    unsigned *overflows)
{
	enum store_result result;

	limit_targets(s, targets->items, targets->n);
	result = s->ops->route(s->store, seq, targets->items, targets->n, true);
	if (result != STORE_OK)
		return result;
	follow_targets(s, targets->items, targets->n);
	*overflows = count_overflows(targets->items, targets->n);
	return STORE_OK;
}

static enum store_result
apply_routed(struct server *s, struct task *task)
{
	enum store_result result;

	limit_targets(s, task->targets, task->n);
	result = s->ops->route(
	    s->store, task->seq, task->targets, task->n, task->whole);
	if (result == STORE_OK)
		follow_targets(s, task->targets, task->n);
	return result;
}

/* The longest a delivery of this route can rightly wait. */
static int64_t
horizon_ms(const struct server *s, const char *name)
{
	const struct config_route *route = config_route(s->config, name);
	int64_t most = DAY_MS;
	size_t i;

	if (route == NULL)
		return most;
	if (route->backoff_max_ms > most)
		most = route->backoff_max_ms;
	for (i = 0; i < route->n_schedule; i++)
		if (route->schedule_ms[i] > most)
			most = route->schedule_ms[i];
	return most * 2; /* jitter */
}

static enum store_result
apply_claim(struct server *s, struct task *task)
{
	const struct store_claim what = {.route = task->route,
	    .n = task->n,
	    .now_ms = clock_wall_ms(),
	    .horizon_ms = horizon_ms(s, task->route)};
	struct store_delivery *list = NULL, *next;
	enum store_result result;
	struct task *answer;
	unsigned n = 0;

	result = s->ops->claim(s->store, &what, &list);
	for (; list != NULL; list = next, n++) {
		next = list->next;
		list->next = NULL;
		if ((answer = task_new(TASK_DELIVER)) == NULL) {
			/* It stays `running`; the next start takes it up. */
			log_error("delivery_not_started",
			    log_str("route", task->route),
			    log_str("reason", "no memory"));
			store_delivery_free(list);
			continue;
		}
		answer->delivery = list;
		want_task(s, answer);
	}
	if (result != STORE_OK)
		return result;
	if ((answer = task_new(TASK_CLAIMED)) == NULL)
		return STORE_FULL; /* without memory: rolled back, tried again
				    */
	(void)memccpy(answer->route, task->route, '\0', sizeof(answer->route));
	answer->n = n;
	want_task(s, answer);
	return STORE_OK;
}

static enum store_result
apply_settle(struct server *s, struct task *task)
{
	enum store_result result = s->ops->settle(s->store, &task->settle);

	if (result == STORE_OK && task->settle.state == DELIVERY_EXHAUSTED)
		s->feed.letters = true;
	else if (result == STORE_OK && task->settle.state != DELIVERY_DELIVERED)
		want_due(s, task->settle.route);
	return result;
}

static enum store_result
apply_buried(struct server *s, struct task *task)
{
	return s->ops->bury(s->store, task->seq, task->route, task->replay);
}

static enum store_result
apply_stopped(struct server *s, struct task *task)
{
	s->stopped = true;
	if (task->failed)
		s->failed = true;
	return STORE_OK;
}

static enum store_result (*const appliers[TASK__MAX])(
    struct server *s, struct task *task) = {
    [TASK_ROUTED] = apply_routed,
    [TASK_CLAIM] = apply_claim,
    [TASK_SETTLE] = apply_settle,
    [TASK_BURIED] = apply_buried,
    [TASK_STOPPED] = apply_stopped,
};

enum store_result
apply_tasks(struct server *s)
{
	enum store_result result = STORE_OK;
	struct task *task;

	for (task = s->kept; task != NULL && result == STORE_OK;
	     task = task->next)
		if (appliers[task->kind] != NULL)
			result = appliers[task->kind](s, task);
	return result;
}

/* ---- after the batch ---- */

static void
count_routed(struct server *s, const struct task *task)
{
	if (task->unmatched)
		stats_unmatched(s->stats, task->source);
	stats_beyond(s->stats, STATS_LIMIT_MAX_PENDING,
	    count_overflows(task->targets, task->n));
}

static void
count_task(struct server *s, const struct task *task)
{
	bool delivered = task->settle.state == DELIVERY_DELIVERED;

	if (task->kind == TASK_ROUTED) {
		count_routed(s, task);
	} else if (task->kind == TASK_CONFIRMED) {
		stats_confirmed(s->stats, task->source, !task->failed);
	} else if (task->kind == TASK_BURIED) {
		stats_dead(s->stats, task->route);
		trail_note(s->trail, task);
	} else if (task->kind == TASK_SETTLE && task->settle.attempt != NULL) {
		stats_attempt(
		    s->stats, task->route, delivered, task->settle.attempt);
		if (own_is(task->delivery->event))
			stats_own_attempt(s->stats, task->route, delivered);
		trail_note(s->trail, task);
	}
}

static void
let_go(struct server *s)
{
	struct task *task, *next;

	for (task = s->kept; task != NULL; task = next) {
		next = task->next;
		count_task(s, task);
		if (task->kind == TASK_ROUTED)
			feed_answered(s, task);
		else if (task->kind == TASK_BURIED && s->feed.letters_held > 0)
			s->feed.letters_held--;
		task_free(task);
	}
	s->kept = NULL;
}

void
apply_finish(struct server *s)
{
	struct after *after = &s->after;
	struct task *task;
	size_t i;

	let_go(s);
	for (task = after->deliver; task != NULL; task = task->next)
		if (task->kind == TASK_CLAIMED &&
		    s->ops->next_due(s->store, task->route, &task->due_ms) !=
			STORE_OK)
			task->due_ms = clock_wall_ms() + BEAT_MS;
	if (after->deliver != NULL)
		dispatch_push_all(s->dispatch, after->deliver);
	after->deliver = NULL;
	for (i = 0; i < after->n_due; i++)
		send_due(s, after->due[i]);
	after->n_due = 0;
}

void
apply_forget(struct server *s)
{
	struct task *task, *next;

	for (task = s->after.deliver; task != NULL; task = next) {
		next = task->next;
		task_free(task);
	}
	s->after.deliver = NULL;
	s->after.n_due = 0;
}
