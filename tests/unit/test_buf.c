#include <stdlib.h>
#include <string.h>

#include "../../shared/buf.h"
#include "support.h"

static void
test_append(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_add(&b, "ab\0c", 4), 0);
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	assert_int_equal(buf_add_str(&b, "de"), 0);
	assert_int_equal(buf_add_char(&b, 'f'), 0);
	assert_int_equal(buf_printf(&b, "%d-%s", 17, "g"), 0);
	assert_int_equal(b.len, 11);
	assert_memory_equal(buf_str(&b), "ab\0cdef17-g", 12);
	buf_clear(&b);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	buf_clear(&b);
}

/* Every length around the borders of growth keeps bytes and NUL in bounds. */
static void
test_growth(void **state)
{
	char bytes[1100];

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	for (size_t len = 0; len < sizeof bytes; len++) {
		struct buf b = {0};

		assert_int_equal(buf_add(&b, bytes, len), 0);
		assert_int_equal(buf_printf(&b, "%s", "end"), 0);
		assert_int_equal(strlen(buf_str(&b)), len + 3);
		assert_string_equal(buf_str(&b) + len, "end");
		buf_clear(&b);
	}
}

static void
test_reserve(void **state)
{
	struct buf b = {0};
	char *p;

	(void)state;
	assert_int_equal(buf_reserve(&b, 5000), 0);
	assert_true(b.cap > 5000);
	p = b.p;
	for (int i = 0; i < 5000; i++)
		assert_int_equal(buf_add_char(&b, 'x'), 0);
	assert_ptr_equal(b.p, p);

	/* more than there can be: failed, the bytes stay */
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 16), -1);
	assert_true(b.failed);
	assert_int_equal(b.len, 5000);
	assert_ptr_equal(b.p, p);
	buf_clear(&b);
}

static void
test_take(void **state)
{
	struct buf b = {0};
	char *p;

	(void)state;
	assert_int_equal(buf_add_str(&b, "mine"), 0);
	p = buf_take(&b);
	assert_string_equal(p, "mine");
	free(p);
	assert_int_equal(b.len, 0);
	p = buf_take(&b);
	assert_string_equal(p, "");
	free(p);
	buf_clear(&b);
}

static void
test_failed(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_int_equal(buf_add_str(&b, "kept"), 0);
	support_fail_alloc(1);
	assert_int_equal(buf_reserve(&b, 4096), -1);
	support_fail_alloc(0);
	/* every later append does nothing, though there is memory again */
	assert_int_equal(buf_add_char(&b, 'x'), -1);
	assert_int_equal(buf_add_str(&b, ""), -1);
	assert_int_equal(buf_printf(&b, "x"), -1);
	assert_int_equal(buf_add_json(&b, "x", 1), -1);
	assert_int_equal(b.len, 4);
	assert_null(buf_str(&b));
	assert_null(buf_take(&b));
	assert_false(b.failed);
	assert_null(b.p);

	/* reset forgives as well, and keeps the memory */
	assert_int_equal(buf_add_str(&b, "again"), 0);
	b.failed = true;
	buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_true(b.cap > 0);
	assert_string_equal(buf_str(&b), "");
	buf_clear(&b);
}

struct json_row {
	const char *text;
	const char *json;
};

#define BAD "\xef\xbf\xbd" /* U+FFFD */

static const struct json_row json_rows[] = {
    {"", ""},
    {"plain text / ~", "plain text / ~"},
    {"say \"hi\\\"", "say \\\"hi\\\\\\\""},
    {"a\nb\rc\td", "a\\nb\\rc\\td"},
    {"\x01\x1b[0m\x1f\x7f", "\\u0001\\u001b[0m\\u001f\\u007f"},
    /* well-formed: shortest and longest of each length */
    {"\xc2\x80\xdf\xbf", "\xc2\x80\xdf\xbf"},
    {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
	"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"},
    {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
    /* overlong, surrogate, beyond U+10FFFF, stray and cut */
    {"\xc0\x80", BAD BAD},
    {"\xc1\xbf", BAD BAD},
    {"\xe0\x9f\xbf", BAD BAD BAD},
    {"\xed\xa0\x80", BAD BAD BAD},
    {"\xf0\x8f\xbf\xbf", BAD BAD BAD BAD},
    {"\xf4\x90\x80\x80", BAD BAD BAD BAD},
    {"\xf5\x80", BAD BAD},
    {"\x80x\xff", BAD "x" BAD},
    {"x\xc3", "x" BAD},
    {"x\xe2\x82", "x" BAD BAD},
    {"x\xf0\x9f\x98", "x" BAD BAD BAD},
    {"\xc3\"", BAD "\\\""},
    {"\xe2\x82\n", BAD BAD "\\n"},
};

static void
test_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof json_rows / sizeof *json_rows; i++) {
		const struct json_row *row = &json_rows[i];
		/* its own memory, to the byte: a reader behind the end shows */
		size_t len = strlen(row->text);
		char *text = malloc(len + !len);
		struct buf b = {0};

		assert_non_null(text);
		memcpy(text, row->text, len);
		assert_int_equal(buf_add_json(&b, text, len), 0);
		if (strcmp(buf_str(&b), row->json) != 0)
			fail_msg("row %zu: <%s>", i, buf_str(&b));
		buf_clear(&b);
		free(text);
	}
}

static void
test_json_nul(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_int_equal(buf_add_json(&b, "a\0b", 3), 0);
	assert_string_equal(buf_str(&b), "a\\u0000b");
	buf_clear(&b);
}

static int
build(struct buf *b)
{
	char text[600];

	memset(text, '\n', sizeof text);
	(void)buf_add(b, text, 200);
	(void)buf_printf(b, "%300d", 1);
	return buf_add_json(b, text, sizeof text);
}

static void
test_without_memory(void **state)
{
	struct buf b = {0};
	unsigned n;

	(void)state;
	for (n = 1; support_fail_alloc(n), build(&b) != 0; n++) {
		assert_true(b.failed);
		assert_null(buf_str(&b));
		buf_clear(&b);
	}
	support_fail_alloc(0);
	assert_true(n > 2);
	assert_int_equal(b.len, 200 + 300 + 1200);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_append),
	    cmocka_unit_test(test_growth),
	    cmocka_unit_test(test_reserve),
	    cmocka_unit_test(test_take),
	    cmocka_unit_test(test_failed),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_json_nul),
	    cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
