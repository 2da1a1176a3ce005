#include "lane.h"

#include <stdlib.h>
#include <string.h>

#include "tasks.h"

static int64_t
min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void
lanes_clear(struct lanes *lanes)
{
	struct task *task;

	for (size_t i = 0; i < lanes->n; i++) {
		while ((task = lane_next(lanes->items[i])) != NULL)
			task_free(task);
		free(lanes->items[i]);
	}
	free(lanes->items);
	free(lanes->live);
	*lanes = (struct lanes){0};
}

/* Where the lane of that name is or belongs. */
static size_t
place(const struct lanes *lanes, const char *name)
{
	size_t low = 0, high = lanes->n, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (strcmp(lanes->items[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Room for one more in both lists. */
static int
grow(struct lanes *lanes)
{
	struct lane **grown;

	grown = reallocarray(lanes->items, lanes->n + 1, sizeof(*grown));
	if (grown == NULL)
		return -1;
	lanes->items = grown;
	grown = reallocarray(lanes->live, lanes->n + 1, sizeof(*grown));
	if (grown == NULL)
		return -1;
	lanes->live = grown;
	return 0;
}

struct lane *
lanes_get(struct lanes *lanes, const char *name)
{
	size_t at = place(lanes, name);
	struct lane *lane;

	if (at < lanes->n && strcmp(lanes->items[at]->name, name) == 0)
		return lanes->items[at];
	if (grow(lanes) != 0 || (lane = calloc(1, sizeof(*lane))) == NULL)
		return NULL;
	(void)memccpy(lane->name, name, '\0', sizeof(lane->name));
	lane->due_ms = lane->noted_ms = INT64_MAX;
	lane->all = lanes;
	memmove(lanes->items + at + 1, lanes->items + at,
	    (lanes->n - at) * sizeof(struct lane *));
	lanes->items[at] = lane;
	lanes->n++;
	return lane;
}

/* Unless there is nothing to do for it. */
static void
list(struct lane *lane)
{
	struct lanes *lanes = lane->all;

	if (lane->live || (lane->due_ms == INT64_MAX && lane->n_ready == 0))
		return;
	lane->live = true;
	lanes->live[lanes->n_live++] = lane;
}

static void
list_anew(struct lanes *lanes, struct lane *const *among, size_t n)
{
	lanes->n_live = 0;
	for (size_t i = 0; i < n; i++) {
		among[i]->live = false;
		list(among[i]);
	}
}

size_t
lanes_turn(struct lanes *lanes)
{
	list_anew(lanes, lanes->live, lanes->n_live);
	lanes->turn++;
	return lanes->n_live;
}

struct lane *
lanes_live(const struct lanes *lanes, size_t i, size_t n)
{
	return lanes->live[(lanes->turn + i) % n];
}

/* Forget lanes that have no route and nothing under way. */
static void
forget_idle(struct lanes *lanes)
{
	size_t kept = 0;

	for (size_t i = 0; i < lanes->n; i++) {
		struct lane *lane = lanes->items[i];

		if (lane->route == NULL && lane->running == 0 &&
		    lane->n_ready == 0 && !lane->claiming && !lane->paused)
			free(lane);
		else
			lanes->items[kept++] = lane;
	}
	lanes->n = kept;
	list_anew(lanes, lanes->items, kept);
}

int
lanes_set(struct lanes *lanes, const struct config *config)
{
	struct lane *lane;
	int result = 0;

	for (size_t i = 0; i < lanes->n; i++)
		lanes->items[i]->route = NULL;
	for (size_t i = 0; i < config->n_routes; i++) {
		lane = lanes_get(lanes, config->routes[i].name);
		if (lane == NULL)
			result = -1;
		else
			lane->route = &config->routes[i];
	}
	forget_idle(lanes);
	return result;
}

void
lane_due(
    struct lane *lane, int64_t due_wall_ms, int64_t wall_ms, int64_t boot_ms)
{
	int64_t *due = lane->claiming ? &lane->noted_ms : &lane->due_ms;
	int64_t wait;

	if (due_wall_ms == INT64_MAX)
		return;
	wait = due_wall_ms > wall_ms ? due_wall_ms - wall_ms : 0;
	*due = min64(*due, boot_ms + min64(wait, LANE_LOOK_MS));
	list(lane);
}

static bool
is_program(const struct lane *lane)
{
	return lane->route->dest == CONFIG_DEST_RUN;
}

/* Slots that are free; each route may always run one program. */
static unsigned
free_slots(const struct lanes *lanes, const struct lane *lane)
{
	unsigned used = lane->running + lane->asked, free, all;

	if (lane->route == NULL || (int64_t)used >= lane->route->concurrency)
		return 0;
	free = (unsigned)min64(
	    lane->route->concurrency - (int64_t)used, LANE_CLAIM_MAX);
	if (!is_program(lane))
		return free;
	all = lanes->programs < lanes->max_running
		  ? lanes->max_running - lanes->programs
		  : 0;
	if (all == 0 && used == 0)
		all = 1;
	return free < all ? free : all;
}

/* What all its slots make in LANE_AHEAD_MS. */
static unsigned
ahead(const struct lane *lane)
{
	int64_t n;

	if (lane->took_ms == 0)
		return 0;
	n = lane->route->concurrency * (LANE_AHEAD_MS / lane->took_ms);
	return (unsigned)min64(n, LANE_AHEAD_MAX);
}

static bool
may_claim(const struct lane *lane)
{
	return lane->route != NULL && lane->route->enabled && !lane->paused &&
	       !lane->claiming;
}

/* How many could be claimed. */
static unsigned
room(const struct lanes *lanes, const struct lane *lane)
{
	unsigned more, all;

	if (!may_claim(lane))
		return 0;
	more = ahead(lane);
	if (lane->n_ready > more / 2 || lane->ready_bytes > LANE_AHEAD_BYTES)
		return 0;
	all = free_slots(lanes, lane) + more;
	all = all > lane->n_ready ? all - lane->n_ready : 0;
	return all < LANE_CLAIM_MAX ? all : LANE_CLAIM_MAX;
}

unsigned
lane_wants(const struct lanes *lanes, const struct lane *lane, int64_t boot_ms)
{
	return lane->due_ms <= boot_ms ? room(lanes, lane) : 0;
}

void
lane_claim(struct lanes *lanes, struct lane *lane, unsigned n)
{
	unsigned slots = free_slots(lanes, lane);

	/* those that stand ready take theirs first */
	slots = slots > lane->n_ready ? slots - lane->n_ready : 0;
	lane->claiming = true;
	lane->asked = n < slots ? n : slots;
	lane->asked_programs = is_program(lane);
	lane->due_ms = lane->noted_ms = INT64_MAX;
	if (lane->asked_programs)
		lanes->programs += lane->asked;
}

/* One slot less is kept for the claim. */
static void
release(struct lanes *lanes, struct lane *lane)
{
	lane->asked--;
	if (lane->asked_programs)
		lanes->programs--;
}

bool
lane_came(struct lanes *lanes, struct lane *lane)
{
	bool kept = lane->asked > 0;

	if (kept)
		release(lanes, lane);
	return kept;
}

static size_t
body_bytes(const struct task *task)
{
	return task->delivery != NULL && task->delivery->event != NULL
		   ? task->delivery->event->body_len
		   : 0;
}

void
lane_stand(struct lane *lane, struct task *task)
{
	if (lane->ready == NULL)
		lane->ready_tail = &lane->ready;
	*lane->ready_tail = task;
	lane->ready_tail = &task->next;
	lane->n_ready++;
	lane->ready_bytes += body_bytes(task);
	list(lane);
}

bool
lane_has_slot(const struct lanes *lanes, const struct lane *lane)
{
	return free_slots(lanes, lane) > 0;
}

struct task *
lane_next(struct lane *lane)
{
	struct task *task = lane->ready;

	if (task == NULL)
		return NULL;
	lane->ready = task->next;
	lane->n_ready--;
	lane->ready_bytes -= body_bytes(task);
	task->next = NULL;
	return task;
}

void
lane_start(struct lanes *lanes, struct lane *lane, bool program)
{
	lane->running++;
	if (program)
		lanes->programs++;
}

void
lane_end(struct lanes *lanes, struct lane *lane, bool program)
{
	lane->running--;
	if (program)
		lanes->programs--;
}

void
lane_took(struct lane *lane, int64_t ms)
{
	int64_t took = max64(ms, 1);

	lane->took_ms =
	    lane->took_ms == 0 ? took : (3 * lane->took_ms + took + 2) / 4;
}

void
lane_claimed(struct lanes *lanes, struct lane *lane)
{
	while (lane->asked > 0)
		release(lanes, lane);
	lane->claiming = false;
	lane->due_ms = min64(lane->due_ms, lane->noted_ms);
	lane->noted_ms = INT64_MAX;
	list(lane);
}

int64_t
lanes_due_ms(const struct lanes *lanes)
{
	int64_t due = INT64_MAX;

	for (size_t i = 0; i < lanes->n_live; i++)
		if (room(lanes, lanes->live[i]) > 0)
			due = min64(due, lanes->live[i]->due_ms);
	return due;
}

void
lane_pause(struct lane *lane, bool paused, int64_t wall_ms)
{
	struct lane_pause *last;

	if (lane->paused == paused)
		return;
	lane->paused = paused;
	if (!paused) {
		lane->pauses[lane->n_pauses - 1].to_ms = wall_ms;
		return;
	}
	if (lane->n_pauses == LANE_PAUSES) {
		memmove(lane->pauses, lane->pauses + 1,
		    (LANE_PAUSES - 1) * sizeof(lane->pauses[0]));
		lane->n_pauses--;
	}
	last = &lane->pauses[lane->n_pauses++];
	last->from_ms = wall_ms;
	last->to_ms = INT64_MAX;
}

int64_t
lane_paused_ms(
    const struct lane *lane, int64_t from_wall_ms, int64_t to_wall_ms)
{
	int64_t sum = 0, from, to;

	for (unsigned i = 0; i < lane->n_pauses; i++) {
		from = max64(lane->pauses[i].from_ms, from_wall_ms);
		to = min64(lane->pauses[i].to_ms, to_wall_ms);
		sum += to > from ? to - from : 0;
	}
	return sum;
}
