#include <stdlib.h>
#include <string.h>

#include "../../shared/wire.h"
#include "support.h"

enum { FRAME_MAX = 4096 };

/* The values tests/vectors/wire-*.hex were written down from. */
static const uint8_t link_id[WIRE_LINK_LEN] = "G\x10\x11\x12\x13\x14\x15\x16"
					      "\x17\x18\x19\x1a\x1b\x1c\x1d"
					      "\x1e\x1f";
static const uint8_t own_id[EVENT_ID_LEN] = {0x01, 0x93, 0xd3, 0xa5, 0xf6, 0xe0,
    0x7c, 0xc3, 0x84, 0xd5, 0x12, 0x34, 0x56, 0x78, 0x90, 0xab};
static const uint8_t first_id[EVENT_ID_LEN] = {0x01, 0x93, 0xd3, 0xa5, 0xf6,
    0xe0, 0x7c, 0xc3, 0x84, 0xd5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const char body[] = "{\"a\":\"\xc3\xbc\\u0000\"}\n";
static const char sha256[] = "672d8639f41ea934114e556158d0ab7e"
			     "8370c8271095e2851c38d1d5e890910b";
static const uint64_t boot = UINT64_C(0x0123456789abcdef);

static struct wire_target
target(void)
{
	struct wire_target t = {.boot = boot, .seq = 42};

	memcpy(t.link, link_id, sizeof t.link);
	return t;
}

static struct event
event(void)
{
	struct event e = {
	    .received_at_ms = 1795317280123,
	    .source = "github",
	    .key = "72d3162e-cc78-11e3",
	    .type = "push",
	    .remote = "192.0.2.1",
	    .method = "POST",
	    .path = "/hooks/github",
	    .query = "a=1&token=-",
	    .content_type = "application/json",
	    .headers = "{\"x-github-event\":\"push\"}",
	    .scheme = "github",
	    .dedup = EVENT_DEDUP_KEY_BODY,
	    .probe = true,
	    .body = body,
	    .body_len = sizeof body,
	};

	memcpy(e.id, own_id, sizeof e.id);
	assert_int_equal(support_unhex(sha256, e.sha256, sizeof e.sha256), 32);
	return e;
}

static size_t
vector(const char *path, unsigned char frame[FRAME_MAX])
{
	char *text = support_read(path, NULL);
	size_t len = support_unhex(text, frame, FRAME_MAX);

	free(text);
	return len;
}

/* ---- EVENT ---- */

static void
test_event_golden(void **state)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-event.hex", golden);
	struct wire_target t = target();
	struct event e = event();
	struct buf b = {0};

	(void)state;
	assert_int_equal(wire_put_event(&b, &t, &e), 0);
	assert_int_equal(wire_type(b.p, b.len), WIRE_EVENT);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, golden, len);
	buf_clear(&b);
}

/* The field is there where it is so, and nowhere else. */
static void
test_event_strict(void **state)
{
	struct wire_target t = target(), got_target;
	struct event e = event(), got;
	struct buf b = {0};

	(void)state;
	e.strict_replay = true;
	assert_int_equal(wire_put_event(&b, &t, &e), 0);
	assert_int_equal(wire_get_event(b.p, b.len, &got_target, &got), 0);
	assert_true(got.strict_replay);
	buf_clear(&b);
}

static void
check_event(const struct event *got)
{
	struct event e = event();

	assert_memory_equal(got->id, e.id, EVENT_ID_LEN);
	assert_int_equal(got->received_at_ms, e.received_at_ms);
	assert_string_equal(got->source, e.source);
	assert_string_equal(got->key, e.key);
	assert_string_equal(got->type, e.type);
	assert_string_equal(got->remote, e.remote);
	assert_string_equal(got->method, e.method);
	assert_string_equal(got->path, e.path);
	assert_string_equal(got->query, e.query);
	assert_string_equal(got->content_type, e.content_type);
	assert_string_equal(got->headers, e.headers);
	assert_string_equal(got->scheme, e.scheme);
	assert_int_equal(got->dedup, e.dedup);
	assert_int_equal(got->probe, e.probe);
	assert_false(got->strict_replay);
	assert_memory_equal(got->sha256, e.sha256, EVENT_SHA256_LEN);
	assert_int_equal(got->body_len, e.body_len);
	assert_memory_equal(got->body, e.body, e.body_len);
}

