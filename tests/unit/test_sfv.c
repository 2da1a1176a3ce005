/* Structured fields: the examples of RFC 9651 (8941), and what is none. */

#include <stdlib.h>
#include <string.h>

#include "../../shared/sfv.h"
#include "support.h"

typedef int parse_fn(const char *text, size_t len, struct sfv *out);

/* The field as it is written again: members with `, ` between them. */
static void
write_all(const struct sfv *field, struct buf *out)
{
	const struct sfv_node *node = sfv_first(field);

	for (; node; node = sfv_next(field, node)) {
		if (node->key) {
			(void)buf_add(out, node->key, node->key_len);
			(void)buf_add_char(out, '=');
		}
		assert_int_equal(sfv_write(field, node, out), 0);
		if (sfv_next(field, node))
			(void)buf_add_str(out, ", ");
	}
}

/* What is parsed is written as `again`; NULL: it is refused. */
static void
try(parse_fn *parse, const char *text, const char *again)
{
	struct sfv field;
	struct buf out = {0};
	/* no more room than it needs: a step too far is seen */
	size_t len = strlen(text);
	char *copy = len > 0 ? memcpy(malloc(len), text, len) : malloc(1);
	int rc = parse(copy, len, &field);

	if ((rc == 0) != (again != NULL))
		fail_msg("`%s`: %d", text, rc);
	if (again) {
		write_all(&field, &out);
		assert_string_equal(buf_str(&out), again);
	}
	buf_clear(&out);
	free(copy);
}

static void
test_items(void **state)
{
	(void)state;
	try(sfv_item, "5", "5");
	try(sfv_item, "5;foo=bar", "5;foo=bar");
	try(sfv_item, "42", "42");
	try(sfv_item, "-0", "0");
	try(sfv_item, "-042", "-42");
	try(sfv_item, "999999999999999", "999999999999999");
	try(sfv_item, "4.5", "4.5");
	try(sfv_item, "-0.50", "-0.5");
	try(sfv_item, "123456789012.125", "123456789012.125");
	try(sfv_item, "1.010", "1.01");
	try(sfv_item, "7.000", "7.0");
	try(sfv_item, "\"hello world\"", "\"hello world\"");
	try(sfv_item, "\"a \\\"b\\\" \\\\\"", "\"a \\\"b\\\" \\\\\"");
	try(sfv_item, "\"\"", "\"\"");
	try(sfv_item, "foo123/456", "foo123/456");
	try(sfv_item, "*a:b", "*a:b");
	try(sfv_item, ":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:",
	    ":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:");
	try(sfv_item, "?1", "?1");
	try(sfv_item, "?0;a;b=?0", "?0;a;b=?0");
	try(sfv_item, "@1659578233", "@1659578233");
	try(sfv_item, "  a  ", "a");
	try(sfv_item, "a;x=1;y=2;x=3", "a;x=3;y=2");
	try(sfv_item, "a;  x=1;y", "a;x=1;y");
}

