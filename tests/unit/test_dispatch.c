/* dispatch with all behind it: real programs, sockets and files. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "../../worker/filter_helper.h"
#include "stage.h"
#include "support.h"

/* ---- attempts ---- */

static void
test_outcomes(void **state)
{
	struct stage b;
	const struct task *task;

	(void)state;
	stage_open(&b, "[route good]\nrun = /bin/sh -c 'echo fine'\n"
		       "[route bad]\nrun = /bin/sh -c 'echo no; exit 3'\n"
		       "backoff = 1h\n"
		       "[route final]\nrun = /bin/sh -c 'exit 100'\n"
		       "[route once]\nrun = /bin/false\nattempts = 1\n");
	stage_supply(&b, "good", 1);
	stage_wait(&b, TASK_SETTLE, "good", 1);
	task = stage_last(&b, TASK_SETTLE);
	assert_int_equal(task->settle.state, DELIVERY_DELIVERED);
	assert_string_equal(task->settle.route, "good");
	assert_string_equal(task->attempt.outcome, "ok");
	assert_string_equal(task->attempt.detail, "fine");
	assert_memory_equal(task->attempt.output, "fine\n", 5);
	assert_ptr_equal(task->settle.attempt, &task->attempt);
	stage_supply(&b, "bad", 1);
	stage_wait(&b, TASK_SETTLE, "bad", 1);
	task = stage_last(&b, TASK_SETTLE);
	assert_int_equal(task->settle.state, DELIVERY_WAITING);
	assert_string_equal(task->attempt.outcome, "exit:3");
	assert_in_range(
	    task->settle.due_ms - task->settle.now_ms, 3600 * 800, 3600 * 1200);
	stage_supply(&b, "final", 1);
	stage_wait(&b, TASK_SETTLE, "final", 1);
	task = stage_last(&b, TASK_SETTLE);
	assert_int_equal(task->settle.state, DELIVERY_EXHAUSTED);
	assert_string_equal(task->settle.reason, "final");
	stage_supply(&b, "once", 1);
	stage_wait(&b, TASK_SETTLE, "once", 1);
	task = stage_last(&b, TASK_SETTLE);
	assert_int_equal(task->settle.state, DELIVERY_EXHAUSTED);
	assert_string_equal(task->settle.reason, "attempts");
	stage_close(&b);
}

/* A hundred posts that hang hold up nothing else. */
static void
test_slow_posts(void **state)
{
	char routes[512];
	struct stage b;
	unsigned port;
	int fd = stage_silent_server(&port);

	(void)state;
	snprintf(routes, sizeof(routes),
	    "[route slow]\npost = http://127.0.0.1:%u/\ntimeout = 1h\n"
	    "concurrency = 100\n"
	    "[route quick]\nrun = /bin/true\n",
	    port);
	stage_open(&b, routes);
	stage_supply(&b, "slow", 150);
	while (stage_stock(&b, "slow")->running < 100)
		assert_true(stage_receive(&b));
	stage_supply(&b, "quick", 50);
	stage_wait(&b, TASK_SETTLE, "quick", 50);
	assert_int_equal(stage_count(&b, TASK_SETTLE, "slow"), 0);
	assert_int_equal(stage_stock(&b, "slow")->most, 100);
	stage_close(&b);
	/* Those that were cut do not count. */
	close(fd);
}

/* Attempts so slow that nothing is claimed ahead. */
static void
test_concurrency(void **state)
{
	struct stage b;

	(void)state;
	stage_open(&b,
	    "[route one]\nrun = /bin/sleep 0.15\nconcurrency = 1\n"
	    "[route three]\nrun = /bin/sleep 0.15\nconcurrency = 3\n");
	stage_supply(&b, "one", 5);
	stage_supply(&b, "three", 10);
	stage_wait(&b, TASK_SETTLE, "one", 5);
	stage_wait(&b, TASK_SETTLE, "three", 10);
	assert_int_equal(stage_stock(&b, "one")->most, 1);
	assert_in_range(stage_stock(&b, "three")->most, 1, 3);
	stage_close(&b);
}

