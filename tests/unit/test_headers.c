/* Which headers are stored. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../../fcgi/headers.h"
#include "support.h"

static char *
write_all(struct scheme_header *headers, size_t n)
{
	struct params params = {.n_headers = n};
	struct buf out = {0};
	char *text;

	memcpy(params.headers, headers, n * sizeof *headers);
	assert_int_equal(
	    headers_write(scheme_builtin("github"), &params, &out), 0);
	text = buf_take(&out);
	assert_non_null(text);
	return text;
}

static void
test_what_is_left_out(void **state)
{
	struct scheme_header headers[] = {{"x-github-event", "push"},
	    {"cookie", "a"}, {"authorization", "b"},
	    {"proxy-authorization", "c"}, {"connection", "close"},
	    {"transfer-encoding", "chunked"}, {"proxy", "http://x"},
	    {"x-hub-signature-256", "sha256=00"}, {"", "no name"},
	    {"user-agent", "a\"b\\c\x01\xff"}};
	char *text = write_all(headers, sizeof headers / sizeof *headers);
	json_t *object = json_loads(text, 0, NULL);

	(void)state;
	assert_non_null(object);
	assert_int_equal(json_object_size(object), 2);
	assert_string_equal(
	    json_string_value(json_object_get(object, "x-github-event")),
	    "push");
	assert_string_equal(
	    json_string_value(json_object_get(object, "user-agent")),
	    "a\"b\\c\x01\xef\xbf\xbd");
	json_decref(object);
	free(text);
}

/* A refused request: signatures stay, secrets are blanked. */
static void
test_rejected(void **state)
{
	static const struct {
		const char *scheme;
		const char *text;
	} rows[] = {
	    {"github", "{\"x-hub-signature-256\":\"sha256=00, 2\"}"},
	    {"token", "{\"authorization\":\"-\","
		      "\"x-hub-signature-256\":\"sha256=00, 2\"}"},
	    {"basic", "{\"authorization\":\"-\","
		      "\"x-hub-signature-256\":\"sha256=00, 2\"}"},
	};
	struct scheme_header headers[] = {{"cookie", "a"},
	    {"authorization", "Bearer b"}, {"x-hub-signature-256", "sha256=00"},
	    {"proxy-authorization", "c"}, {"", "no name"},
	    {"x-hub-signature-256", "2"}};
	struct params params = {.n_headers = 6};

	(void)state;
	memcpy(params.headers, headers, sizeof headers);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = {0};

		assert_int_equal(
		    headers_write_rejected(
			scheme_builtin(rows[i].scheme), &params, &out),
		    0);
		assert_string_equal(buf_str(&out), rows[i].text);
		buf_clear(&out);
	}
}

static void
test_twice_is_joined(void **state)
{
	struct scheme_header headers[] = {
	    {"x-a", "1"}, {"x-b", "2"}, {"x-a", "3"}, {"x-a", "4"}};
	char *text = write_all(headers, 4);

	(void)state;
	assert_string_equal(text, "{\"x-a\":\"1, 3, 4\",\"x-b\":\"2\"}");
	free(text);
}

static void
test_none(void **state)
{
	char *text = write_all((struct scheme_header[]){{"te", "x"}}, 1);

	(void)state;
	assert_string_equal(text, "{}");
	free(text);
}

static void
test_limits(void **state)
{
	struct scheme_header headers[HEADERS_MAX + 10];
	char names[HEADERS_MAX + 10][8];
	char *long_value = malloc(HEADERS_BYTES_MAX + 1);
	char *text;
	json_t *object;

	(void)state;
	assert_non_null(long_value);
	memset(long_value, 'v', HEADERS_BYTES_MAX);
	long_value[HEADERS_BYTES_MAX] = '\0';
	for (size_t i = 0; i < HEADERS_MAX + 10; i++) {
		(void)snprintf(names[i], sizeof names[i], "h%zu", i);
		headers[i] = (struct scheme_header){names[i], "v"};
	}
	/* too long for itself alone: the others stay */
	headers[3].value = long_value;
	text = write_all(headers, HEADERS_MAX + 10);
	assert_true(strlen(text) <= HEADERS_BYTES_MAX);
	object = json_loads(text, 0, NULL);
	assert_non_null(object);
	assert_int_equal(json_object_size(object), HEADERS_MAX);
	assert_null(json_object_get(object, "h3"));
	json_decref(object);
	free(text);
	free(long_value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_left_out),
	    cmocka_unit_test(test_rejected),
	    cmocka_unit_test(test_twice_is_joined),
	    cmocka_unit_test(test_none),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