static void
test_event_read(void **state)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-event.hex", golden);
	struct wire_target t;
	struct event e;

	(void)state;
	assert_int_equal(wire_get_event(golden, len, &t, &e), 0);
	check_event(&e);
	assert_memory_equal(t.link, link_id, WIRE_LINK_LEN);
	assert_true(t.boot == boot);
	assert_int_equal(t.seq, 42);
}

/* A frame in memory of its own, to the byte: reading behind its end shows. */
static int
get_copy(const unsigned char *frame, size_t len, struct wire_target *t)
{
	unsigned char *copy = malloc(len + !len);
	struct event e;
	int rc;

	assert_non_null(copy);
	memcpy(copy, frame, len);
	rc = wire_get_event(copy, len, t, &e);
	free(copy);
	return rc;
}

static void
test_event_cut(void **state)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-event.hex", golden);
	struct wire_target t;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		if (get_copy(golden, cut, &t) != -1)
			fail_msg("taken with %zu of %zu bytes", cut, len);
	}
	/* cut in the body, it is still known where to answer */
	assert_int_equal(get_copy(golden, len - 1, &t), -1);
	assert_int_equal(t.seq, 42);
	assert_int_equal(get_copy(golden, 30, &t), -1);
	assert_int_equal(t.seq, 0);
	assert_int_equal(get_copy(golden, len, &t), 0);
}

/* Where the field with this tag begins, from a walk of the frame. */
static size_t
find_field(const unsigned char *frame, size_t len, unsigned tag)
{
	size_t at = 5;

	while (at < len && frame[at] != tag)
		at += 5 + (size_t)frame[at + 1] + 256 * (size_t)frame[at + 2];
	assert_true(at < len);
	return at;
}

/* No field may be left out, nor come twice. */
static void
test_event_fields(void **state)
{
	unsigned char golden[FRAME_MAX];
	unsigned char frame[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-event.hex", golden);
	struct wire_target t;

	(void)state;
	for (unsigned tag = 1; tag <= 19; tag++) {
		size_t at = find_field(golden, len, tag);
		size_t n = 5 + (size_t)golden[at + 1];

		memcpy(frame, golden, at);
		memcpy(frame + at, golden + at + n, len - at - n);
		if (get_copy(frame, len - n, &t) != -1)
			fail_msg("taken without field %u", tag);
		memcpy(frame, golden, len);
		memcpy(frame + len, golden + at, n);
		if (get_copy(frame, len + n, &t) != -1)
			fail_msg("taken with field %u twice", tag);
	}
}

/* A later version may add fields: they are skipped. */
static void
test_event_unknown_field(void **state)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-event.hex", golden);
	struct wire_target t;

	(void)state;
	memcpy(golden + len, "\xc8\3\0\0\0new", 8);
	assert_int_equal(get_copy(golden, len + 8, &t), 0);
	golden[len + 1] = 4; /* longer than the frame */
	assert_int_equal(get_copy(golden, len + 8, &t), -1);
	memset(golden + len + 1, 0xff, 4);
	assert_int_equal(get_copy(golden, len + 8, &t), -1);
}

/* Each row changes one byte of one field. */
static void
test_event_values(void **state)
{
	static const struct {
		unsigned tag;
		size_t offset; /* in the field's bytes */
		unsigned char value;
	} rows[] = {
	    {5, 3, '\0'},                            /* a NUL inside text */
	    {5, 6, 'x'},                             /* text without its NUL */
	    {16, 0, EVENT_DEDUP__MAX}, {8, 7, 0x80}, /* received before 1970 */
	};

	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-event.hex", golden);
	struct wire_target t;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t at =
		    find_field(golden, len, rows[i].tag) + 5 + rows[i].offset;
		unsigned char before = golden[at];

		golden[at] = rows[i].value;
		if (get_copy(golden, len, &t) != -1)
			fail_msg("row %zu was taken", i);
		golden[at] = before;
	}
	assert_int_equal(get_copy(golden, len, &t), 0);
}