/* max_running is over all routes; each may run one all the same. */
static void
test_max_running(void **state)
{
	struct stage b;
	unsigned most = 0, sum;

	(void)state;
	stage_open(&b, "max_running = 3\n"
		       "[route a]\nrun = /bin/sleep 0.15\n"
		       "[route b]\nrun = /bin/sleep 0.15\n"
		       "[route c]\nrun = /bin/sleep 0.15\n"
		       "[route d]\nrun = /bin/sleep 0.15\n"
		       "[route e]\nrun = /bin/sleep 0.15\n");
	stage_supply(&b, "a", 10);
	while (stage_stock(&b, "a")->running < 3)
		assert_true(stage_receive(&b));
	stage_supply(&b, "b", 5);
	stage_supply(&b, "c", 5);
	stage_supply(&b, "d", 5);
	stage_supply(&b, "e", 5);
	while (stage_count(&b, TASK_SETTLE, NULL) < 30) {
		assert_true(stage_receive(&b));
		sum = 0;
		for (unsigned i = 0; i < b.n_stocks; i++)
			sum += b.stocks[i].running;
		most = sum > most ? sum : most;
	}
	assert_int_equal(stage_stock(&b, "a")->most, 3);
	/* Three, and one for each of the others. */
	assert_in_range(most, 3, 7);
	stage_close(&b);
}

static unsigned
count_settled(const struct stage *b, enum delivery_state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n_got; i++)
		n += b->got[i]->kind == TASK_SETTLE &&
		     b->got[i]->settle.state == state;
	return n;
}

/* A quick route is claimed for ahead of its slot; what stands ready goes back
 * untried when it is paused, and comes again. */
static void
test_ahead(void **state)
{
	struct stage b;
	struct task *task;
	unsigned back;

	(void)state;
	stage_open(&b, "[route quick]\nrun = /bin/true\nconcurrency = 1\n");
	stage_supply(&b, "quick", 200);
	while (stage_stock(&b, "quick")->running < 3)
		assert_true(stage_receive(&b));
	task = stage_task(TASK_PAUSE, "quick");
	task->paused = true;
	stage_push(&b, task);
	while (stage_stock(&b, "quick")->running > 0)
		assert_true(stage_receive(&b));
	back = count_settled(&b, DELIVERY_PENDING);
	assert_true(back > 0);
	assert_int_equal(count_settled(&b, DELIVERY_DELIVERED) + back +
			     stage_stock(&b, "quick")->pending,
	    200);
	stage_push(&b, stage_task(TASK_PAUSE, "quick"));
	stage_supply(&b, "quick", back);
	while (count_settled(&b, DELIVERY_DELIVERED) < 200)
		assert_true(stage_receive(&b));
	stage_close(&b);
}

static void
test_paused(void **state)
{
	struct stage b;
	struct task *task;

	(void)state;
	stage_open(&b,
	    "[route a]\nrun = /bin/true\n[route b]\nrun = /bin/true\n"
	    "[route off]\nrun = /bin/true\nenabled = no\n");
	task = stage_task(TASK_PAUSE, "a");
	task->paused = true;
	stage_push(&b, task);
	stage_supply(&b, "a", 3);
	stage_supply(&b, "off", 3);
	/* One that was claimed before comes back untried. */
	task = task_new(TASK_DELIVER);
	task->delivery = stage_delivery(&b, "a");
	stage_stock(&b, "a")->running++;
	stage_push(&b, task);
	stage_wait(&b, TASK_SETTLE, "a", 1);
	assert_int_equal(
	    stage_last(&b, TASK_SETTLE)->settle.state, DELIVERY_PENDING);
	assert_null(stage_last(&b, TASK_SETTLE)->settle.attempt);
	stage_supply(&b, "b", 5);
	stage_wait(&b, TASK_SETTLE, "b", 5);
	assert_int_equal(stage_stock(&b, "a")->pending, 3);
	assert_int_equal(stage_stock(&b, "off")->pending, 3);
	stage_push(&b, stage_task(TASK_PAUSE, "a"));
	stage_wait(&b, TASK_SETTLE, "a", 4);
	stage_close(&b);
}

