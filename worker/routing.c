#include "routing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/log.h"
#include "route.h"

struct routing {
	struct filter *filter;
	struct tasks *out;
};

/* The filters of one event that are asked together. */
struct part {
	struct filter_job job; /* n is 0: nothing is asked */
	struct filter_case *cases;
	const struct config_route **routes;
	struct waiting *waiting;
};

/* An event that waits for its filters. */
struct waiting {
	struct routing *routing;
	struct task *task;     /* the TASK_ROUTE; becomes the last answer */
	struct config *config; /* a reference: routes belong to it */
	struct part fast;
	struct part slow;
	unsigned left; /* parts under way */
	bool let_go;   /* of what is not in the parts */
	bool matched;  /* something, in an earlier answer */
};

/* Targets as they are found: texts belong to the configuration or a case. */
struct found {
	struct store_target *targets;
	unsigned n;
	size_t text_len; /* of all texts with their NULs */
	bool matched;    /* something, in an earlier answer */
};

static void
found_add(struct found *found, const char *route, const char *error)
{
	struct store_target *target = &found->targets[found->n++];

	*target =
	    (struct store_target){.route = route, .state = DELIVERY_PENDING};
	found->text_len += strlen(route) + 1;
	if (error != NULL) {
		target->state = DELIVERY_EXHAUSTED;
		target->reason = "filter_error";
		target->detail = error;
		found->text_len += strlen(error) + 1;
	}
}

static const char *
copy_text(char **p, const char *text)
{
	size_t size = strlen(text) + 1;
	const char *copy = memcpy(*p, text, size);

	*p += size;
	return copy;
}

/* Put what was found into an answer; takes the targets.  0, or -1 without
 * memory: the answer has none. */
static int
fill(struct task *task, struct found *found)
{
	char *p = found->n > 0 ? malloc(found->text_len) : NULL;

	if (found->n > 0 && p == NULL) {
		free(found->targets);
		return -1;
	}
	task->text = p;
	task->targets = found->targets;
	task->n = found->n;
	for (unsigned i = 0; i < task->n; i++) {
		struct store_target *target = &task->targets[i];

		target->route = copy_text(&p, target->route);
		if (target->detail != NULL)
			target->detail = copy_text(&p, target->detail);
	}
	return 0;
}

/* The TASK_ROUTE becomes its last answer: there is always one. */
static void
answer_last(
    struct routing *routing, struct task *task, struct found *found, bool whole)
{
	(void)snprintf(
	    task->source, sizeof(task->source), "%s", task->event->source);
	event_free(task->event);
	task->event = NULL;
	task->kind = TASK_ROUTED;
	task->filtered = false;
	task->whole = fill(task, found) == 0 && whole;
	task->unmatched = task->whole && task->n == 0 && !found->matched;
	tasks_push(routing->out, task);
}

/* One before the last.  -1 without memory: the last must not be whole. */
static int
answer_part(struct routing *routing, int64_t seq, struct found *found)
{
	struct task *task = task_new(TASK_ROUTED);

	if (task == NULL)
		free(found->targets);
	if (task == NULL || fill(task, found) != 0) {
		task_free(task);
		return -1;
	}
	task->seq = seq;
	task->filtered = true;
	tasks_push(routing->out, task);
	return 0;
}

/* ---- events with filters ---- */

static void
part_clear(struct part *part)
{
	for (size_t i = 0; i < part->job.n; i++)
		free(part->cases[i].error);
	free(part->cases);
	free(part->routes);
}

static void
waiting_free(struct waiting *waiting)
{
	if (waiting == NULL)
		return;
	part_clear(&waiting->fast);
	part_clear(&waiting->slow);
	task_free(waiting->task);
	config_unref(waiting->config);
	free(waiting);
}

static int
part_init(struct part *part, struct waiting *waiting, size_t n)
{
	part->cases = calloc(n, sizeof(*part->cases));
	part->routes = calloc(n, sizeof(*part->routes));
	part->waiting = waiting;
	part->job.event = waiting->task->event;
	part->job.cases = part->cases;
	part->job.arg = part;
	return part->cases != NULL && part->routes != NULL ? 0 : -1;
}

/* NULL without memory; the task stays the caller's then. */
static struct waiting *
waiting_new(struct routing *routing, struct task *task, struct config *config)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (waiting == NULL)
		return NULL;
	waiting->routing = routing;
	waiting->task = task;
	waiting->config = config_ref(config);
	if (part_init(&waiting->fast, waiting, config->n_routes) == 0 &&
	    part_init(&waiting->slow, waiting, config->n_routes) == 0)
		return waiting;
	waiting->task = NULL;
	waiting_free(waiting);
	return NULL;
}

static void
part_add(struct part *part, const struct config_route *route)
{
	part->cases[part->job.n].text = route->filter;
	part->routes[part->job.n++] = route;
}

static void
log_error_of(const struct event *event, const struct config_route *route)
{
	char id[EVENT_ID_TEXT_SIZE];

	/* Its text may quote the payload: the attempt record has it. */
	event_id_format(event->id, id);
	log_warn(
	    "filter_error", log_str("id", id), log_str("route", route->name));
}