/* Whatever single byte changes, reading stays inside the frame. */
static void
test_event_flips(void **state)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-event.hex", golden);
	struct wire_target t;

	(void)state;
	for (size_t i = 5; i < len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			golden[i] ^= (unsigned char)(1u << bit);
			(void)get_copy(golden, len, &t);
			golden[i] ^= (unsigned char)(1u << bit);
		}
	}
	assert_int_equal(get_copy(golden, len, &t), 0);
}

static void
test_text_limits(void **state)
{
	char key[EVENT_KEY_MAX + 2];
	struct wire_target t = target();
	struct event e = event();
	struct event got;
	struct buf b = {0};

	(void)state;
	memset(key, 'k', sizeof key);
	key[EVENT_KEY_MAX] = '\0';
	e.key = key;
	assert_int_equal(wire_put_event(&b, &t, &e), 0);
	assert_int_equal(wire_get_event(b.p, b.len, &t, &got), 0);
	assert_int_equal(strlen(got.key), EVENT_KEY_MAX);
	buf_reset(&b);
	key[EVENT_KEY_MAX] = 'k';
	key[EVENT_KEY_MAX + 1] = '\0';
	assert_int_equal(wire_put_event(&b, &t, &e), 0);
	assert_int_equal(wire_get_event(b.p, b.len, &t, &got), -1);
	buf_clear(&b);
}

static void
test_retarget(void **state)
{
	unsigned char golden[FRAME_MAX];
	unsigned char frame[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-event.hex", golden);
	struct wire_target other = {.boot = 1, .seq = UINT64_MAX};
	struct wire_target back = target();
	struct wire_target t;
	struct event e;

	(void)state;
	memset(other.link, 'X', sizeof other.link);
	memcpy(frame, golden, len);
	wire_retarget(frame, len, &other);
	assert_int_equal(wire_get_event(frame, len, &t, &e), 0);
	check_event(&e);
	assert_memory_equal(t.link, other.link, WIRE_LINK_LEN);
	assert_int_equal(t.boot, 1);
	assert_true(t.seq == UINT64_MAX);
	wire_retarget(frame, len, &back);
	assert_memory_equal(frame, golden, len);
	/* too short to hold a target: nothing is written */
	memset(frame, 0, sizeof frame);
	wire_retarget(frame, 5 + 15 + 17 + 15, &other);
	assert_int_equal(frame[10], 0);
}

/* ---- ACK ---- */

struct acks {
	struct wire_ack list[4];
	char revived[4][64];
	uint64_t boot;
	size_t n;
};

static void
collect(void *arg, uint64_t ack_boot, const struct wire_ack *ack)
{
	struct acks *acks = arg;

	assert_true(acks->n < 4);
	acks->boot = ack_boot;
	acks->list[acks->n] = *ack;
	assert_true(strlen(ack->revived) < sizeof acks->revived[0]);
	memcpy(acks->revived[acks->n++], ack->revived, strlen(ack->revived));
}

static void
test_ack_golden(void **state)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-ack.hex", golden);
	struct wire_ack list[2] = {
	    {.seq = 42, .status = WIRE_STORED, .revived = ""},
	    {.seq = UINT64_MAX,
		.status = WIRE_DUPLICATE,
		.revived = "deploy,mirror"},
	};
	struct buf b = {0};

	(void)state;
	memcpy(list[0].id, own_id, EVENT_ID_LEN);
	memcpy(list[1].id, first_id, EVENT_ID_LEN);
	assert_int_equal(wire_put_acks(&b, boot, list, 2), 0);
	assert_int_equal(wire_type(b.p, b.len), WIRE_ACK);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, golden, len);
	buf_clear(&b);
}

