/*
 * jsonpick: pointers, strictness, and agreement with jansson on texts made by
 * a generator, whole and damaged.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../../shared/jsonpick.h"
#include "support.h"

enum { TEXTS = 4000, DAMAGED = 40000, POINTERS = 8, NESTING = 5 };

/* ---- one pointer ---- */

static int
pick(const char *text, const char *pointer, struct jsonpick_value *value)
{
	struct jsonpick_pointer compiled;

	assert_int_equal(jsonpick_compile(pointer, &compiled), 0);
	return jsonpick_scan(text, strlen(text), &compiled, 1, value);
}

static void
check(const char *text, const char *pointer, const char *wanted)
{
	struct jsonpick_value value;
	struct buf out = {0};

	if (pick(text, pointer, &value))
		fail_msg("%s: no JSON", text);
	if (wanted && jsonpick_text(&value, &out))
		fail_msg("%s in %s: nothing", pointer, text);
	if (wanted)
		assert_string_equal(buf_str(&out), wanted);
	else
		assert_int_equal(jsonpick_text(&value, &out), -1);
	assert_false(out.failed);
	buf_clear(&out);
}

static void
test_pointers(void **state)
{
	const char *text = "{\"a\":{\"b\":[10,{\"c\":\"x\"},[1,2]],\"\":\"e\"},"
			   "\"a/b\":1,\"m~n\":2,\"0\":\"zero\",\"t\":true,"
			   "\"f\":false,\"n\":null,\"u\":\"\\u00e9\\n\"}";

	(void)state;
	check(text, "/a/b/0", "10");
	check(text, "/a/b/1/c", "x");
	check(text, "/a/b/2/1", "2");
	check(text, "/a/", "e");
	check(text, "/a~1b", "1");
	check(text, "/m~0n", "2");
	check(text, "/0", "zero");
	check(text, "/t", "true");
	check(text, "/f", "false");
	check(text, "/u", "\xc3\xa9\n");
	check(text, "/n", NULL);
	check(text, "/a", NULL);
	check(text, "/a/b", NULL);
	check(text, "", NULL);
	check(text, "/a/b/3", NULL);
	check(text, "/a/b/01", NULL);
	check(text, "/a/b/-", NULL);
	check(text, "/a/b/1/c/d", NULL);
	check(text, "/t/x", NULL);
	check("\"s\"", "", "s");
	check(" 12 ", "", "12");
	check("[[[5]]]", "/0/0/0", "5");
	check("[{\"id\":1},{\"id\":2}]", "/1/id", "2");
	check("{\"\\u0061\\/\":7}", "/a~1", "7");
	check("{\"id\":12345678901234567890123}", "/id",
	    "12345678901234567890123");
	check("{\"id\":1e400}", "/id", "1e400");
}

static void
test_bad_pointers(void **state)
{
	static const char *const bad[] = {"a", "/a~", "/~2", "/a~b", " /a",
	    "/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h"};
	struct jsonpick_pointer pointer;
	char long_one[JSONPICK_POINTER_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(jsonpick_compile(bad[i], &pointer), -1);
	memset(long_one, 'a', sizeof(long_one));
	long_one[0] = '/';
	long_one[JSONPICK_POINTER_MAX + 1] = '\0';
	assert_int_equal(jsonpick_compile(long_one, &pointer), -1);
	long_one[JSONPICK_POINTER_MAX] = '\0';
	assert_int_equal(jsonpick_compile(long_one, &pointer), 0);
}

/* A name twice on the way: nothing; elsewhere: no matter. */
static void
test_twice(void **state)
{
	(void)state;
	check("{\"id\":1,\"id\":1}", "/id", NULL);
	check("{\"id\":1,\"\\u0069d\":2}", "/id", NULL);
	check("{\"a\":{\"id\":1},\"a\":{\"x\":2}}", "/a/id", NULL);
	check("{\"a\":{\"x\":2},\"a\":{\"id\":1}}", "/a/id", NULL);
	check("{\"a\":{\"id\":1},\"a\":3}", "/a/id", NULL);
	check("{\"x\":1,\"x\":2,\"id\":3}", "/id", "3");
	check("{\"a\":{\"id\":1},\"b\":{\"id\":2}}", "/a/id", "1");
	check("[{\"id\":1},{\"id\":2,\"id\":3}]", "/0/id", "1");
}

static void
test_refused(void **state)
{
	static const char *const bad[] = {"", " ", "{", "[", "}", "]", "{]",
	    "[}", "[1", "[1,", "[1,]", "[,1]", "{\"a\"", "{\"a\":", "{\"a\":1",
	    "{\"a\":1,}", "{,}", "{a:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
	    "{1:2}", "[1 2]", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1",
	    "--1", "truE", "tru", "nul", "NaN", "Infinity", "'a'", "\"", "\"a",
	    "\"\\", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\t\"",
	    "\"\x01\"", "\"\x80\"", "\"\xc0\x80\"", "\"\xc3\"",
	    "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe0\x80\x80\"",
	    "\"\xf8\x88\x80\x80\x80\"", "1 2", "{}{}", "[]x", "\xef\xbb\xbf{}",
	    "/**/{}", "{\"a\":1}\f"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct jsonpick_value value;

		if (pick(bad[i], "/a", &value) == 0)
			fail_msg("`%s` was taken for JSON", bad[i]);
		assert_int_equal(value.kind, JSONPICK_NONE);
	}
}

/* Half a surrogate pair is valid JSON, but no text. */
static void
test_surrogates(void **state)
{
	(void)state;
	check("{\"a\":\"\\ud83d\\ude00\"}", "/a", "\xf0\x9f\x98\x80");
	check("{\"a\":\"\\ud83d\"}", "/a", NULL);
	check("{\"a\":\"\\ud83dx\"}", "/a", NULL);
	check("{\"a\":\"\\ud83d\\n\"}", "/a", NULL);
	check("{\"a\":\"\\ude00\"}", "/a", NULL);
	check("{\"a\":\"\\ud83d\\u0041\"}", "/a", NULL);
	check("{\"\\ud83d\":1,\"b\":2}", "/b", "2");
}

static void
test_depth(void **state)
{
	char text[2 * JSONPICK_DEPTH + 3];
	struct jsonpick_value value;
	const size_t n = JSONPICK_DEPTH;

	(void)state;
	memset(text, '[', n);
	memset(text + n, ']', n);
	text[2 * n] = '\0';
	assert_int_equal(pick(text, "", &value), 0);
	assert_int_equal(value.kind, JSONPICK_ARRAY);
	memset(text, '[', n + 1);
	memset(text + n + 1, ']', n + 1);
	text[2 * n + 2] = '\0';
	assert_int_equal(pick(text, "", &value), -1);
}

/* ---- against jansson ---- */

static uint64_t seed = 88172645463325252U;

static unsigned
roll(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 20) % n;
}

