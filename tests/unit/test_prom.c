/* prom: samples as Prometheus reads them. */

#include <string.h>

#include "../../worker/prom.h"
#include "support.h"

static void
check(struct buf *out, const char *expected)
{
	assert_string_equal(buf_str(out), expected);
	buf_clear(out);
}

static void
test_lines(void **state)
{
	struct buf out = {0};
	const struct prom prom = {"gaff_x", &out};

	(void)state;
	prom_family(&prom, "gauge", "Some x.");
	prom_number(&prom, PROM_NONE, -3);
	prom_time(&prom, PROM_LABELS({"source", "stripe"}), 1795317280042);
	prom_number(
	    &prom, PROM_LABELS({"route", "paid"}, {"state", "dead"}), 7);
	check(&out, "# HELP gaff_x Some x.\n"
		    "# TYPE gaff_x gauge\n"
		    "gaff_x -3\n"
		    "gaff_x{source=\"stripe\"} 1795317280.042\n"
		    "gaff_x{route=\"paid\",state=\"dead\"} 7\n");
}

/* Nothing a label holds ends it, or its line. */
static void
test_hostile_labels(void **state)
{
	struct buf out = {0};
	const struct prom prom = {"gaff_x", &out};

	(void)state;
	prom_number(&prom, PROM_LABELS({"source", "a\"} 1\nb\\c\xff\x01"}), 1);
	check(&out, "gaff_x{source=\"a\\\"} 1?b\\\\c\?\?\"} 1\n");
}

/* Buckets are cumulative, in base units. */
static void
test_histogram(void **state)
{
	static const double bounds[] = {1, 250, 10000};
	static const uint64_t n[] = {2, 1, 0, 4};
	const struct prom_histogram histogram = {bounds, 3, 0.001, n, 61500};
	struct buf out = {0};
	const struct prom prom = {"gaff_x", &out};

	(void)state;
	prom_histogram(&prom, PROM_NONE, &histogram);
	check(&out, "gaff_x_bucket{le=\"0.001\"} 2\n"
		    "gaff_x_bucket{le=\"0.25\"} 3\n"
		    "gaff_x_bucket{le=\"10\"} 3\n"
		    "gaff_x_bucket{le=\"+Inf\"} 7\n"
		    "gaff_x_sum 61.5\n"
		    "gaff_x_count 7\n");
	prom_histogram(&prom, PROM_LABELS({"source", "s"}), &histogram);
	support_contains(
	    buf_str(&out), "gaff_x_bucket{source=\"s\",le=\"0.25\"} 3\n");
	support_contains(buf_str(&out), "gaff_x_sum{source=\"s\"} 61.5\n");
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_hostile_labels),
	    cmocka_unit_test(test_histogram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
