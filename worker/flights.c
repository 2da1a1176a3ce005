#include "flights.h"

#include <sys/random.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "dest.h"
#include "settle.h"

enum { KINDS = 2 };

/* An attempt under way. */
struct flight {
	struct flight *next;
	struct store_delivery *delivery;
	struct task *task; /* the TASK_SETTLE it will end in */
	bool program;
};

struct flights {
	struct dest *dests[KINDS]; /* by enum config_dest */
	struct lanes *lanes;
	struct outbox *out;
	struct flight *first;
};

/* ---- the end of attempts ---- */

/* One that could not even be started needs a person. */
static void
log_failed(const struct task *task, const struct store_delivery *delivery,
    const char *id)
{
	const struct store_settle *settle = &task->settle;
	const char *outcome = task->attempt.outcome;
	char next[CLOCK_TEXT_SIZE] = "";

	if (settle->state == DELIVERY_WAITING)
		clock_format(settle->due_ms, next);
	log_at(strcmp(outcome, "exec_failed") == 0 ? LOG_LEVEL_ERROR
						   : LOG_LEVEL_WARN,
	    "failed", log_str("id", id), log_str("route", task->route),
	    log_int("attempt", delivery->attempt), log_str("outcome", outcome),
	    log_int("ms", task->attempt.ms), log_str("next", next),
	    log_str("last", task->attempt.detail));
}

static void
log_settled(const struct task *task, const struct store_delivery *delivery)
{
	const struct store_settle *settle = &task->settle;
	char id[EVENT_ID_TEXT_SIZE];

	event_id_format(delivery->event->id, id);
	if (settle->state == DELIVERY_DELIVERED)
		log_info("delivered", log_str("id", id),
		    log_str("route", task->route),
		    log_int("attempt", delivery->attempt),
		    log_int("ms", task->attempt.ms));
	else if (settle->state == DELIVERY_WAITING ||
		 settle->state == DELIVERY_EXHAUSTED)
		log_failed(task, delivery, id);
	else
		log_info("attempt_cut", log_str("id", id),
		    log_str("route", task->route),
		    log_int("attempt", delivery->attempt));
}

/* Count failures in a row, and say when a route begins or ends to fail. */
static void
note_health(struct lane *lane, enum delivery_state state)
{
	if (state == DELIVERY_DELIVERED) {
		if (lane->failures >= LANE_FAILING)
			log_info(
			    "route_recovered", log_str("route", lane->name));
		lane->failures = 0;
	} else if (state != DELIVERY_PENDING && lane->failures < UINT_MAX) {
		if (++lane->failures == LANE_FAILING)
			log_error("route_failing", log_str("route", lane->name),
			    log_int("failures", lane->failures));
	}
}

/* What ended well can wait where the lane claims again before long. */
static void
push_settle(struct flights *f, struct lane *lane, struct task *task)
{
	const struct store_settle *settle = &task->settle;
	bool may_wait = lane != NULL && lane->n_ready > 0 &&
			settle->state == DELIVERY_DELIVERED;

	if (lane != NULL && (settle->state == DELIVERY_WAITING ||
				settle->state == DELIVERY_PENDING))
		lane_due(lane, settle->due_ms, settle->now_ms, clock_boot_ms());
	outbox_put(f->out, task, may_wait);
}

static struct flight *
take_flight(struct flights *f, const struct store_delivery *delivery)
{
	struct flight **link = &f->first, *flight;

	while ((*link)->delivery != delivery)
		link = &(*link)->next;
	flight = *link;
	*link = flight->next;
	return flight;
}

/* An attempt is over. */
static void
on_done(void *arg, struct store_delivery *delivery,
    const struct dest_outcome *outcome)
{
	struct flights *f = arg;
	struct flight *flight = take_flight(f, delivery);
	/* It was made before the flight, so it is there. */
	struct lane *lane = lanes_get(f->lanes, delivery->route);
	struct settle_facts facts = {.now_ms = clock_wall_ms()};
	struct task *task = flight->task;

	/* for the time of the next attempt alone */
	if (outcome->verdict == DEST_RETRY &&
	    getrandom(&facts.random, sizeof(facts.random), GRND_NONBLOCK) !=
		sizeof(facts.random))
		facts.random = (uint32_t)facts.now_ms;
	if (lane != NULL) {
		facts.route = lane->route;
		facts.paused_ms =
		    lane_paused_ms(lane, delivery->first_at_ms, facts.now_ms);
		lane_end(f->lanes, lane, flight->program);
	}
	settle_attempt(task, delivery, outcome, &facts);
	if (lane != NULL) {
		lane_took(lane, task->attempt.ms);
		note_health(lane, task->settle.state);
	}
	log_settled(task, delivery);
	push_settle(f, lane, task);
	free(flight);
}

