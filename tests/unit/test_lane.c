#include <stdio.h>
#include <string.h>

#include "../../worker/lane.h"
#include "../../worker/tasks.h"
#include "support.h"

enum { ROUTES = 3, MAX_RUNNING = 4, WALL = 1000000, BOOT = 5000 };

struct set {
	struct config config;
	struct config_route routes[ROUTES];
	char names[ROUTES][2];
	struct lanes lanes;
};

/* Routes a, b and c: programs, concurrency 3; something is due on each. */
static void
set_init(struct set *set)
{
	memset(set, 0, sizeof(*set));
	set->config.routes = set->routes;
	set->config.n_routes = ROUTES;
	for (int i = 0; i < ROUTES; i++) {
		set->names[i][0] = (char)('a' + i);
		set->routes[i] = (struct config_route){.name = set->names[i],
		    .dest = CONFIG_DEST_RUN,
		    .concurrency = 3,
		    .enabled = true};
	}
	assert_int_equal(lanes_set(&set->lanes, &set->config), 0);
	set->lanes.max_running = MAX_RUNNING;
	for (int i = 0; i < ROUTES; i++)
		lane_due(set->lanes.items[i], WALL, WALL, BOOT);
}

/* A claimed delivery comes: whether it is started. */
static bool
come(struct set *set, struct lane *lane)
{
	struct task *task;

	if (lane_came(&set->lanes, lane)) {
		lane_start(&set->lanes, lane, true);
		return true;
	}
	task = task_new(TASK_DELIVER);
	assert_non_null(task);
	lane_stand(lane, task);
	return false;
}

static unsigned
wants(const struct set *set, int i)
{
	return lane_wants(&set->lanes, set->lanes.items[i], BOOT);
}

static void
test_slots(void **state)
{
	struct set set;
	struct lane *a, *b, *c;

	(void)state;
	set_init(&set);
	a = set.lanes.items[0];
	b = set.lanes.items[1];
	c = set.lanes.items[2];
	assert_int_equal(wants(&set, 0), 3);
	lane_claim(&set.lanes, a, 3);
	/* One claim at a time; one slot is left of four. */
	lane_due(a, WALL, WALL, BOOT);
	assert_int_equal(wants(&set, 0), 0);
	assert_int_equal(wants(&set, 1), 1);
	lane_claim(&set.lanes, b, 1);
	/* None is left, but each route may run one. */
	assert_int_equal(wants(&set, 2), 1);
	lane_claim(&set.lanes, c, 1);
	assert_int_equal(set.lanes.programs, 5);
	/* a's claim gave one: two slots come back. */
	assert_true(come(&set, a));
	assert_int_equal(set.lanes.programs, 5);
	lane_claimed(&set.lanes, a);
	assert_int_equal(set.lanes.programs, 3);
	assert_int_equal(wants(&set, 0), 1);
	lane_end(&set.lanes, a, true);
	assert_int_equal(set.lanes.programs, 2);
	assert_int_equal(wants(&set, 0), 2);
	/* Posts take no slot of programs. */
	set.routes[0].dest = CONFIG_DEST_POST;
	set.routes[0].concurrency = 2 * LANE_CLAIM_MAX;
	assert_int_equal(wants(&set, 0), LANE_CLAIM_MAX);
	lane_claim(&set.lanes, a, LANE_CLAIM_MAX);
	assert_int_equal(set.lanes.programs, 2);
	lanes_clear(&set.lanes);
}

static void
test_who_may(void **state)
{
	struct set set;
	struct lane *a;

	(void)state;
	set_init(&set);
	a = set.lanes.items[0];
	lane_pause(a, true, WALL);
	assert_int_equal(wants(&set, 0), 0);
	lane_pause(a, false, WALL);
	assert_int_equal(wants(&set, 0), 3);
	set.routes[0].enabled = false;
	assert_int_equal(wants(&set, 0), 0);
	set.routes[0].enabled = true;
	/* Its route is gone: forgotten, unless something is under way. */
	lane_claim(&set.lanes, a, 1);
	set.config.routes = set.routes + 1;
	set.config.n_routes = 1;
	assert_int_equal(lanes_set(&set.lanes, &set.config), 0);
	assert_int_equal(set.lanes.n, 2);
	assert_null(a->route);
	assert_int_equal(wants(&set, 0), 0);
	lane_claimed(&set.lanes, a);
	assert_int_equal(lanes_set(&set.lanes, &set.config), 0);
	assert_int_equal(set.lanes.n, 1);
	assert_string_equal(set.lanes.items[0]->name, "b");
	lanes_clear(&set.lanes);
}

static void
test_due(void **state)
{
	struct set set;
	struct lane *a;

	(void)state;
	set_init(&set);
	a = set.lanes.items[0];
	lane_claim(&set.lanes, a, 1);
	/* Told while the claim is out: not forgotten by its end. */
	lane_due(a, WALL + 700, WALL, BOOT);
	lane_due(a, INT64_MAX, WALL, BOOT);
	lane_claimed(&set.lanes, a);
	lane_due(a, WALL + 900, WALL, BOOT);
	assert_int_equal(a->due_ms, BOOT + 700);
	assert_int_equal(lane_wants(&set.lanes, a, BOOT + 699), 0);
	assert_int_equal(lane_wants(&set.lanes, a, BOOT + 700), 3);
	/* Far away by the wall clock, which may be wrong: looked at again. */
	lane_claim(&set.lanes, a, 1);
	lane_claimed(&set.lanes, a);
	assert_int_equal(a->due_ms, INT64_MAX);
	lane_due(a, INT64_MAX - 1, WALL, BOOT);
	assert_int_equal(a->due_ms, BOOT + LANE_LOOK_MS);
	/* The next one of all that have a slot. */
	assert_int_equal(lanes_due_ms(&set.lanes), BOOT);
	lanes_clear(&set.lanes);
}

