/* hex and base64: RFC 4648 vectors, and everything that is not one text. */

#include <stdio.h>
#include <string.h>

#include "../../shared/codec.h"
#include "support.h"

static void
check_encode(enum codec codec, const char *bytes, const char *text)
{
	struct buf out = {0};

	assert_int_equal(codec_encode(codec, bytes, strlen(bytes), &out), 0);
	assert_string_equal(buf_str(&out), text);
	buf_clear(&out);
}

static void
check_decode(enum codec codec, const char *text, const char *bytes)
{
	struct buf out = {0};

	assert_int_equal(buf_add_str(&out, "<"), 0);
	assert_int_equal(codec_decode(codec, text, strlen(text), &out), 0);
	assert_string_equal(buf_str(&out) + 1, bytes);
	buf_clear(&out);
}

/* Refused, and what was in the buffer is still all there is. */
static void
check_refused(enum codec codec, const char *text)
{
	struct buf out = {0};

	assert_int_equal(buf_add_str(&out, "<"), 0);
	if (codec_decode(codec, text, strlen(text), &out) == 0)
		fail_msg("`%s` was decoded", text);
	assert_false(out.failed);
	assert_string_equal(buf_str(&out), "<");
	buf_clear(&out);
}

static void
test_rfc4648(void **state)
{
	static const char *const rows[][4] = {
	    {"", "", "", ""},
	    {"f", "66", "Zg==", "Zg"},
	    {"fo", "666f", "Zm8=", "Zm8"},
	    {"foo", "666f6f", "Zm9v", "Zm9v"},
	    {"foob", "666f6f62", "Zm9vYg==", "Zm9vYg"},
	    {"fooba", "666f6f6261", "Zm9vYmE=", "Zm9vYmE"},
	    {"foobar", "666f6f626172", "Zm9vYmFy", "Zm9vYmFy"},
	    {"\xfb\xff\xbf", "fbffbf", "+/+/", "-_-_"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		check_encode(CODEC_HEX, rows[i][0], rows[i][1]);
		check_encode(CODEC_BASE64, rows[i][0], rows[i][2]);
		check_encode(CODEC_BASE64URL, rows[i][0], rows[i][3]);
		check_decode(CODEC_HEX, rows[i][1], rows[i][0]);
		check_decode(CODEC_BASE64, rows[i][2], rows[i][0]);
		check_decode(CODEC_BASE64URL, rows[i][3], rows[i][0]);
		check_decode(CODEC_BASE64_OPEN, rows[i][2], rows[i][0]);
	}
	check_decode(CODEC_HEX, "6F6f", "oo");
	check_decode(CODEC_BASE64URL, "Zg==", "f");
	check_decode(CODEC_BASE64_OPEN, "Zg", "f");
}

static void
test_refused(void **state)
{
	static const char *const hex[] = {
	    "6", "666", "6g", "0x66", " 66", "66 ", "66\n66", "-1", "+6"};
	static const char *const base64[] = {"Zg", "Zg=", "Zg===", "Z",
	    "Z===", "=",
	    "==", "====", "Zh==", "Zm9=", "Zm8=Zm8=", " Zg==", "Zg==\n",
	    "Zg= =", "-_-_", "Zg!=", "Zm9vY===", "Zg==Zg=="};
	static const char *const base64url[] = {
	    "Z", "Zg=", "Zh", "+/+/", "Zg===", "Zm9v="};

	(void)state;
	for (size_t i = 0; i < sizeof(hex) / sizeof(*hex); i++)
		check_refused(CODEC_HEX, hex[i]);
	for (size_t i = 0; i < sizeof(base64) / sizeof(*base64); i++)
		check_refused(CODEC_BASE64, base64[i]);
	for (size_t i = 0; i < sizeof(base64url) / sizeof(*base64url); i++)
		check_refused(CODEC_BASE64URL, base64url[i]);
	check_refused(CODEC_BASE64_OPEN, "-_-_");
	check_refused(CODEC_BASE64_OPEN, "Zh");
}

/* One text per value: of all texts of four characters over a few letters that
 * decode, no two give the same bytes but by their padding. */
static void
test_one_text(void **state)
{
	static const char letters[] = "ABCDQgwx/+=";
	const size_t n = strlen(letters);

	(void)state;
	for (size_t i = 0; i < n * n * n * n; i++) {
		char text[5] = {letters[i % n], letters[i / n % n],
		    letters[i / n / n % n], letters[i / n / n / n], '\0'};
		struct buf out = {0};
		struct buf again = {0};

		if (codec_decode(CODEC_BASE64, text, 4, &out) == 0) {
			assert_int_equal(
			    codec_encode(CODEC_BASE64, out.p, out.len, &again),
			    0);
			assert_string_equal(buf_str(&again), text);
		}
		buf_clear(&out);
		buf_clear(&again);
	}
}

static void
test_no_memory(void **state)
{
	(void)state;
	for (int codec = 0; codec < CODEC__MAX; codec++) {
		struct buf out = {0};

		support_fail_alloc(1);
		assert_int_equal(
		    codec_encode((enum codec)codec, "abc", 3, &out), -1);
		assert_true(out.failed);
		buf_clear(&out);
		support_fail_alloc(1);
		assert_int_equal(
		    codec_decode((enum codec)codec, "6666", 4, &out), -1);
		assert_true(out.failed);
		support_fail_alloc(0);
		buf_clear(&out);
	}
}

/* No more is written than there is room for; all of it is checked. */
static void
test_into(void **state)
{
	unsigned char out[4] = {0, 0, 0, 7};

	(void)state;
	assert_int_equal(codec_decode_into(CODEC_HEX, "616263", 6, out, 3), 3);
	assert_memory_equal(out, "abc\7", 4);
	assert_int_equal(
	    codec_decode_into(CODEC_HEX, "7879007f", 8, out, 3), 4);
	assert_memory_equal(out, "xy\0\7", 4);
	assert_int_equal(codec_decode_into(CODEC_HEX, "78790g", 6, out, 1), -1);
	assert_int_equal(
	    codec_decode_into(CODEC_BASE64, "YWJjZA==", 8, out, 3), 4);
	assert_memory_equal(out, "abc\7", 4);
	assert_int_equal(
	    codec_decode_into(CODEC_BASE64, "YWJjZ-==", 8, out, 3), -1);
	assert_int_equal(
	    codec_decode_into(CODEC_BASE64URL, "-_-_", 4, out, 3), 3);
	assert_memory_equal(out, "\xfb\xff\xbf\7", 4);
	assert_int_equal(
	    codec_decode_into(CODEC_BASE64URL, "-/-_", 4, out, 3), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rfc4648),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_one_text),
	    cmocka_unit_test(test_into),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