static void
test_reload(void **state)
{
	struct stage b;
	struct config *config;
	struct task *task;

	(void)state;
	stage_open(&b, "[route a]\nrun = /bin/false\nbackoff = 1s\n"
		       "[route gone]\nrun = /bin/sleep 0.05\n");
	stage_supply(&b, "gone", 2);
	while (stage_stock(&b, "gone")->running == 0)
		assert_true(stage_receive(&b));
	config = stage_load(
	    &b, "[route a]\nrun = /bin/true\n[route new]\nrun = /bin/true\n");
	stage_config(&b, config);
	/* What runs ends by itself; what comes is given back. */
	task = task_new(TASK_DELIVER);
	task->delivery = stage_delivery(&b, "gone");
	stage_stock(&b, "gone")->running++;
	stage_push(&b, task);
	stage_wait(&b, TASK_SETTLE, "gone", 3);
	stage_supply(&b, "a", 1);
	stage_wait(&b, TASK_SETTLE, "a", 1);
	assert_int_equal(
	    stage_last(&b, TASK_SETTLE)->settle.state, DELIVERY_DELIVERED);
	stage_supply(&b, "new", 1);
	stage_wait(&b, TASK_SETTLE, "new", 1);
	stage_supply(&b, "gone", 1);
	stage_config(&b, b.config);
	stage_wait(&b, TASK_SETTLE, "gone", 3);
	config_unref(config);
	stage_close(&b);
}

/* ---- routing ---- */

/* The targets of all answers about an event, in order of the routes: "a b!". */
static const char *
targets_of(const struct stage *b, int64_t seq, bool *whole)
{
	static char text[512];

	text[0] = '\0';
	*whole = false;
	for (unsigned i = 0; i < b->n_got; i++) {
		const struct task *task = b->got[i];

		if (task->kind != TASK_ROUTED || task->seq != seq)
			continue;
		for (unsigned j = 0; j < task->n; j++) {
			size_t len = strlen(text);

			snprintf(text + len, sizeof(text) - len, "%s%s",
			    task->targets[j].route,
			    task->targets[j].state == DELIVERY_EXHAUSTED ? "! "
									 : " ");
		}
		*whole = *whole || task->whole;
	}
	return text;
}

static void
wait_whole(struct stage *b, int64_t seq)
{
	bool whole = false;

	for (;;) {
		(void)targets_of(b, seq, &whole);
		if (whole)
			return;
		assert_true(stage_receive(b));
	}
}

static void
test_routing(void **state)
{
	struct stage b;
	bool whole;

	(void)state;
	stage_open(&b,
	    "[route all]\nrun = /bin/true\n"
	    "[route orders]\ntype = order.*\nrun = /bin/true\n"
	    "[route big]\ntype = bill\nfilter = .n > 10\nrun = /bin/true\n"
	    "[route own]\nsource = gaff\nrun = /bin/true\n");
	stage_route(&b, 1, "order.paid", "{}");
	stage_route(&b, 2, "bill", "{\"n\": 11}");
	stage_route(&b, 3, "bill", "{\"n\": 9}");
	stage_route(&b, 4, "bill", "not json");
	for (int64_t seq = 1; seq <= 4; seq++)
		wait_whole(&b, seq);
	assert_string_equal(targets_of(&b, 1, &whole), "all orders ");
	assert_string_equal(targets_of(&b, 2, &whole), "all big ");
	assert_string_equal(targets_of(&b, 3, &whole), "all ");
	assert_string_equal(targets_of(&b, 4, &whole), "all big! ");
	assert_string_equal(
	    stage_last(&b, TASK_ROUTED)->targets[0].reason, "filter_error");
	support_contains(
	    stage_last(&b, TASK_ROUTED)->targets[0].detail, "not JSON");
	stage_close(&b);
}