static void
blanks(struct buf *out)
{
	while (roll(5) == 0)
		(void)buf_add_char(out, " \t\r\n"[roll(4)]);
}

static void
make_string(struct buf *out)
{
	static const char *const pieces[] = {"a", "b", "id", "\\n", "\\u0041",
	    "\\u00e9", "\\ud83d\\ude00", "\xc3\xa9", "\xe2\x99\xa5", "\\\"",
	    "\\\\", "/", "~", "0", "\xf0\x9f\x98\x80", "\\/", "\\u0000", "{",
	    "\x7f", ","};

	(void)buf_add_char(out, '"');
	for (unsigned n = roll(4); n > 0; n--)
		(void)buf_add_str(
		    out, pieces[roll(sizeof(pieces) / sizeof(*pieces))]);
	(void)buf_add_char(out, '"');
}

static void
make_value(struct buf *out, unsigned level)
{
	static const char *const scalars[] = {"0", "-0", "12", "-7", "1.5",
	    "1e3", "2E-2", "123456789012", "true", "false", "null", "0.1e+1"};
	unsigned kind = roll(level == 0 ? 2 : 4);
	bool object = kind == 3;

	blanks(out);
	if (kind == 0) {
		make_string(out);
	} else if (kind == 1) {
		(void)buf_add_str(
		    out, scalars[roll(sizeof(scalars) / sizeof(*scalars))]);
	} else {
		(void)buf_add_char(out, object ? '{' : '[');
		for (unsigned n = roll(5), i = 0; i < n; i++) {
			if (i > 0)
				(void)buf_add_char(out, ',');
			blanks(out);
			if (object) {
				make_string(out);
				blanks(out);
				(void)buf_add_char(out, ':');
			}
			make_value(out, level - 1);
		}
		blanks(out);
		(void)buf_add_char(out, object ? '}' : ']');
	}
	blanks(out);
}

/* A pointer to some value of the tree, or beside it. */
static const json_t *
make_pointer(const json_t *value, struct buf *out)
{
	while (roll(6) != 0) {
		if (json_is_array(value)) {
			unsigned i = roll((unsigned)json_array_size(value) + 1);

			(void)buf_printf(out, "/%u", i);
			value = json_array_get(value, i);
		} else if (json_is_object(value) && json_object_size(value)) {
			void *iter =
			    json_object_iter((json_t *)(uintptr_t)value);

			for (unsigned i =
				 roll((unsigned)json_object_size(value));
			     i > 0; i--)
				iter = json_object_iter_next(
				    (json_t *)(uintptr_t)value, iter);
			(void)buf_add_char(out, '/');
			for (const char *c = json_object_iter_key(iter);
			     *c != '\0'; c++) {
				if (*c == '~' || *c == '/')
					(void)buf_printf(
					    out, "~%c", *c == '~' ? '0' : '1');
				else
					(void)buf_add_char(out, *c);
			}
			value = json_object_iter_value(iter);
		} else {
			break;
		}
	}
	return value;
}

/* Keys with a NUL in them cannot be walked in jansson: leave such texts out. */
static bool
has_nul(const char *text)
{
	return strstr(text, "\\u0000") != NULL;
}

