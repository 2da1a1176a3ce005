/* The first bytes of a FastCGI connection. */

#include <string.h>

#include "../../fcgi/records.h"
#include "support.h"

#define BEGIN "01 01 0001 0008 00 00  0001 00 0000000000"

static enum records_result
check(const char *hex)
{
	unsigned char bytes[512];

	return records_check(bytes, support_unhex(hex, bytes, sizeof bytes));
}

static void
test_good(void **state)
{
	static const char *const rows[] = {
	    BEGIN,
	    BEGIN "01 04 00",
	    /* A=b in PARAMS, their end */
	    BEGIN "01 04 0001 0004 00 00 01 01 41 62"
		  "01 04 0001 0000 00 00",
	    /* with padding, and a record that is cut off */
	    BEGIN "01 04 0001 0004 04 00 01 01 41 62 00000000"
		  "01 05 0001 0fff 00 00 61 62",
	    /* kept connection; a length in four bytes */
	    "01 01 0001 0008 00 00  0001 01 0000000000"
	    "01 04 0001 0007 00 00 80000001 01 41 62",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(check(rows[i]), RECORDS_OK);
	/* with the end of STDIN */
	assert_int_equal(check(BEGIN "01 04 0001 0004 00 00 01 01 41 62"
				     "01 04 0001 0000 00 00"
				     "01 05 0001 0000 00 00"),
	    RECORDS_WHOLE);
}

static void
test_bad(void **state)
{
	static const char *const rows[] = {
	    /* GET_VALUES, at once and after BEGIN_REQUEST */
	    "01 09 0000 0010 00 00 0000000000000000",
	    BEGIN "01 09 0000 0010 00 00 00",
	    /* another version, role, id, length */
	    "02 01 0001 0008 00 00  0001 00 0000000000",
	    "01 01 0001 0008 00 00  0002 00 0000000000",
	    "01 01 0000 0008 00 00  0001 00 0000000000",
	    "01 01 0001 0009 00 00  0001 00 0000000000",
	    /* a second request on top, and one of another id */
	    BEGIN BEGIN,
	    BEGIN "01 04 0002 0000 00 00",
	    /* one more behind the end of STDIN */
	    BEGIN "01 05 0001 0000 00 00" BEGIN,
	    /* "GET / HTTP/1.0\r\n\r\n" */
	    "474554202f20485454502f312e300d0a0d0a",
	    /* lengths near 2 GiB */
	    BEGIN "01 04 0001 0008 00 00 ffffffff ffffffff",
	    BEGIN "01 04 0001 0008 00 00 01 ffffffff 414141",
	    BEGIN "01 04 0001 000c 00 00 01 01 41 62 80010001 01 414141",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (check(rows[i]) != RECORDS_BAD)
			fail_msg("accepted: row %zu", i);
	}
}

static void
test_short(void **state)
{
	unsigned char bytes[32];
	size_t len = support_unhex(BEGIN, bytes, sizeof bytes);

	(void)state;
	assert_int_equal(len, RECORDS_FIRST);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(records_check(bytes, i), RECORDS_SHORT);
}

/* No beginning of bytes is ever read beyond its end. */
static void
test_every_cut(void **state)
{
	static const char hex[] =
	    BEGIN "01 04 0001 0008 03 00 01 80000002 41 6263 000000"
		  "01 05 0001 0002 00 00 6162  01 05 0001 0000 00 00";
	unsigned char all[128];
	size_t len = support_unhex(hex, all, sizeof all);

	(void)state;
	for (size_t n = RECORDS_FIRST; n <= len; n++) {
		unsigned char *cut = test_malloc(n);

		memcpy(cut, all, n);
		assert_int_equal(records_check(cut, n),
		    n < len ? RECORDS_OK : RECORDS_WHOLE);
		test_free(cut);
	}
}

/* Output in as few records as it takes, its end, the request's end. */
static void
test_answer(void **state)
{
	static char text[65536];
	unsigned char expected[64];
	struct buf out = {0};
	size_t len = support_unhex("01 06 0102 0002 00 00 6869"
				   "01 06 0102 0000 00 00"
				   "01 03 0102 0008 00 00 0000000000000000",
	    expected, sizeof expected);

	(void)state;
	assert_int_equal(records_answer(&out, 0x0102, "hi", 2), 0);
	assert_int_equal(out.len, len);
	assert_memory_equal(out.p, expected, len);
	buf_clear(&out);
	assert_int_equal(records_answer(&out, 1, text, sizeof text), 0);
	assert_int_equal(out.len, sizeof text + 5 * 8);
	assert_memory_equal(out.p, "\1\6\0\1\xff\xff\0\0", 8);
	assert_memory_equal(out.p + 8 + 65535, "\1\6\0\1\0\1\0\0", 8);
	buf_clear(&out);
	support_fail_alloc(1);
	assert_int_equal(records_answer(&out, 1, "hi", 2), -1);
	support_fail_alloc(0);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_short),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