/* Only filters: one answer.  Filters left over from before: nothing else. */
static void
test_routing_saves_answers(void **state)
{
	struct event event = stage_event("y", "{\"n\": 1}");
	struct task *task = task_new(TASK_ROUTE);
	struct stage b;
	bool whole;

	(void)state;
	stage_open(&b, "[route f]\nfilter = .n == 1\nrun = /bin/true\n"
		       "[route g]\ntype = y\nrun = /bin/true\n");
	stage_route(&b, 1, "x", "{\"n\": 1}");
	wait_whole(&b, 1);
	assert_int_equal(stage_count(&b, TASK_ROUTED, NULL), 1);
	assert_string_equal(targets_of(&b, 1, &whole), "f ");
	task->seq = 2;
	task->event = event_copy(&event);
	task->filtered = true;
	stage_push(&b, task);
	wait_whole(&b, 2);
	assert_string_equal(targets_of(&b, 2, &whole), "f ");
	stage_route(&b, 3, "y", "{\"n\": 2}");
	wait_whole(&b, 3);
	assert_string_equal(targets_of(&b, 3, &whole), "g ");
	assert_int_equal(stage_count(&b, TASK_ROUTED, NULL), 4);
	stage_close(&b);
}

/* Where in the stream of answers an event's last one is. */
static unsigned
place_of(const struct stage *b, int64_t seq)
{
	for (unsigned i = 0; i < b->n_got; i++)
		if (b->got[i]->kind == TASK_ROUTED && b->got[i]->seq == seq &&
		    b->got[i]->whole)
			return i;
	return UINT32_MAX;
}

/* A filter that loops does not stop the events of other routes. */
static void
test_looping_filter(void **state)
{
	enum { LOOPS = 8, GOOD = 30 };
	struct stage b;
	bool whole;

	(void)state;
	stage_open(&b,
	    "[route loops]\ntype = bad\nfilter = def f: f; f\n"
	    "run = /bin/true\n"
	    "[route good]\ntype = good\nfilter = .n == 1\nrun = /bin/true\n"
	    "[route plain]\ntype = plain\ntype = bad\nrun = /bin/true\n");
	for (int64_t i = 1; i <= LOOPS; i++)
		stage_route(&b, i, "bad", "{}");
	wait_whole(&b, 1);
	for (int64_t i = 100; i < 100 + GOOD; i++)
		stage_route(&b, i, "good", "{\"n\": 1}");
	stage_route(&b, 99, "plain", "{}");
	for (int64_t i = 99; i < 100 + GOOD; i++)
		wait_whole(&b, i);
	for (int64_t i = 1; i <= LOOPS; i++) {
		wait_whole(&b, i);
		assert_string_equal(targets_of(&b, i, &whole), "plain loops! ");
	}
	/* The good ones were not behind them. */
	assert_true(place_of(&b, 100 + GOOD - 1) < place_of(&b, LOOPS));
	assert_true(place_of(&b, 99) < place_of(&b, LOOPS));
	stage_close(&b);
}

/* ---- dead letters ---- */

static void
test_bury(void **state)
{
	struct stage b;
	struct task *task = task_new(TASK_BURY);
	char *path, *text;

	(void)state;
	stage_open(&b, "[route a]\npost = https://user:canary@example.com/x\n");
	task->delivery = stage_delivery(&b, "a");
	task->delivery->reason = strdup("expired");
	task->delivery->attempts = strdup("[]");
	task->delivery->died_at_ms = 1795318490000;
	stage_push(&b, task);
	stage_wait(&b, TASK_BURIED, "a", 1);
	assert_int_equal(stage_last(&b, TASK_BURIED)->seq, 1);
	path = support_path(b.dir,
	    "dead/2026-11-22/09000000-0000-0000-0000-000000000000.a.0.dead");
	text = support_read(path, NULL);
	support_contains(text, "\"deliver\":\"https://example.com/x\"");
	support_contains(text, "\"reason\":\"expired\"");
	assert_null(strstr(text, "canary"));
	free(text);
	free(path);
	stage_close(&b);
}

