/* stats: what is counted, by whom, and what does not fit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/spawn.h"
#include "../../worker/stats.h"

static void
test_sources(void **state)
{
	struct stats *stats = stats_new();
	const struct stats_source *rows;
	size_t n;

	(void)state;
	assert_null(stats_source(stats, "stripe"));
	stats_event(stats, "stripe", false, 1000);
	stats_event(stats, "github", false, 2000);
	stats_event(stats, "stripe", true, 3000);
	stats_unmatched(stats, "github");
	stats_confirmed(stats, "stripe", false);
	stats_confirmed(stats, "github", true);
	stats_confirmed(stats, "github", true);
	rows = stats_sources(stats, &n);
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].name, "stripe");
	assert_int_equal(rows[0].stored, 1);
	assert_int_equal(rows[0].duplicate, 1);
	assert_int_equal(rows[0].unmatched, 0);
	assert_int_equal(rows[0].last_ms, 3000);
	assert_int_equal(stats_source(stats, "github")->unmatched, 1);
	assert_int_equal(rows[0].confirmed, 0);
	assert_int_equal(rows[0].not_confirmed, 1);
	assert_int_equal(rows[1].confirmed, 2);
	assert_int_equal(rows[1].not_confirmed, 0);
	stats_free(stats);
}

static void
test_route(void **state)
{
	const struct store_attempt good = {100, 5, "ok", "", NULL, 0};
	const struct store_attempt bad = {200, 1200, "exit:1", "no", NULL, 0};
	struct stats *stats = stats_new();
	const struct stats_route *row;

	(void)state;
	stats_attempt(stats, "paid", true, &good);
	stats_attempt(stats, "paid", false, &bad);
	stats_attempt(stats, "paid", false, &bad);
	stats_own_attempt(stats, "paid", false);
	stats_dead(stats, "paid");
	row = stats_route(stats, "paid");
	assert_int_equal(row->delivered, 1);
	assert_int_equal(row->failed, 2);
	assert_int_equal(row->own_delivered, 0);
	assert_int_equal(row->own_failed, 1);
	assert_int_equal(row->dead, 1);
	assert_int_equal(row->n_outcomes, 2);
	assert_string_equal(row->outcomes[1].name, "exit:1");
	assert_int_equal(row->outcomes[1].n, 2);
	assert_int_equal(row->failed_at_ms, 1400);
	assert_string_equal(row->failed_outcome, "exit:1");
	assert_string_equal(row->failed_detail, "no");
	assert_true(row->attempt.sum == 2405);
	/* 5 ms is within the bound of 5 ms, 1.2 s within 2.5 s */
	assert_int_equal(row->attempt.n[2], 1);
	assert_int_equal(row->attempt.n[9], 2);
	stats_free(stats);
}

static void
test_too_slow(void **state)
{
	const struct store_attempt slow = {0, 600001, "ok", "", NULL, 0};
	struct stats *stats = stats_new();

	(void)state;
	stats_attempt(stats, "r", true, &slow);
	assert_int_equal(stats_route(stats, "r")->attempt.n[STATS_BUCKETS], 1);
	stats_free(stats);
}

/* Outcomes and names have a limit; nothing is written past it. */
static void
test_limits(void **state)
{
	struct stats *stats = stats_new();
	struct store_attempt attempt = {0, 0, NULL, "", NULL, 0};
	const struct stats_route *row;
	char name[CONFIG_NAME_MAX + 2];
	size_t i, n;

	(void)state;
	for (i = 0; i < STATS_OUTCOMES_MAX + 3; i++) {
		(void)snprintf(name, sizeof(name), "status:%zu", i);
		attempt.outcome = name;
		stats_attempt(stats, "r", false, &attempt);
	}
	row = stats_route(stats, "r");
	assert_int_equal(row->n_outcomes, STATS_OUTCOMES_MAX);
	assert_string_equal(
	    row->outcomes[STATS_OUTCOMES_MAX - 1].name, "other");
	assert_int_equal(row->outcomes[STATS_OUTCOMES_MAX - 1].n, 4);
	for (i = 0; i < STATS_NAMES_MAX + 3; i++) {
		(void)snprintf(name, sizeof(name), "source-%zu", i);
		stats_event(stats, name, false, 1);
	}
	(void)stats_sources(stats, &n);
	assert_int_equal(n, STATS_NAMES_MAX);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	stats_dead(stats, name);
	assert_null(stats_route(stats, name));
	assert_int_equal(stats_limit(stats, STATS_LIMIT_NAMES), 4);
	stats_free(stats);
}

/* Configured names are there before anything happens, once. */
static void
test_known(void **state)
{
	struct stats *stats = stats_new();
	char stripe[] = "stripe", paid[] = "paid";
	struct config_source source = {.name = stripe};
	struct config_route route = {.name = paid};
	const struct config config = {.sources = &source,
	    .n_sources = 1,
	    .routes = &route,
	    .n_routes = 1};
	size_t n;

	(void)state;
	stats_know(stats, &config);
	stats_event(stats, "stripe", false, 1);
	stats_know(stats, &config);
	(void)stats_sources(stats, &n);
	assert_int_equal(n, 1);
	(void)stats_routes(stats, &n);
	assert_int_equal(n, 1);
	assert_int_equal(stats_source(stats, "stripe")->stored, 1);
	assert_int_equal(stats_route(stats, "paid")->failed, 0);
	stats_free(stats);
}

static void
test_beyond(void **state)
{
	struct stats *stats = stats_new();
	struct store_attempt cut = {0, 1, "exit:0", "", "", SPAWN_OUTPUT_MAX};

	(void)state;
	stats_beyond(stats, STATS_LIMIT_RESERVE, 3);
	assert_int_equal(stats_limit(stats, STATS_LIMIT_RESERVE), 3);
	stats_attempt(stats, "r", true, &cut);
	cut.output_len--;
	stats_attempt(stats, "r", true, &cut);
	assert_int_equal(stats_limit(stats, STATS_LIMIT_OUTPUT), 1);
	stats_free(stats);
}

static void
test_commits(void **state)
{
	struct stats *stats = stats_new();

	(void)state;
	stats_commit(stats, 300, 7);
	stats_commit(stats, 1000, 0);
	assert_true(stats_commits(stats)->events.sum == 7);
	assert_int_equal(stats_commits(stats)->events.n[0], 1);
	assert_int_equal(stats_commits(stats)->events.n[4], 1);
	assert_int_equal(stats_commits(stats)->duration.n[0], 2);
	stats_free(stats);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sources),
	    cmocka_unit_test(test_route),
	    cmocka_unit_test(test_too_slow),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_known),
	    cmocka_unit_test(test_beyond),
	    cmocka_unit_test(test_commits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