/* ---- their beginning ---- */

/* Back to the store: it was not tried. */
static void
give_back(
    struct flights *f, struct lane *lane, struct task *task, int64_t wait_ms)
{
	struct store_delivery *delivery = task->delivery;
	int64_t now = clock_wall_ms();

	task->kind = TASK_SETTLE;
	task->delivery = NULL;
	settle_untried(task, delivery, now, now + wait_ms);
	push_settle(f, lane, task);
}

static bool
may_start(const struct lane *lane)
{
	return lane->route != NULL && lane->route->enabled && !lane->paused;
}

/* 0, or -1: nothing was started, the delivery stays the task's. */
static int
start(struct flights *f, struct lane *lane, struct task *task)
{
	const struct config_route *route = lane->route;
	struct flight *flight = calloc(1, sizeof(*flight));

	if (flight == NULL)
		return -1;
	flight->delivery = task->delivery;
	flight->task = task;
	flight->program = route->dest == CONFIG_DEST_RUN;
	flight->next = f->first;
	f->first = flight;
	/* The task becomes the TASK_SETTLE; start() may end the attempt. */
	task->kind = TASK_SETTLE;
	task->delivery = NULL;
	lane_start(f->lanes, lane, flight->program);
	if (dest_pick(route->dest)
		->start(f->dests[route->dest], route, flight->delivery) == 0)
		return 0;
	lane_end(f->lanes, lane, flight->program);
	task->delivery = flight->delivery;
	free(take_flight(f, flight->delivery));
	return -1;
}

/* Make its attempt, or give it back. */
static void
begin(struct flights *f, struct lane *lane, struct task *task, bool starting)
{
	if (!starting || !may_start(lane))
		give_back(f, lane, task, 0);
	else if (start(f, lane, task) != 0)
		give_back(f, lane, task, SETTLE_AGAIN_MS);
}

void
flights_take(struct flights *f, struct task *task, bool starting)
{
	struct lane *lane = lanes_get(f->lanes, task->delivery->route);

	if (lane == NULL)
		give_back(f, NULL, task, SETTLE_AGAIN_MS);
	else if (lane_came(f->lanes, lane))
		begin(f, lane, task, starting);
	else
		lane_stand(lane, task);
}

void
flights_next(struct flights *f, struct lane *lane, bool starting)
{
	bool may = starting && may_start(lane);
	struct task *task;

	while ((!may || lane_has_slot(f->lanes, lane)) &&
	       (task = lane_next(lane)) != NULL)
		begin(f, lane, task, starting);
}

/* ---- all of them ---- */

struct flights *
flights_open(
    const struct flights_means *means, struct lanes *lanes, struct outbox *out)
{
	struct flights *f = calloc(1, sizeof(*f));
	const struct dest_context context = {.spawn = means->spawn,
	    .others = means->others,
	    .multi = means->multi,
	    .done = on_done,
	    .arg = f};

	if (f == NULL) {
		log_error("no_memory", log_str("for", "flights"));
		return NULL;
	}
	f->lanes = lanes;
	f->out = out;
	for (int i = 0; i < KINDS; i++) {
		f->dests[i] = dest_pick((enum config_dest)i)->open(&context);
		if (f->dests[i] == NULL) {
			flights_close(f);
			return NULL;
		}
	}
	return f;
}

void
flights_close(struct flights *f)
{
	struct flight *flight;

	if (f == NULL)
		return;
	/* The deliveries are freed by their destinations. */
	for (int i = 0; i < KINDS; i++)
		dest_pick((enum config_dest)i)->close(f->dests[i]);
	while ((flight = f->first) != NULL) {
		f->first = flight->next;
		task_free(flight->task);
		free(flight);
	}
	free(f);
}

bool
flights_ready(struct flights *f)
{
	bool any = false;

	for (int i = 0; i < KINDS; i++) {
		const struct dest_ops *ops = dest_pick((enum config_dest)i);

		if (ops->ready != NULL && ops->ready(f->dests[i]))
			any = true;
	}
	return any;
}

void
flights_cut(struct flights *f)
{
	for (int i = 0; i < KINDS; i++)
		dest_pick((enum config_dest)i)->cut(f->dests[i]);
}

bool
flights_any(const struct flights *f)
{
	return f->first != NULL;
}