static void
test_bad_items(void **state)
{
	static const char *const bad[] = {"", " ", "-", "--1", "1.", "1.1234",
	    "1234567890123.1", "1000000000000000", ".5", "+1", "1e3", "\"a",
	    "\"\\n\"", "\"a\\", "\"\t\"", "\"\x7f\"", "\"\xc3\xa4\"", ":", ":a",
	    ":a-b:", ":a b:", "?", "?2", "?true", "@", "@1.5", "@a", "%\"a\"",
	    "a b", "a,b", "a;", "a;B=1", "a;1", "a;=1", "a;x=", "a;x= 1",
	    "a ;x", "(a)", "a;x=(a)", "'a'", "\ta"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		try(sfv_item, bad[i], NULL);
}

static void
test_lists(void **state)
{
	(void)state;
	try(sfv_list, "", "");
	try(sfv_list, "sugar, tea, rum", "sugar, tea, rum");
	try(sfv_list, "a ,\t b", "a, b");
	try(sfv_list, "(\"foo\" \"bar\"), (\"baz\"), (\"bat\" \"one\"), ()",
	    "(\"foo\" \"bar\"), (\"baz\"), (\"bat\" \"one\"), ()");
	try(sfv_list, "(\"foo\"; a=1;b=2);lvl=5, (\"bar\" \"baz\");lvl=1",
	    "(\"foo\";a=1;b=2);lvl=5, (\"bar\" \"baz\");lvl=1");
	try(sfv_list, "abc;a=1;b=2; cde_456, (ghi;jk=4 l);q=\"9\";r=w",
	    "abc;a=1;b=2;cde_456, (ghi;jk=4 l);q=\"9\";r=w");
	try(sfv_list, "1; a; b=?0", "1;a;b=?0");
	try(sfv_list, "(  a   b  )", "(a b)");
}

static void
test_bad_lists(void **state)
{
	static const char *const bad[] = {"a,", ",a", "a,,b", "a b", "(a",
	    "(a,b)", "(a\tb)", "((a))", "(\"a\"\"b\")", "(a)b", "(", "a, ",
	    "(a;)"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		try(sfv_list, bad[i], NULL);
}

static void
test_dictionaries(void **state)
{
	(void)state;
	try(sfv_dictionary, "", "");
	try(sfv_dictionary, "en=\"Applepie\", da=:w4ZibGV0w6ZydGU=:",
	    "en=\"Applepie\", da=:w4ZibGV0w6ZydGU=:");
	try(sfv_dictionary, "a=?0, b, c; foo=bar", "a=?0, b=?1, c=?1;foo=bar");
	try(sfv_dictionary, "rating=1.5, feelings=(joy sadness)",
	    "rating=1.5, feelings=(joy sadness)");
	try(sfv_dictionary, "a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid",
	    "a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid");
	try(sfv_dictionary, "foo=1, bar=2", "foo=1, bar=2");
	/* the last one counts, where the first one stood */
	try(sfv_dictionary, "a=1;x, b=2, a=(3)", "a=(3), b=2");
}

static void
test_bad_dictionaries(void **state)
{
	static const char *const bad[] = {"A=1", "=1", "a=", "a= 1", "a =1",
	    "a=1,", "a=1 b=2", "a=1;", "a=(1", "1=a", "a=1,, b=2", "a\xc3=1",
	    "\"a\"=1"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		try(sfv_dictionary, bad[i], NULL);
}

static void
test_values(void **state)
{
	static const char text[] =
	    "s=\"a\\\"b\\\\\";n=-7;t=tok, b=:AQID:, c=:AQI:, d=:AQJ=:";
	struct sfv field;
	struct buf out = {0};
	const struct sfv_node *node;

	(void)state;
	assert_int_equal(sfv_dictionary(text, strlen(text), &field), 0);
	node = sfv_member(&field, "s", 1);
	assert_non_null(node);
	assert_int_equal(sfv_text(node, &out), 0);
	assert_string_equal(buf_str(&out), "a\"b\\");
	assert_int_equal(sfv_param(&field, node, "n")->number, -7);
	assert_null(sfv_param(&field, node, "x"));
	buf_reset(&out);
	assert_int_equal(sfv_text(sfv_param(&field, node, "t"), &out), 0);
	assert_string_equal(buf_str(&out), "tok");
	buf_reset(&out);
	assert_int_equal(sfv_bytes(node, &out), -1);
	assert_int_equal(sfv_bytes(sfv_member(&field, "b", 1), &out), 0);
	assert_int_equal(out.len, 3);
	assert_memory_equal(out.p, "\1\2\3", 3);
	assert_int_equal(sfv_text(sfv_member(&field, "b", 1), &out), -1);
	/* padding is there, and bits that carry nothing are not */
	assert_int_equal(sfv_bytes(sfv_member(&field, "c", 1), &out), -1);
	assert_int_equal(sfv_bytes(sfv_member(&field, "d", 1), &out), -1);
	assert_null(sfv_member(&field, "e", 1));
	buf_clear(&out);
}

/* As many nodes as there is room for, and one more. */
static void
test_bounds(void **state)
{
	char text[SFV_NODES_MAX * 2 + 2] = "";
	struct sfv field;

	(void)state;
	for (size_t i = 0; i < SFV_NODES_MAX - 1; i++)
		memcpy(text + 2 * i, "a,", 3);
	assert_int_equal(
	    sfv_list(text, 2 * (SFV_NODES_MAX - 1) - 1, &field), 0);
	strcat(text, "b");
	assert_int_equal(sfv_list(text, strlen(text), &field), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_items),
	    cmocka_unit_test(test_bad_items),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_bad_lists),
	    cmocka_unit_test(test_dictionaries),
	    cmocka_unit_test(test_bad_dictionaries),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
