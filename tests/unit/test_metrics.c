/* metrics: families from what the store thread knows, page by page. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../worker/metrics.h"
#include "support.h"

enum { MANY = 1000 };

static const char counted[] =
    "{\"stripe\": {\"accepted\": 4, \"last_accepted_ms\": 5000,"
    " \"codes\": {\"200\": 4, \"503\": 1}, \"reasons\": {\"no_worker\": 1},"
    " \"duration_us\": {\"sum\": 9000, \"n\": [1, 3]},"
    " \"body_bytes\": {\"sum\": 300, \"n\": [0, 1]}},"
    " \"\": {\"codes\": {\"404\": 2}}}";

/* Every page, one after the other; NULL: one failed.  The caller frees it. */
static char *
render(const struct metrics_view *view, unsigned *pages)
{
	struct buf out = {0};
	int64_t cursor = 0;
	size_t before;

	*pages = 0;
	do {
		before = out.len;
		if (metrics_page(view, &cursor, &out) != 0) {
			buf_clear(&out);
			return NULL;
		}
		assert_true(out.len > before);
		/* some rows more than a page may have: one family's samples */
		assert_true(out.len - before < METRICS_PAGE_BYTES + 4096);
		++*pages;
	} while (cursor != 0);
	return buf_take(&out);
}

static unsigned
times(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		n++;
	return n;
}

/* What test_families() counts leads to these lines. */
static const char *const expected[] = {
    "\ngaff_requests_total{source=\"stripe\",code=\"503\"} 1\n",
    "\ngaff_requests_total{source=\"-\",code=\"404\"} 2\n",
    "\ngaff_refused_total{source=\"stripe\",reason=\"no_worker\"} 1\n",
    "\ngaff_request_duration_seconds_bucket{source=\"stripe\","
    "le=\"0.002\"} 4\n",
    "\ngaff_request_duration_seconds_sum{source=\"stripe\"} 0.009\n",
    "\ngaff_request_body_bytes_bucket{source=\"stripe\",le=\"1024\"} "
    "1\n",
    "\ngaff_links_up{worker=\"local\"} 3\n",
    "\ngaff_parked_requests{worker=\"local\"} 2\n",
    "\ngaff_events_stored_total{source=\"stripe\"} 1\n",
    "\ngaff_events_duplicate_total{source=\"stripe\"} 1\n",
    "\ngaff_events_flagged_total{source=\"stripe\",flag=\"changed_body\"} 0\n",
    "\ngaff_events_flagged_total{source=\"stripe\",flag=\"replayed_body\"} "
    "1\n",
    "\ngaff_events_unmatched_total{source=\"stripe\"} 1\n",
    "\ngaff_confirmations_total{source=\"topic\",outcome=\"confirmed\"} 0\n",
    "\ngaff_confirmations_total{source=\"topic\",outcome=\"failed\"} 0\n",
    "\ngaff_confirmations_total{source=\"gone\",outcome=\"confirmed\"} 2\n",
    "\ngaff_confirmations_total{source=\"gone\",outcome=\"failed\"} 1\n",
    /* the gateway's is later */
    "\ngaff_last_event_timestamp_seconds{source=\"stripe\"} 5.000\n",
    "\ngaff_attempts_total{route=\"paid\",outcome=\"exit:1\"} 1\n",
    "\ngaff_attempt_duration_seconds_sum{route=\"paid\"} 1.5\n",
    "\ngaff_deliveries{route=\"paid\",state=\"waiting\"} 8\n",
    "\ngaff_oldest_pending_timestamp_seconds{route=\"paid\"} 4.000\n",
    "\ngaff_dead_total{route=\"paid\"} 1\n",
    "\ngaff_dead_letter_bytes 900\n",
    "\ngaff_commit_duration_seconds_count 1\n",
    "\ngaff_commit_events_sum 7\n",
    "\ngaff_store_free_bytes 100\n",
    "\ngaff_store_bytes 50\n",
    "\ngaff_store_reserve_bytes 20\n",
    "\ngaff_unrouted_events 6\n",
    "\ngaff_accepting 1\n",
    "\ngaff_limit_total{limit=\"reserve\"} 3\n",
    "\ngaff_keys_total{result=\"fetched\"} 11\n",
    "\ngaff_keys_total{result=\"failed\"} 12\n",
    "\ngaff_keys_total{result=\"cached\"} 13\n",
    "\ngaff_keys_total{result=\"limited\"} 14\n",
    "\ngaff_keys_total{result=\"not_allowed\"} 15\n",
    "\ngaff_malformed_frames_total 9\n",
    "\ngaff_config_loaded_timestamp_seconds 2.000\n",
    "\ngaff_config_last_reload_successful 0\n",
    "\ngaff_start_timestamp_seconds 1.000\n",
    "\ngaff_source_silent_after_seconds{source=\"stripe\"} 3600\n",
    "\ngaff_build_info{version=\"" GAFF_VERSION "\"} 1\n",
};

static const struct blobs_counts keys = {11, 12, 13, 14, 15};