static void
test_paused_time(void **state)
{
	struct lane lane = {0};

	(void)state;
	lane_pause(&lane, true, 100);
	lane_pause(&lane, true, 150); /* it is already */
	lane_pause(&lane, false, 200);
	lane_pause(&lane, true, 300);
	assert_int_equal(lane_paused_ms(&lane, 0, 1000), 100 + 700);
	assert_int_equal(lane_paused_ms(&lane, 150, 350), 50 + 50);
	assert_int_equal(lane_paused_ms(&lane, 200, 300), 0);
	lane_pause(&lane, false, 400);
	/* The last ones are remembered. */
	for (int i = 1; i <= 3 * LANE_PAUSES; i++) {
		lane_pause(&lane, true, 1000 * i);
		lane_pause(&lane, false, 1000 * i + 1);
	}
	assert_int_equal(lane_paused_ms(&lane, 0, INT64_MAX), LANE_PAUSES);
}

static void
test_no_memory(void **state)
{
	struct lanes lanes = {0};

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		support_fail_alloc(n);
		assert_null(lanes_get(&lanes, "a"));
		assert_int_equal(lanes.n, 0);
	}
	support_fail_alloc(0);
	assert_non_null(lanes_get(&lanes, "a"));
	lanes_clear(&lanes);
}

/* A lane of quick attempts claims ahead of its slots what it makes in
 * LANE_AHEAD_MS; one of slow ones does not. */
static void
test_ahead(void **state)
{
	struct set set;
	struct lane *a, *b;

	(void)state;
	set_init(&set);
	a = set.lanes.items[0];
	b = set.lanes.items[1];
	for (int i = 0; i < 3; i++)
		lane_took(a, LANE_AHEAD_MS / 4);
	assert_int_equal(wants(&set, 0), 3 + 3 * 4);
	lane_claim(&set.lanes, a, 15);
	/* what is ahead keeps no slot from others */
	assert_int_equal(set.lanes.programs, 3);
	assert_int_equal(wants(&set, 1), 1);
	for (int i = 0; i < 15; i++)
		assert_int_equal(come(&set, a), i < 3);
	lane_claimed(&set.lanes, a);
	assert_int_equal(a->n_ready, 12);
	lane_due(a, WALL, WALL, BOOT);
	assert_int_equal(wants(&set, 0), 0);
	lane_end(&set.lanes, a, true);
	assert_true(lane_has_slot(&set.lanes, a));
	/* not for one: when half of them are gone */
	assert_int_equal(wants(&set, 0), 0);
	for (int i = 0; i < 5; i++)
		task_free(lane_next(a));
	assert_int_equal(wants(&set, 0), 0);
	task_free(lane_next(a));
	assert_int_equal(wants(&set, 0), 7);
	/* slow ones: nothing more until those that stand ready are gone */
	for (int i = 0; i < 20; i++)
		lane_took(a, 500);
	assert_int_equal(wants(&set, 0), 0);
	for (int i = 0; i < 20; i++)
		lane_took(b, LANE_AHEAD_MS + 1);
	assert_int_equal(wants(&set, 1), 2);
	lanes_clear(&set.lanes);
}

/* Of all lanes only those are looked at that may have something to do. */
static void
test_live(void **state)
{
	struct lanes lanes = {0};
	struct lane *b, *a;
	char name[16];

	(void)state;
	for (int i = 99; i >= 0; i--) {
		snprintf(name, sizeof(name), "r%02d", i);
		assert_non_null(lanes_get(&lanes, name));
	}
	assert_int_equal(lanes.n, 100);
	assert_int_equal(lanes_turn(&lanes), 0);
	b = lanes_get(&lanes, "r50");
	a = lanes_get(&lanes, "r07");
	assert_int_equal(lanes.n, 100);
	assert_string_equal(b->name, "r50");
	lane_due(b, INT64_MAX, WALL, BOOT);
	assert_int_equal(lanes_turn(&lanes), 0);
	lane_due(b, WALL, WALL, BOOT);
	lane_due(b, WALL, WALL, BOOT);
	assert_int_equal(lanes_turn(&lanes), 1);
	assert_ptr_equal(lanes_live(&lanes, 0, 1), b);
	/* told while a claim is out: when that is over */
	b->claiming = true;
	b->due_ms = INT64_MAX;
	assert_int_equal(lanes_turn(&lanes), 0);
	lane_due(b, WALL, WALL, BOOT);
	assert_int_equal(lanes_turn(&lanes), 0);
	lane_claimed(&lanes, b);
	assert_int_equal(lanes_turn(&lanes), 1);
	/* what stands ready, and whose turn it is */
	lane_stand(a, task_new(TASK_DELIVER));
	assert_int_equal(lanes_turn(&lanes), 2);
	assert_ptr_not_equal(
	    lanes_live(&lanes, 0, 2), lanes_live(&lanes, 1, 2));
	b = lanes_live(&lanes, 0, 2);
	assert_int_equal(lanes_turn(&lanes), 2);
	assert_ptr_equal(lanes_live(&lanes, 1, 2), b);
	task_free(lane_next(a));
	assert_int_equal(lanes_turn(&lanes), 1);
	/* those that are forgotten are in no list */
	lanes_set(&lanes, &(const struct config){0});
	assert_int_equal(lanes.n, 0);
	assert_int_equal(lanes_turn(&lanes), 0);
	lanes_clear(&lanes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_slots),
	    cmocka_unit_test(test_ahead),
	    cmocka_unit_test(test_who_may),
	    cmocka_unit_test(test_due),
	    cmocka_unit_test(test_live),
	    cmocka_unit_test(test_paused_time),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