static void
test_ack_read(void **state)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-ack.hex", golden);
	struct acks acks = {.n = 0};

	(void)state;
	assert_int_equal(wire_get_acks(golden, len, collect, &acks), 0);
	assert_int_equal(acks.n, 2);
	assert_true(acks.boot == boot);
	assert_int_equal(acks.list[0].seq, 42);
	assert_int_equal(acks.list[0].status, WIRE_STORED);
	assert_memory_equal(acks.list[0].id, own_id, EVENT_ID_LEN);
	assert_string_equal(acks.revived[0], "");
	assert_true(acks.list[1].seq == UINT64_MAX);
	assert_int_equal(acks.list[1].status, WIRE_DUPLICATE);
	assert_memory_equal(acks.list[1].id, first_id, EVENT_ID_LEN);
	assert_string_equal(acks.revived[1], "deploy,mirror");
}

/* Where the second ack of wire-ack.hex begins: its seq is at 24. */
static size_t
second_ack(const unsigned char *golden, size_t len)
{
	return find_field(golden + 24 - 5, len - 24 + 5, 20) + 24 - 5;
}

/* A cut frame never answers a wrong event. */
static void
test_ack_cut(void **state)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-ack.hex", golden);
	size_t second = second_ack(golden, len);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		unsigned char *copy = malloc(cut + !cut);
		struct acks acks = {.n = 0};

		assert_non_null(copy);
		memcpy(copy, golden, cut);
		(void)wire_get_acks(copy, cut, collect, &acks);
		for (size_t i = 0; i < acks.n; i++) {
			assert_true(acks.boot == boot);
			/* 0 is nobody's */
			if (acks.list[i].seq != 0 && acks.list[i].seq != 42 &&
			    acks.list[i].seq != UINT64_MAX)
				fail_msg("%zu bytes: seq %llu", cut,
				    (unsigned long long)acks.list[i].seq);
		}
		assert_true(acks.n <= (cut < second ? 1 : 2));
		free(copy);
	}
}

static void
test_ack_status(void **state)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-ack.hex", golden);
	struct acks acks = {.n = 0};

	(void)state;
	/* the second one's status is unknown: the first one counts */
	golden[second_ack(golden, len) + 5] = WIRE_STATUS__MAX;
	assert_int_equal(wire_get_acks(golden, len, collect, &acks), -1);
	assert_int_equal(acks.n, 1);
	assert_int_equal(acks.list[0].seq, 42);
}

static void
test_ack_none(void **state)
{
	struct acks acks = {.n = 0};
	struct buf b = {0};

	(void)state;
	assert_int_equal(wire_put_acks(&b, boot, NULL, 0), 0);
	assert_int_equal(wire_get_acks(b.p, b.len, collect, &acks), 0);
	assert_int_equal(acks.n, 0);
	buf_clear(&b);
}

/* ---- JSON and types ---- */

static void
test_json(void **state)
{
	unsigned char golden[FRAME_MAX];
	size_t len = vector("tests/vectors/wire-beat.hex", golden);
	json_t *json =
	    json_pack("{s:s, s:i}", "state", "accepting", "credit", 512);
	json_t *back;
	struct buf b = {0};

	(void)state;
	assert_int_equal(wire_put_json(&b, WIRE_BEAT, json), 0);
	assert_int_equal(wire_type(b.p, b.len), WIRE_BEAT);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, golden, len);
	back = wire_get_json(b.p, b.len);
	assert_true(json_equal(json, back));
	json_decref(back);
	json_decref(json);
	buf_clear(&b);
}

static void
test_json_bad(void **state)
{
	static const char *const rows[] = {"GAF1\6", "GAF1\6[]", "GAF1\6{",
	    "GAF1\6{} x", "GAF1\6{\"a\":1,\"a\":2}", "GAF1\6null", "GAF", ""};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (wire_get_json(rows[i], strlen(rows[i])) != NULL)
			fail_msg("row %zu was taken", i);
	}
}

static void
test_type(void **state)
{
	(void)state;
	assert_int_equal(wire_type("", 0), WIRE_BAD);
	assert_int_equal(wire_type("GAF1", 4), WIRE_BAD);
	assert_int_equal(wire_type("GAF2\1", 5), WIRE_BAD);
	assert_int_equal(wire_type("gaf1\1", 5), WIRE_BAD);
	assert_int_equal(wire_type("GAF1\0", 5), WIRE_BAD);
	assert_int_equal(wire_type("GAF1\1", 5), WIRE_HELLO);
	assert_int_equal(wire_type("GAF1\x08", 5), WIRE_REPLY);
	assert_int_equal(wire_type("GAF1\x09", 5), WIRE_REJECTED);
	assert_int_equal(wire_type("GAF1\x0b", 5), WIRE_BLOB);
	assert_int_equal(wire_type("GAF1\x0c", 5), WIRE__MAX);
	assert_int_equal(wire_type("GAF1\xff", 5), WIRE__MAX);
}