static void
test_families(void **state)
{
	const struct store_attempt bad = {0, 1500, "exit:1", "", NULL, 0};
	struct store_count count = {.route = "paid", .oldest_ms = 4000};
	char name[] = "stripe";
	char topic[] = "topic";
	struct config_source sources[] = {
	    {.name = name,
		.scheme = scheme_new("a", scheme_builtin("stripe")),
		.silent_after_ms = 3600000},
	    {.name = topic,
		.scheme = scheme_new("b", scheme_builtin("aws-sns"))}};
	const struct config config = {.sources = sources, .n_sources = 2};
	struct stats *stats = stats_new();
	const struct metrics_view view = {.config = &config,
	    .worker = "local",
	    .stats = stats,
	    .gateways = json_loads(counted, 0, NULL),
	    .links = 3,
	    .parked = 2,
	    .keys = &keys,
	    .counts = &count,
	    .n_counts = 1,
	    .unrouted = 6,
	    .space = {.used_bytes = 50, .free_bytes = 100},
	    .reserve = 20,
	    .letter_bytes = 900,
	    .started_at_ms = 1000,
	    .loaded_at_ms = 2000,
	    .reload_failed = true,
	    .accepting = true,
	    .malformed = 9};
	unsigned pages;
	char *text;

	(void)state;
	count.n[DELIVERY_WAITING] = 8;
	stats_event(stats, "stripe", false, 3000);
	stats_event(stats, "stripe", true, 3000);
	stats_flags(stats, "stripe", EVENT_REPLAYED_BODY);
	stats_unmatched(stats, "stripe");
	stats_event(stats, "topic", false, 3000);
	stats_confirmed(stats, "gone", true);
	stats_confirmed(stats, "gone", true);
	stats_confirmed(stats, "gone", false);
	stats_attempt(stats, "paid", false, &bad);
	stats_dead(stats, "paid");
	stats_commit(stats, 300, 7);
	stats_beyond(stats, STATS_LIMIT_RESERVE, 3);
	text = render(&view, &pages);
	assert_int_equal(pages, 1);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		support_contains(text, expected[i]);
	/* stripe has nothing to confirm */
	assert_int_equal(times(text, "\ngaff_confirmations_total{"), 4);
	free(text);
	scheme_free(sources[0].scheme);
	scheme_free(sources[1].scheme);
	json_decref(view.gateways);
	stats_free(stats);
}

/* What is not known is not told; a worker without gateways has its families
 * still. */
static void
test_unknown(void **state)
{
	const struct config config = {0};
	struct stats *stats = stats_new();
	const struct metrics_view view = {.config = &config,
	    .worker = "local",
	    .stats = stats,
	    .keys = &keys,
	    .letter_bytes = -1};
	unsigned pages;
	char *text = render(&view, &pages);

	(void)state;
	assert_null(strstr(text, "\ngaff_dead_letter_bytes"));
	support_contains(text, "# TYPE gaff_requests_total counter\n");
	free(text);
	stats_free(stats);
}

static json_t *
many_counted(void)
{
	json_t *all = json_object(), *one;
	char name[32];

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "source-%d", i);
		one = json_pack("{s:{s:i}, s:{s:i, s:[i,i]}}", "codes", "200",
		    i, "duration_us", "sum", 5, "n", 1, 2);
		(void)json_object_set_new(all, name, one);
	}
	return all;
}

/* A thousand sources and routes: many short pages, every row once. */
static void
test_pages(void **state)
{
	const struct store_attempt good = {0, 10, "exit:0", "", NULL, 0};
	const struct config config = {0};
	struct stats *stats = stats_new();
	struct store_count *counts = calloc(MANY, sizeof(*counts));
	const struct metrics_view view = {.config = &config,
	    .worker = "local",
	    .stats = stats,
	    .gateways = many_counted(),
	    .keys = &keys,
	    .counts = counts,
	    .n_counts = MANY};
	char name[32], *text;
	unsigned pages;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(counts[i].route, sizeof(name), "route-%d", i);
		(void)snprintf(name, sizeof(name), "source-%d", i);
		stats_attempt(stats, counts[i].route, true, &good);
		stats_event(stats, name, false, 1);
	}
	text = render(&view, &pages);
	assert_in_range(pages, 20, 200);
	assert_int_equal(times(text, "# TYPE "), times(text, "# HELP "));
	assert_int_equal(times(text, "# TYPE gaff_requests_total "), 1);
	assert_int_equal(times(text, "\ngaff_requests_total{"), MANY);
	assert_int_equal(
	    times(text, "\ngaff_request_duration_seconds_count{"), MANY);
	assert_int_equal(
	    times(text, "\ngaff_attempt_duration_seconds_sum{"), MANY);
	assert_int_equal(times(text, "\ngaff_deliveries{"), 5 * MANY);
	assert_int_equal(times(text, "\ngaff_events_stored_total{"), MANY);
	assert_int_equal(times(text, "\ngaff_build_info{"), 1);
	free(text);
	free(counts);
	json_decref(view.gateways);
	stats_free(stats);
}

static void
test_no_such_page(void **state)
{
	const struct metrics_view view = {0};
	struct buf out = {0};
	int64_t cursor = INT64_MAX;

	(void)state;
	assert_int_equal(metrics_page(&view, &cursor, &out), -1);
	cursor = -1;
	assert_int_equal(metrics_page(&view, &cursor, &out), -1);
	assert_int_equal(out.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_families),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_pages),
	    cmocka_unit_test(test_no_such_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
