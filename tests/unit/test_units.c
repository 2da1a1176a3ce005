#include "../../shared/units.h"
#include "support.h"

enum { BAD = -1 /* expected of a text that must be refused */ };

struct row {
	const char *text;
	int64_t value;
};

static const struct row durations[] = {
    {"0s", 0},
    {"500ms", 500},
    {"5s", 5000},
    {"10m", 600000},
    {"1h", 3600000},
    {"30d", INT64_C(2592000000)},
    {"007s", 7000},
    {"36500d", INT64_C(3153600000000)},
    {"36501d", BAD},
    {"3153600000001ms", BAD},
    {"99999999999999999999d", BAD},
    {"106751991168d", BAD},
    {"0", BAD},
    {"5", BAD},
    {"", BAD},
    {"s", BAD},
    {"-5s", BAD},
    {"+5s", BAD},
    {" 5s", BAD},
    {"5 s", BAD},
    {"5s ", BAD},
    {"5S", BAD},
    {"1.5s", BAD},
    {"5w", BAD},
    {"1h30m", BAD},
};

static const struct row sizes[] = {
    {"0k", 0},
    {"64k", 65536},
    {"25M", 26214400},
    {"1G", 1073741824},
    {"1024T", INT64_C(1) << 50},
    {"1025T", BAD},
    {"9223372036854775807T", BAD},
    {"0", BAD},
    {"64", BAD},
    {"64K", BAD},
    {"64kB", BAD},
    {"64m", BAD},
    {"", BAD},
};

static void
check(const struct row *rows, size_t n,
    int (*parse)(const char *text, int64_t *value))
{
	for (size_t i = 0; i < n; i++) {
		int64_t value = 4711;
		int rc = parse(rows[i].text, &value);
		int64_t expected = rows[i].value == BAD ? 4711 : rows[i].value;

		if (rc != (rows[i].value == BAD ? -1 : 0) || value != expected)
			fail_msg("<%s>: rc %d value %lld", rows[i].text, rc,
			    (long long)value);
	}
}

static void
test_duration(void **state)
{
	(void)state;
	check(
	    durations, sizeof durations / sizeof *durations, units_duration_ms);
}

static void
test_size(void **state)
{
	(void)state;
	check(sizes, sizeof sizes / sizeof *sizes, units_size);
}

static void
test_number(void **state)
{
	int64_t value = 4711;

	(void)state;
	assert_int_equal(units_number("16", 1, 1024, &value), 0);
	assert_int_equal(value, 16);
	assert_int_equal(units_number("-3", -5, 5, &value), 0);
	assert_int_equal(value, -3);
	assert_int_equal(
	    units_number("9223372036854775807", 0, INT64_MAX, &value), 0);
	assert_true(value == INT64_MAX);

	value = 4711;
	assert_int_equal(units_number("0", 1, 9, &value), -1);
	assert_int_equal(units_number("10", 1, 9, &value), -1);
	assert_int_equal(units_number("-1", 0, 9, &value), -1);
	assert_int_equal(
	    units_number("9223372036854775808", 0, INT64_MAX, &value), -1);
	assert_int_equal(units_number("", 0, 9, &value), -1);
	assert_int_equal(units_number("-", -9, 9, &value), -1);
	assert_int_equal(units_number("--1", -9, 9, &value), -1);
	assert_int_equal(units_number("1x", 0, 9, &value), -1);
	assert_int_equal(units_number("0x1", 0, 9, &value), -1);
	assert_int_equal(value, 4711);
}

static void
test_format_ms(void **state)
{
	static const struct row texts[] = {
	    {"0ms", 0},
	    {"212ms", 212},
	    {"999ms", 999},
	    {"1s", 1000},
	    {"1.5s", 1500},
	    {"59.9s", 59900},
	    {"1m", 60000},
	    {"1m20s", 80000},
	    {"10m", 600000},
	    {"2h15m", 8100000},
	    {"2h", 7200999},
	    {"3d", 259200000},
	    {"3d4h", 273600000},
	    {"-6m52s", -412000},
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_ptr_equal(
		    units_format_ms(texts[i].value, out, sizeof out), out);
		assert_string_equal(out, texts[i].text);
	}
	assert_string_equal(
	    units_format_ms(INT64_MIN, out, sizeof out), "-106751991167d7h");
	assert_string_equal(units_format_ms(80000, out, 4), "1m2");
}

static void
test_format_bytes(void **state)
{
	static const struct row texts[] = {
	    {"0 B", 0},
	    {"1023 B", 1023},
	    {"1.0 kB", 1024},
	    {"1.5 kB", 1536},
	    {"10 kB", 10240},
	    {"41 MB", 43000000},
	    {"2.0 GB", INT64_C(2) << 30},
	    {"3.0 TB", INT64_C(3) << 40},
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_string_equal(
		    units_format_bytes(texts[i].value, out, sizeof out),
		    texts[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_duration),
	    cmocka_unit_test(test_size),
	    cmocka_unit_test(test_number),
	    cmocka_unit_test(test_format_ms),
	    cmocka_unit_test(test_format_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
