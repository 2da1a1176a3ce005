#include <string.h>

#include "../../shared/clock.h"
#include "support.h"

enum { BAD = -1 };

struct row {
	const char *text;
	int64_t ms;
};

static const struct row formats[] = {
    {"1970-01-01T00:00:00.000Z", 0},
    {"1970-01-01T00:00:00.001Z", 1},
    {"1969-12-31T23:59:59.999Z", -1},
    {"1969-12-31T23:59:59.000Z", -1000},
    {"2000-02-29T23:59:59.999Z", 951868799999},
    {"2026-11-22T03:14:40.123Z", 1795317280123},
    {"9999-12-31T23:59:59.999Z", 253402300799999},
};

static void
test_format(void **state)
{
	char out[CLOCK_TEXT_SIZE];
	int64_t back;

	(void)state;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		clock_format(formats[i].ms, out);
		assert_string_equal(out, formats[i].text);
		assert_int_equal(clock_parse(out, &back), 0);
		assert_true(back == formats[i].ms);
	}
	/* what has no four-digit year still stays in the array */
	clock_format(INT64_MAX, out);
	assert_int_equal(strlen(out), CLOCK_TEXT_SIZE - 1);
	clock_format(INT64_MIN, out);
	assert_int_equal(strlen(out), CLOCK_TEXT_SIZE - 1);
	clock_format(253402300800000, out);
	assert_int_equal(strlen(out), CLOCK_TEXT_SIZE - 1);
}

static const struct row parses[] = {
    {"2026-11-22T03:14:40Z", 1795317280000},
    {"2026-11-22t03:14:40z", 1795317280000},
    {"2026-11-22 03:14:40Z", 1795317280000},
    {"2026-11-22T03:14:40.1Z", 1795317280100},
    {"2026-11-22T03:14:40.123456789Z", 1795317280123},
    {"2026-11-22T03:14:40+00:00", 1795317280000},
    {"2026-11-22T05:14:40+02:00", 1795317280000},
    {"2026-11-21T21:44:40-05:30", 1795317280000},
    {"2026-11-22T03:14:40.5-00:00", 1795317280500},
    {"1990-12-31T23:59:60Z", 662688000000},
    {"1969-12-31T23:59:59.250Z", -750},
    {"0001-01-01T00:00:00Z", -62135596800000},
    {"2024-02-29T00:00:00Z", 1709164800000},
    {"", BAD},
    {"2026", BAD},
    {"2026-11-22", BAD},
    {"2026-11-22T03:14:40", BAD},
    {"2026-11-22T03:14Z", BAD},
    {"2026-11-22T03:14:40.Z", BAD},
    {"2026-11-22T03:14:40.1234567890Z", BAD},
    {"2026-11-22T03:14:40,5Z", BAD},
    {"2026-11-22T03:14:40Zx", BAD},
    {"2026-11-22T03:14:40Z ", BAD},
    {" 2026-11-22T03:14:40Z", BAD},
    {"2026-11-22T03:14:40+0200", BAD},
    {"2026-11-22T03:14:40+02", BAD},
    {"2026-11-22T03:14:40+24:00", BAD},
    {"2026-11-22T03:14:40+02:60", BAD},
    {"2026-11-22T24:00:00Z", BAD},
    {"2026-11-22T03:60:40Z", BAD},
    {"2026-11-22T03:14:61Z", BAD},
    {"2026-13-01T00:00:00Z", BAD},
    {"2026-00-01T00:00:00Z", BAD},
    {"2026-01-00T00:00:00Z", BAD},
    {"2026-04-31T00:00:00Z", BAD},
    {"2025-02-29T00:00:00Z", BAD},
    {"2026-1-22T03:14:40Z", BAD},
    {"2026-11-22T-3:14:40Z", BAD},
    {"+026-11-22T03:14:40Z", BAD},
    {"20260-11-22T03:14:40Z", BAD},
    {"1795317280", BAD},
};

static void
test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof parses / sizeof *parses; i++) {
		int64_t ms = 4711;
		int rc = clock_parse(parses[i].text, &ms);
		int64_t expected = parses[i].ms == BAD ? 4711 : parses[i].ms;

		if (rc != (parses[i].ms == BAD ? -1 : 0) || ms != expected)
			fail_msg("<%s>: rc %d, %lld", parses[i].text, rc,
			    (long long)ms);
	}
}

/* Every cut of a good text is bad, and none reads behind its end. */
static void
test_parse_cut(void **state)
{
	static const char text[] = "2026-11-22T03:14:40.123+02:00";
	int64_t ms;

	(void)state;
	for (size_t len = 0; len < sizeof text - 1; len++) {
		char cut[sizeof text] = "";

		memcpy(cut, text, len);
		assert_int_equal(clock_parse(cut, &ms), -1);
	}
	assert_int_equal(clock_parse(text, &ms), 0);
}

static void
test_fake(void **state)
{
	struct clock_fake fake = {.wall_ms = 1000, .boot_ms = 50};

	(void)state;
	clock_set_fake(&fake);
	assert_int_equal(clock_wall_ms(), 1000);
	assert_int_equal(clock_boot_ms(), 50);
	assert_int_equal(clock_boot_us(), 50000);
	fake.wall_ms = 900; /* set back */
	fake.boot_ms = 51;
	assert_int_equal(clock_wall_ms(), 900);
	assert_int_equal(clock_boot_ms(), 51);
	clock_set_fake(NULL);
	assert_true(clock_wall_ms() > 1600000000000);
}

static void
test_real(void **state)
{
	int64_t us = clock_boot_us();
	int64_t ms = clock_boot_ms();

	(void)state;
	assert_true(us > 0);
	assert_true(ms >= us / 1000);
	assert_true(clock_boot_us() >= us);
}

/* RFC 9110, 5.6.7: the one form that is written today. */
static void
test_http(void **state)
{
	static const char *const bad[] = {"", "Sun, 06 Nov 1994 08:49:37",
	    "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
	    "Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
	    "Sun, 06 Nov 1994 08:49:37 GMT ", "sun, 06 Nov 1994 08:49:37 GMT",
	    "Sun, 06 Nov 1994 08:49:37 UTC", "Thu, 31 Apr 2026 00:00:00 GMT",
	    "Sun, 06 Nov 1994 24:00:00 GMT", "Wed, 31 Dec 1969 23:59:59 GMT"};
	char text[CLOCK_HTTP_SIZE];
	int64_t ms = 4711;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (clock_parse_http(bad[i], &ms) != -1 || ms != 4711)
			fail_msg("<%s>", bad[i]);
	assert_int_equal(
	    clock_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &ms), 0);
	assert_int_equal(ms, INT64_C(784111777000));
	clock_format_http(ms + 999, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_parse_cut),
	    cmocka_unit_test(test_fake),
	    cmocka_unit_test(test_real),
	    cmocka_unit_test(test_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