/* ---- REJECTED ---- */

static int
read_rejected(const struct buf *b, size_t len, struct wire_rejected *got)
{
	char *copy = malloc(len + 1);
	int result;

	assert_non_null(copy);
	memcpy(copy, b->p, len);
	result = wire_get_rejected(copy, len, got);
	free(copy);
	return result;
}

static void
test_rejected(void **state)
{
	const struct wire_rejected sent = {.event = event(),
	    .reason = "mismatch",
	    .status = 401,
	    .body_len = 70000};
	struct wire_rejected got;
	struct buf b = {0};
	size_t len;

	(void)state;
	assert_int_equal(wire_put_rejected(&b, &sent), 0);
	assert_int_equal(wire_type(b.p, b.len), WIRE_REJECTED);
	assert_int_equal(wire_get_rejected(b.p, b.len, &got), 0);
	check_event(&got.event);
	assert_string_equal(got.reason, "mismatch");
	assert_int_equal(got.status, 401);
	assert_int_equal(got.body_len, 70000);
	for (len = 0; len < b.len; len++)
		if (read_rejected(&b, len, &got) != -1)
			fail_msg("cut to %zu it was taken", len);
	/* an EVENT is none */
	buf_reset(&b);
	assert_int_equal(
	    wire_put_event(&b, &(struct wire_target){0}, &sent.event), 0);
	assert_int_equal(read_rejected(&b, b.len, &got), -1);
	buf_clear(&b);
}

/* ---- without memory: what was in the buf stays, and it goes on ---- */

static int
put_all(struct buf *b, const json_t *json)
{
	struct wire_target t = target();
	struct event e = event();
	struct wire_ack ack = {.revived = ""};
	size_t before = b->len;

	if (wire_put_event(b, &t, &e) != 0) {
		assert_int_equal(b->len, before);
		return -1;
	}
	before = b->len;
	for (int i = 0; i < 64; i++) {
		if (wire_put_acks(b, boot, &ack, 1) != 0) {
			assert_int_equal(b->len, before);
			return -1;
		}
		before = b->len;
	}
	if (wire_put_json(b, WIRE_BEAT, json) != 0) {
		assert_int_equal(b->len, before);
		return -1;
	}
	return 0;
}

static void
test_without_memory(void **state)
{
	json_t *json = json_pack("{s:s}", "state", "accepting");
	unsigned n;

	(void)state;
	for (n = 1;; n++) {
		struct buf b = {0};
		int rc;

		assert_int_equal(buf_add_str(&b, "kept"), 0);
		support_fail_alloc(n);
		rc = put_all(&b, json);
		support_fail_alloc(0);
		assert_false(b.failed);
		assert_memory_equal(b.p, "kept", 4);
		buf_clear(&b);
		if (rc == 0)
			break;
	}
	assert_true(n > 2);
	json_decref(json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_event_golden),
	    cmocka_unit_test(test_event_strict),
	    cmocka_unit_test(test_event_read),
	    cmocka_unit_test(test_event_cut),
	    cmocka_unit_test(test_event_fields),
	    cmocka_unit_test(test_event_unknown_field),
	    cmocka_unit_test(test_event_values),
	    cmocka_unit_test(test_event_flips),
	    cmocka_unit_test(test_text_limits),
	    cmocka_unit_test(test_retarget),
	    cmocka_unit_test(test_ack_golden),
	    cmocka_unit_test(test_ack_read),
	    cmocka_unit_test(test_ack_cut),
	    cmocka_unit_test(test_ack_status),
	    cmocka_unit_test(test_ack_none),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_json_bad),
	    cmocka_unit_test(test_type),
	    cmocka_unit_test(test_rejected),
	    cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