/* ---- the end ---- */

/* What runs is waited for. */
static void
test_stop_waits(void **state)
{
	struct stage b;

	(void)state;
	stage_open(&b, "[route a]\nrun = /bin/sleep 0.2\nconcurrency = 2\n");
	stage_supply(&b, "a", 5);
	while (stage_stock(&b, "a")->running < 2)
		assert_true(stage_receive(&b));
	stage_push(&b, task_new(TASK_STOP));
	stage_wait(&b, TASK_STOPPED, NULL, 1);
	assert_false(stage_last(&b, TASK_STOPPED)->failed);
	assert_int_equal(stage_count(&b, TASK_SETTLE, "a"), 2);
	assert_int_equal(
	    stage_last(&b, TASK_SETTLE)->settle.state, DELIVERY_DELIVERED);
	assert_int_equal(stage_stock(&b, "a")->pending, 3);
	assert_int_equal(b.got[b.n_got - 1]->kind, TASK_STOPPED);
	stage_close(&b);
}

/* And cut when it takes too long: it does not count. */
static void
test_stop_cuts(void **state)
{
	char routes[256];
	struct stage b;
	unsigned port;
	int fd = stage_silent_server(&port);

	(void)state;
	snprintf(routes, sizeof(routes),
	    "stop_after = 100ms\n"
	    "[route a]\nrun = /bin/sleep 60\ntimeout = 1h\n"
	    "[route b]\npost = http://127.0.0.1:%u/\ntimeout = 1h\n",
	    port);
	stage_open(&b, routes);
	stage_supply(&b, "a", 2);
	stage_supply(&b, "b", 2);
	while (stage_stock(&b, "a")->running < 2 ||
	       stage_stock(&b, "b")->running < 2)
		assert_true(stage_receive(&b));
	stage_push(&b, task_new(TASK_STOP));
	stage_wait(&b, TASK_STOPPED, NULL, 1);
	assert_int_equal(stage_count(&b, TASK_SETTLE, NULL), 4);
	for (unsigned i = 0; i < b.n_got; i++)
		if (b.got[i]->kind == TASK_SETTLE) {
			assert_int_equal(
			    b.got[i]->settle.state, DELIVERY_PENDING);
			assert_null(b.got[i]->settle.attempt);
		}
	stage_close(&b);
	close(fd);
}

/* The spawner, child of the test, whose name is its own. */
static void
kill_spawner(void)
{
	char command[] = "pkill -9 -x gaff-spawner -P 0123456789";

	snprintf(strstr(command, "0123456789"), 11, "%d", (int)getpid());
	support_shell(command);
}

static void
test_spawner_gone(void **state)
{
	struct stage b;

	(void)state;
	stage_open(&b, "[route a]\nrun = /bin/sleep 0.3\n");
	stage_supply(&b, "a", 1);
	while (stage_stock(&b, "a")->running < 1)
		assert_true(stage_receive(&b));
	kill_spawner();
	stage_wait(&b, TASK_STOPPED, NULL, 1);
	assert_true(stage_last(&b, TASK_STOPPED)->failed);
	/* Tasks that come later are no harm. */
	stage_supply(&b, "a", 1);
	stage_close(&b);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_outcomes),
	    cmocka_unit_test(test_slow_posts),
	    cmocka_unit_test(test_concurrency),
	    cmocka_unit_test(test_max_running),
	    cmocka_unit_test(test_ahead),
	    cmocka_unit_test(test_paused),
	    cmocka_unit_test(test_reload),
	    cmocka_unit_test(test_routing),
	    cmocka_unit_test(test_routing_saves_answers),
	    cmocka_unit_test(test_looping_filter),
	    cmocka_unit_test(test_bury),
	    cmocka_unit_test(test_stop_waits),
	    cmocka_unit_test(test_stop_cuts),
	    cmocka_unit_test(test_spawner_gone),
	};

	if (argc == 2 && strcmp(argv[1], FILTER_HELPER_OPTION) == 0)
		return filter_helper_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
