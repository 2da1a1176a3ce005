#include <stdlib.h>
#include <string.h>

#include "../../shared/wire.h"
#include "support.h"

enum { FRAME_MAX = 4096 };

static const char url[] = "https://keys.example/set.json";
static const char set[] = "{\"keys\":[]}";

static size_t
vector(const char *path, unsigned char frame[FRAME_MAX])
{
	char *text = support_read(path, NULL);
	size_t len = support_unhex(text, frame, FRAME_MAX);

	free(text);
	return len;
}

static void
must_be(struct buf *b, const char *path)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector(path, golden);

	assert_int_equal(b->len, len);
	assert_memory_equal(b->p, golden, len);
	buf_clear(b);
}

static void
test_written(void **state)
{
	const struct wire_ask fetch = {
	    .how = WIRE_FETCH, .name = url, .max_age_ms = 60000};
	const struct wire_ask put = {
	    .how = WIRE_PUT, .name = "asana/x", .bytes = "s3\0cret", .len = 7};
	const struct wire_blob blob = {.how = WIRE_FETCH,
	    .name = url,
	    .status = WIRE_BLOB_FAILED,
	    .age_ms = 61000,
	    .fresh_ms = -5, /* over: nothing */
	    .error = "status:500",
	    .bytes = set,
	    .len = strlen(set)};
	struct buf b = {0};

	(void)state;
	assert_int_equal(wire_put_ask(&b, &fetch), 0);
	must_be(&b, "tests/vectors/wire-ask.hex");
	assert_int_equal(wire_put_ask(&b, &put), 0);
	must_be(&b, "tests/vectors/wire-put.hex");
	assert_int_equal(wire_put_blob(&b, &blob), 0);
	must_be(&b, "tests/vectors/wire-blob.hex");
}

static void
test_read(void **state)
{
	unsigned char frame[FRAME_MAX];
	struct wire_blob blob;
	struct wire_ask ask;
	size_t len = vector("tests/vectors/wire-ask.hex", frame);

	(void)state;
	assert_int_equal(wire_type(frame, len), WIRE_ASK);
	assert_int_equal(wire_get_ask(frame, len, &ask), 0);
	assert_int_equal(ask.how, WIRE_FETCH);
	assert_string_equal(ask.name, url);
	assert_int_equal(ask.max_age_ms, 60000);
	len = vector("tests/vectors/wire-put.hex", frame);
	assert_int_equal(wire_get_ask(frame, len, &ask), 0);
	assert_int_equal(ask.how, WIRE_PUT);
	assert_string_equal(ask.name, "asana/x");
	assert_int_equal(ask.len, 7);
	assert_memory_equal(ask.bytes, "s3\0cret", 7);
	len = vector("tests/vectors/wire-blob.hex", frame);
	assert_int_equal(wire_type(frame, len), WIRE_BLOB);
	assert_int_equal(wire_get_blob(frame, len, &blob), 0);
	assert_int_equal(blob.how, WIRE_FETCH);
	assert_string_equal(blob.name, url);
	assert_int_equal(blob.status, WIRE_BLOB_FAILED);
	assert_int_equal(blob.age_ms, 61000);
	assert_int_equal(blob.fresh_ms, 0);
	assert_string_equal(blob.error, "status:500");
	assert_int_equal(blob.len, strlen(set));
	assert_memory_equal(blob.bytes, set, strlen(set));
}

/* On the heap, so that a sanitizer sees what is read behind its end. */
static int
get_copy(const unsigned char *frame, size_t len, bool is_blob)
{
	unsigned char *copy = malloc(len + 1);
	struct wire_blob blob;
	struct wire_ask ask;
	int rc;

	assert_non_null(copy);
	memcpy(copy, frame, len);
	rc = is_blob ? wire_get_blob(copy, len, &blob)
		     : wire_get_ask(copy, len, &ask);
	free(copy);
	return rc;
}

/* Every field is needed: no shorter frame is one. */
static void
test_cut(void **state)
{
	static const char *const paths[] = {"tests/vectors/wire-ask.hex",
	    "tests/vectors/wire-put.hex", "tests/vectors/wire-blob.hex"};
	unsigned char frame[FRAME_MAX];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t len = vector(paths[i], frame);

		assert_int_equal(get_copy(frame, len, i == 2), 0);
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(get_copy(frame, cut, i == 2), -1);
	}
}

/* Find the value of a field. */
static size_t
value_at(const unsigned char *frame, unsigned tag)
{
	size_t at = 5;

	while (frame[at] != tag)
		at += 5u + frame[at + 1];
	return at + 5;
}

static void
test_values(void **state)
{
	unsigned char frame[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-ask.hex", frame);
	unsigned char *how = &frame[value_at(frame, 26)];
	unsigned char *age = &frame[value_at(frame, 27)];
	unsigned char *name = &frame[value_at(frame, 25)];

	(void)state;
	*how = WIRE_GET;
	assert_int_equal(get_copy(frame, len, false), 0);
	*how = WIRE_PUT; /* without bytes */
	assert_int_equal(get_copy(frame, len, false), -1);
	*how = WIRE_HOW__MAX;
	assert_int_equal(get_copy(frame, len, false), -1);
	*how = WIRE_FETCH;
	age[7] = 0x80;
	assert_int_equal(get_copy(frame, len, false), -1);
	age[7] = 0;
	name[3] = '\0'; /* a name has no NUL in it */
	assert_int_equal(get_copy(frame, len, false), -1);
	name[3] = 'p';
	assert_int_equal(get_copy(frame, len, false), 0);
	/* a field that is there twice has two readings */
	memcpy(frame + len, frame + value_at(frame, 26) - 5, 6);
	assert_int_equal(get_copy(frame, len + 6, false), -1);
	/* one of a later version has none */
	frame[len] = 200;
	assert_int_equal(get_copy(frame, len + 6, false), 0);
}

static int
read_ask(const char *name, size_t len)
{
	static const char bytes[WIRE_BLOB_MAX + 1];
	const struct wire_ask ask = {
	    .how = WIRE_PUT, .name = name, .bytes = bytes, .len = len};
	struct wire_ask again;
	struct buf b = {0};
	int rc;

	assert_int_equal(wire_put_ask(&b, &ask), 0);
	rc = wire_get_ask(b.p, b.len, &again);
	if (rc == 0)
		assert_true(b.len <= WIRE_CONTROL_MAX);
	buf_clear(&b);
	return rc;
}

static void
test_limits(void **state)
{
	char name[WIRE_BLOB_NAME_MAX + 2];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[WIRE_BLOB_NAME_MAX] = '\0';
	assert_int_equal(read_ask(name, WIRE_BLOB_MAX), 0);
	assert_int_equal(read_ask(name, WIRE_BLOB_MAX + 1), -1);
	name[WIRE_BLOB_NAME_MAX] = 'x';
	name[WIRE_BLOB_NAME_MAX + 1] = '\0';
	assert_int_equal(read_ask(name, 1), -1);
	assert_int_equal(read_ask("", 1), -1);
}

static void
test_without_memory(void **state)
{
	const struct wire_ask ask = {.how = WIRE_GET, .name = url};
	const struct wire_blob blob = {
	    .name = url, .error = "", .bytes = set, .len = strlen(set)};
	struct buf b = {0};

	(void)state;
	support_fail_alloc(1);
	assert_int_equal(wire_put_ask(&b, &ask), -1);
	support_fail_alloc(1);
	assert_int_equal(wire_put_blob(&b, &blob), -1);
	support_fail_alloc(0);
	assert_int_equal(b.len, 0);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_written),
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