static void
compare(const json_t *value, const struct jsonpick_value *picked,
    const char *text, const char *pointer)
{
	static const enum jsonpick_kind kinds[] = {
	    [JSON_OBJECT] = JSONPICK_OBJECT,
	    [JSON_ARRAY] = JSONPICK_ARRAY,
	    [JSON_STRING] = JSONPICK_STRING,
	    [JSON_INTEGER] = JSONPICK_NUMBER,
	    [JSON_REAL] = JSONPICK_NUMBER,
	    [JSON_TRUE] = JSONPICK_TRUE,
	    [JSON_FALSE] = JSONPICK_FALSE,
	    [JSON_NULL] = JSONPICK_NULL,
	};
	enum jsonpick_kind wanted =
	    value ? kinds[json_typeof(value)] : JSONPICK_NONE;
	struct buf out = {0};

	if (picked->kind != wanted)
		fail_msg("%s in %s: %d, not %d", pointer, text, picked->kind,
		    wanted);
	if (wanted == JSONPICK_STRING) {
		assert_int_equal(jsonpick_text(picked, &out), 0);
		assert_int_equal(out.len, json_string_length(value));
		assert_memory_equal(
		    buf_str(&out), json_string_value(value), out.len);
	} else if (wanted == JSONPICK_NUMBER) {
		assert_int_equal(jsonpick_text(picked, &out), 0);
		assert_true(
		    strtod(buf_str(&out), NULL) == json_number_value(value));
	}
	buf_clear(&out);
}

/* Pick random values out of a text that jansson reads. */
static unsigned
agree(const char *text, const json_t *root)
{
	struct jsonpick_pointer pointers[POINTERS];
	struct jsonpick_value values[POINTERS];
	const json_t *wanted[POINTERS];
	struct buf names[POINTERS] = {0};
	size_t n = 0;

	for (unsigned i = 0; i < POINTERS; i++) {
		wanted[n] = make_pointer(root, &names[i]);
		if (jsonpick_compile(buf_str(&names[i]), &pointers[n]) == 0)
			n++;
	}
	assert_int_equal(n, POINTERS);
	if (jsonpick_scan(text, strlen(text), pointers, n, values))
		fail_msg("%s: refused", text);
	for (size_t i = 0; i < n; i++) {
		compare(wanted[i], &values[i], text, buf_str(&names[i]));
		buf_clear(&names[i]);
	}
	return (unsigned)n;
}

static void
test_agrees(void **state)
{
	unsigned texts = 0;
	unsigned values = 0;

	(void)state;
	for (unsigned i = 0; i < TEXTS; i++) {
		struct buf text = {0};
		json_error_t error;
		json_t *root;

		make_value(&text, NESTING);
		root = json_loads(buf_str(&text),
		    JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
		    &error);
		if (root && !has_nul(buf_str(&text))) {
			values += agree(buf_str(&text), root);
			texts++;
		}
		json_decref(root);
		buf_clear(&text);
	}
	printf("%u texts, %u values as jansson has them\n", texts, values);
	assert_true(texts > TEXTS / 2);
}

/* What jansson refuses that is JSON all the same. */
static bool
is_known_difference(const json_error_t *error)
{
	return json_error_code(error) == json_error_numeric_overflow ||
	       json_error_code(error) == json_error_duplicate_key ||
	       json_error_code(error) == json_error_null_byte_in_key ||
	       strstr(error->text, "invalid Unicode") != NULL;
}

static void
damage(struct buf *text)
{
	static const char bytes[] = "{}[],:\"\\ue0-+. \t\x01\x80\xc3tfn/";

	for (unsigned n = 1 + roll(3); n > 0 && text->len > 1; n--) {
		size_t at = roll((unsigned)text->len);

		if (roll(3) == 0) {
			memmove(
			    text->p + at, text->p + at + 1, text->len - at - 1);
			text->len--;
		} else {
			text->p[at] = bytes[roll(sizeof(bytes) - 1)];
		}
	}
}

static void
test_damaged(void **state)
{
	struct jsonpick_pointer whole = {0};
	unsigned refused = 0;
	unsigned accepted = 0;

	(void)state;
	for (unsigned i = 0; i < DAMAGED; i++) {
		struct buf text = {0};
		struct jsonpick_value value;
		json_error_t error;
		json_t *root;
		int rc;

		make_value(&text, NESTING);
		damage(&text);
		root = json_loadb(
		    text.p, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
		rc = jsonpick_scan(text.p, text.len, &whole, 1, &value);
		if ((rc == 0) != (root != NULL) &&
		    !(rc == 0 && is_known_difference(&error)))
			fail_msg("`%s`: %d, jansson: %s", buf_str(&text), rc,
			    root ? "fine" : error.text);
		refused += rc != 0;
		accepted += rc == 0;
		json_decref(root);
		buf_clear(&text);
	}
	printf("%u damaged texts refused, %u still valid\n", refused, accepted);
	assert_true(refused > DAMAGED / 4 && accepted > DAMAGED / 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pointers),
	    cmocka_unit_test(test_bad_pointers),
	    cmocka_unit_test(test_twice),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_surrogates),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_agrees),
	    cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