/* What the filters of a part say.  0, or -1 without memory. */
static int
part_found(const struct part *part, struct found *found)
{
	found->targets = calloc(part->job.n, sizeof(*found->targets));
	if (found->targets == NULL)
		return -1;
	for (size_t i = 0; i < part->job.n; i++) {
		const struct filter_case *c = &part->cases[i];
		const struct config_route *route = part->routes[i];

		if (c->verdict == FILTER_YES) {
			found_add(found, route->name, NULL);
		} else if (c->verdict == FILTER_ERROR) {
			log_error_of(part->job.event, route);
			found_add(found, route->name,
			    c->error != NULL ? c->error : "");
		}
	}
	return 0;
}

/* The helper has answered for one part. */
static void
part_done(void *arg, struct filter_job *job)
{
	const struct part *part = job->arg;
	struct waiting *waiting = part->waiting;
	struct routing *routing = arg;
	struct found found = {0};
	bool good = part_found(part, &found) == 0;

	waiting->left--;
	found.matched = waiting->matched;
	waiting->matched = waiting->matched || found.n > 0;
	if (waiting->left > 0) {
		if (found.n == 0)
			free(found.targets);
		else if (answer_part(routing, waiting->task->seq, &found) != 0)
			good = false;
		waiting->let_go = waiting->let_go || !good;
		return;
	}
	answer_last(routing, waiting->task, &found, good && !waiting->let_go);
	waiting->task = NULL;
	waiting_free(waiting);
}

static void
drop_part(struct filter_job *job)
{
	const struct part *part = job->arg;

	if (--part->waiting->left == 0)
		waiting_free(part->waiting);
}

/* Filters that lately took too long are asked apart, behind all others; when
 * too many wait already, not at all for now. */
static void
split(struct waiting *waiting, const struct route_subject *subject)
{
	const struct config *config = waiting->config;
	const struct filter *filter = waiting->routing->filter;
	bool slow_too = waiting->task->filtered ||
			filter_queued_slow(filter) < ROUTING_SLOW_MAX;

	for (size_t i = 0; i < config->n_routes; i++) {
		const struct config_route *route = &config->routes[i];

		if (route->filter == NULL ||
		    route_match(route, subject).why != ROUTE_MATCHES)
			continue;
		if (!filter_is_slow(filter, route->filter))
			part_add(&waiting->fast, route);
		else if (slow_too)
			part_add(&waiting->slow, route);
		else
			waiting->let_go = true;
	}
}

static void
submit(struct waiting *waiting)
{
	struct filter *filter = waiting->routing->filter;
	struct found none = {.matched = waiting->matched};

	waiting->left = waiting->fast.job.n > 0 ? 1 : 0;
	waiting->left += waiting->slow.job.n > 0 ? 1 : 0;
	if (waiting->left == 0) {
		answer_last(
		    waiting->routing, waiting->task, &none, !waiting->let_go);
		waiting->task = NULL;
		waiting_free(waiting);
		return;
	}
	if (waiting->fast.job.n > 0)
		filter_submit(filter, &waiting->fast.job, false);
	if (waiting->slow.job.n > 0)
		filter_submit(filter, &waiting->slow.job, true);
}

/* `found` are the routes without a filter. */
static void
take_filtered(struct routing *routing, struct task *task, struct config *config,
    struct found *found)
{
	const struct route_subject subject = {
	    task->event->source, task->event->type, task->event->probe};
	unsigned queued = filter_queued(routing->filter);
	struct waiting *waiting = NULL;

	if (task->filtered || queued < ROUTING_QUEUE_MAX)
		waiting = waiting_new(routing, task, config);
	if (waiting == NULL) {
		answer_last(routing, task, found, false);
		return;
	}
	waiting->matched = found->matched || found->n > 0;
	if (found->n == 0 && queued < ROUTING_QUEUE_SHORT)
		free(found->targets);
	else if (answer_part(routing, task->seq, found) != 0)
		waiting->let_go = true;
	split(waiting, &subject);
	submit(waiting);
}

/* ---- from outside ---- */

void
routing_take(struct routing *routing, struct task *task, struct config *config)
{
	const struct route_subject subject = {
	    task->event->source, task->event->type, task->event->probe};
	struct found found = {0};
	bool filters = false;

	found.targets = calloc(config->n_routes + 1, sizeof(*found.targets));
	if (found.targets == NULL) {
		answer_last(routing, task, &found, false);
		return;
	}
	for (size_t i = 0; i < config->n_routes; i++) {
		const struct config_route *route = &config->routes[i];

		if (route_match(route, &subject).why != ROUTE_MATCHES)
			continue;
		if (route->filter != NULL)
			filters = true;
		else if (task->filtered)
			found.matched = true;
		else
			found_add(&found, route->name, NULL);
	}
	if (filters)
		take_filtered(routing, task, config, &found);
	else
		answer_last(routing, task, &found, true);
}

struct routing *
routing_open(struct spawn *spawn, struct tasks *out)
{
	struct routing *routing = calloc(1, sizeof(*routing));

	if (routing == NULL) {
		log_error("no_memory", log_str("for", "routing"));
		return NULL;
	}
	routing->out = out;
	routing->filter = filter_open(spawn, part_done, routing);
	if (routing->filter == NULL) {
		free(routing);
		return NULL;
	}
	return routing;
}

void
routing_close(struct routing *routing)
{
	if (routing == NULL)
		return;
	filter_close(routing->filter, drop_part);
	free(routing);
}

struct filter *
routing_filter(const struct routing *routing)
{
	return routing->filter;
}
