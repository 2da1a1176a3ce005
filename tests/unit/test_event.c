#include <string.h>

#include "../../shared/event.h"
#include "support.h"

static struct event
example(void)
{
	return (struct event){
	    .id = {1, 2, 3},
	    .received_at_ms = 1795317280123,
	    .source = "github",
	    .key = "k",
	    .type = "push",
	    .remote = "192.0.2.1",
	    .method = "POST",
	    .path = "/hooks/github",
	    .query = "",
	    .content_type = "text/plain",
	    .headers = "{}",
	    .scheme = "github",
	    .dedup = EVENT_DEDUP_BODY,
	    .probe = true,
	    .sha256 = {9, 8, 7},
	    .body = "b\0dy",
	    .body_len = 4,
	};
}

/* The copy says the same and shares nothing. */
static void
test_copy(void **state)
{
	struct event e = example();
	char source[] = "github";
	char body[] = "b\0dy";
	struct event *copy;

	(void)state;
	e.source = source;
	e.body = body;
	copy = event_copy(&e);
	assert_non_null(copy);
	memset(source, 'x', sizeof source - 1);
	memset(body, 'x', sizeof body - 1);
	e = example();
	assert_string_equal(copy->source, e.source);
	assert_string_equal(copy->key, e.key);
	assert_string_equal(copy->type, e.type);
	assert_string_equal(copy->remote, e.remote);
	assert_string_equal(copy->method, e.method);
	assert_string_equal(copy->path, e.path);
	assert_string_equal(copy->query, e.query);
	assert_string_equal(copy->content_type, e.content_type);
	assert_string_equal(copy->headers, e.headers);
	assert_string_equal(copy->scheme, e.scheme);
	assert_memory_equal(copy->id, e.id, EVENT_ID_LEN);
	assert_memory_equal(copy->sha256, e.sha256, EVENT_SHA256_LEN);
	assert_true(copy->received_at_ms == e.received_at_ms);
	assert_int_equal(copy->dedup, e.dedup);
	assert_true(copy->probe);
	assert_int_equal(copy->body_len, 4);
	assert_memory_equal(copy->body, e.body, 4);
	assert_int_equal(event_size(copy), event_size(&e));
	event_free(copy);
	event_free(NULL);
}

static void
test_copy_empty_body(void **state)
{
	struct event e = example();
	struct event *copy;

	(void)state;
	e.body = NULL;
	e.body_len = 0;
	copy = event_copy(&e);
	assert_non_null(copy);
	assert_int_equal(copy->body_len, 0);
	event_free(copy);
}

static void
test_copy_without_memory(void **state)
{
	struct event e = example();

	(void)state;
	support_fail_alloc(1);
	assert_null(event_copy(&e));
	support_fail_alloc(0);
}

static void
test_size(void **state)
{
	struct event e = example();
	size_t before = event_size(&e);

	(void)state;
	e.body_len += 1000;
	assert_int_equal(event_size(&e), before + 1000);
	e.body_len -= 1000;
	e.headers = "{\"a\":1}";
	assert_int_equal(event_size(&e), before + 5);
}

static void
test_id_text(void **state)
{
	static const char *const bad[] = {"",
	    "0193d3a5-f6e0-7cc3-84d5-1234567890a",
	    "0193d3a5-f6e0-7cc3-84d5-1234567890abc",
	    "0193d3a5-f6e0-7cc3-84d5-1234567890ag",
	    "0193d3a5xf6e0-7cc3-84d5-1234567890ab",
	    "0193d3a5f-6e0-7cc3-84d5-1234567890ab",
	    "0193d3a5f6e07cc384d51234567890ab----",
	    "------------------------------------"};
	static const uint8_t bytes[EVENT_ID_LEN] = {0x01, 0x93, 0xd3, 0xa5,
	    0xf6, 0xe0, 0x7c, 0xc3, 0x84, 0xd5, 0x12, 0x34, 0x56, 0x78, 0x90,
	    0xab};
	uint8_t id[EVENT_ID_LEN];
	char text[EVENT_ID_TEXT_SIZE];

	(void)state;
	event_id_format(bytes, text);
	assert_string_equal(text, "0193d3a5-f6e0-7cc3-84d5-1234567890ab");
	assert_int_equal(event_id_parse(text, id), 0);
	assert_memory_equal(id, bytes, EVENT_ID_LEN);
	assert_int_equal(
	    event_id_parse("0193D3A5-F6E0-7CC3-84D5-1234567890AB", id), 0);
	assert_memory_equal(id, bytes, EVENT_ID_LEN);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (event_id_parse(bad[i], id) != -1)
			fail_msg("<%s> is no id", bad[i]);
	}
}

static int64_t
id_ms(const uint8_t id[EVENT_ID_LEN])
{
	int64_t ms = 0;

	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id[i];
	return ms;
}

/* RFC 9562: version 7, variant 2, the time in front. */
static void
test_id_new(void **state)
{
	uint8_t id[EVENT_ID_LEN];

	(void)state;
	assert_int_equal(event_id_new(1795317280123, id), 0);
	assert_int_equal(id[6] >> 4, 7);
	assert_int_equal(id[8] >> 6, 2);
	assert_true(id_ms(id) == 1795317280123);
}

/* More than the counter holds in one millisecond, and a clock set back: in
 * order still, so all different. */
static void
test_id_order(void **state)
{
	uint8_t before[EVENT_ID_LEN];
	uint8_t id[EVENT_ID_LEN];
	int64_t now = 1795317290000;

	(void)state;
	assert_int_equal(event_id_new(now, before), 0);
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(
		    event_id_new(i < 10000 ? now : now - 5000, id), 0);
		if (memcmp(before, id, EVENT_ID_LEN) >= 0)
			fail_msg("id %d is not behind the one before", i);
		assert_int_equal(id[6] >> 4, 7);
		assert_int_equal(id[8] >> 6, 2);
		memcpy(before, id, EVENT_ID_LEN);
	}
	assert_true(id_ms(id) - now < 20);
	assert_int_equal(event_id_new(now + 60000, id), 0);
	assert_true(id_ms(id) == now + 60000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_copy),
	    cmocka_unit_test(test_copy_empty_body),
	    cmocka_unit_test(test_copy_without_memory),
	    cmocka_unit_test(test_size),
	    cmocka_unit_test(test_id_text),
	    cmocka_unit_test(test_id_new),
	    cmocka_unit_test(test_id_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
