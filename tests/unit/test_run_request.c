/* run_request and run_body: what gaff-run believes. */

#include <sys/mman.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../worker/run_body.h"
#include "../../worker/run_request.h"
#include "support.h"

enum { SIZE = 65536, FIXED = 40, FUZZ_ROUNDS = 200000 };

static char route[] = "deploy";

static struct event
usual_event(void)
{
	return (struct event){.id = {1, 2, 3},
	    .received_at_ms = 1795318480123,
	    .source = "github",
	    .key = "k-1",
	    .flags = EVENT_REPLAYED_BODY,
	    .type = "push",
	    .content_type = "application/json",
	    .headers = "{\"x-one\":\"1\"}"};
}

/* Written into `bytes`; its length. */
static size_t
write_event(struct event *event, char bytes[SIZE])
{
	const struct store_delivery delivery = {
	    .route = route, .attempt = 3, .replay = 1, .event = event};

	return run_request_write(&delivery, bytes, SIZE);
}

static enum run_refusal
read_bytes(char *bytes, size_t len)
{
	struct store_delivery delivery;
	struct event event;

	return run_request_read(bytes, len, &delivery, &event);
}

/* A copy with nothing behind it, for the sanitizers to see. */
static enum run_refusal
read_exactly(const char *bytes, size_t len)
{
	char *copy = malloc(len + 1);
	enum run_refusal refusal;

	memcpy(copy, bytes, len);
	copy = realloc(copy, len > 0 ? len : 1);
	refusal = read_bytes(copy, len);
	free(copy);
	return refusal;
}

static void
test_round_trip(void **state)
{
	static char bytes[SIZE];
	struct event event = usual_event(), got;
	struct store_delivery delivery;
	size_t len = write_event(&event, bytes);

	(void)state;
	assert_true(len > FIXED);
	assert_int_equal(
	    run_request_read(bytes, len, &delivery, &got), RUN_GOOD);
	assert_string_equal(delivery.route, "deploy");
	assert_int_equal(delivery.attempt, 3);
	assert_int_equal(delivery.replay, 1);
	assert_ptr_equal(delivery.event, &got);
	assert_memory_equal(got.id, event.id, EVENT_ID_LEN);
	assert_true(got.received_at_ms == event.received_at_ms);
	assert_string_equal(got.source, "github");
	assert_string_equal(got.type, "push");
	assert_string_equal(got.key, "k-1");
	assert_int_equal(got.flags, event.flags);
	assert_string_equal(got.content_type, "application/json");
	assert_string_equal(got.headers, "{\"x-one\":\"1\"}");
}

/* Each text as long as it may be, and one byte more. */
static void
test_limits(void **state)
{
	static const struct {
		size_t member;
		size_t max;
	} texts[] = {
	    {offsetof(struct event, source), 64},
	    {offsetof(struct event, type), EVENT_TYPE_MAX},
	    {offsetof(struct event, key), EVENT_KEY_MAX},
	    {offsetof(struct event, content_type), 256},
	};

	static char bytes[SIZE], text[SIZE];
	const char *value = text;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct event event = usual_event();
		size_t len;

		memset(text, 'x', sizeof(text));
		text[texts[i].max] = '\0';
		memcpy((char *)&event + texts[i].member, &value, sizeof(value));
		len = write_event(&event, bytes);
		assert_int_equal(read_exactly(bytes, len), RUN_GOOD);
		text[texts[i].max] = 'x';
		text[texts[i].max + 1] = '\0';
		assert_int_equal(write_event(&event, bytes), 0);
	}
}

/* As sent by a worker that somebody has taken over. */
static void
test_forged(void **state)
{
	static const char *const headers[] = {
	    "", "[]", "1", "{", "{}x", "{} {}", "{\"a\":\"\n\"}", "{\"a\":}"};
	static const char *const names[] = {"", "a\nb", "a\x7f", "\x1b[31m"};
	static char bytes[SIZE];
	struct event event = usual_event();
	size_t len = write_event(&event, bytes);

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(read_exactly(bytes, n), RUN_MALFORMED);
	bytes[len] = '\0';
	assert_int_equal(read_exactly(bytes, len + 1), RUN_MALFORMED);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		event = usual_event();
		event.headers = headers[i];
		len = write_event(&event, bytes);
		assert_int_equal(read_exactly(bytes, len), RUN_MALFORMED);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		event = usual_event();
		event.source = names[i];
		len = write_event(&event, bytes);
		assert_int_equal(read_exactly(bytes, len), RUN_MALFORMED);
	}
	event = usual_event();
	event.received_at_ms = -1;
	len = write_event(&event, bytes);
	assert_int_equal(read_exactly(bytes, len), RUN_MALFORMED);
	event.received_at_ms = INT64_C(253402300800000);
	len = write_event(&event, bytes);
	assert_int_equal(read_exactly(bytes, len), RUN_MALFORMED);
	event.received_at_ms--;
	len = write_event(&event, bytes);
	assert_int_equal(read_exactly(bytes, len), RUN_GOOD);
	memset(bytes + 8, 0, 4); /* the attempt's number */
	assert_int_equal(read_exactly(bytes, len), RUN_MALFORMED);
}

/* ---- requests that nobody thought of ---- */

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Change, cut, insert or repeat some bytes; the new length. */
static size_t
mutate(char *bytes, size_t len, uint64_t *random)
{
	static const char telling[] = {0, '{', '}', '"', '\n', '/', '=', -1};
	unsigned times = 1 + (unsigned)(next_random(random) % 6);

	while (times-- > 0 && len > 0) {
		uint64_t r = next_random(random);
		size_t at = (size_t)(r >> 8) % len;

		if (r % 8 < 3)
			bytes[at] = (char)(r >> 40);
		else if (r % 8 < 5)
			bytes[at] = telling[(r >> 40) % sizeof(telling)];
		else if (r % 8 == 5)
			len = at;
		else if (r % 8 == 6 && len < SIZE / 2)
			memmove(bytes + at + 1, bytes + at, len++ - at);
		else
			bytes[at] ^= (char)(1 << (r >> 40) % 8);
	}
	return len;
}

/* What was let through is within its limits and in its place. */
static void
check_good(const char *bytes, size_t len, const struct store_delivery *delivery)
{
	const struct event *event = delivery->event;
	const char *const texts[] = {delivery->route, event->source,
	    event->type, event->key, event->content_type, event->headers};
	static const size_t limits[] = {64, 64, 256, 512, 256, 32768};
	const char *at = bytes + FIXED;

	for (size_t i = 0; i < 6; i++) {
		assert_ptr_equal(texts[i], at);
		assert_true(strlen(at) <= limits[i]);
		at += strlen(at) + 1;
	}
	assert_ptr_equal(at, bytes + len);
	assert_int_equal(
	    event->headers[0] == '{' || event->headers[0] <= ' ', 1);
	assert_true(delivery->attempt > 0 && event->received_at_ms >= 0);
	assert_null(strpbrk(delivery->route, "\r\n\t"));
}

static void
test_fuzz(void **state)
{
	static char seed[SIZE];
	struct event event = usual_event();
	size_t seed_len = write_event(&event, seed);
	uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
	unsigned good = 0;

	(void)state;
	for (unsigned i = 0; i < FUZZ_ROUNDS; i++) {
		char *bytes = malloc(SIZE), *exact;
		struct store_delivery delivery;
		struct event got;
		size_t len;

		memcpy(bytes, seed, seed_len);
		len = mutate(bytes, seed_len, &random);
		exact = malloc(len + 1);
		memcpy(exact, bytes, len);
		free(bytes);
		exact = realloc(exact, len > 0 ? len : 1);
		if (run_request_read(exact, len, &delivery, &got) == RUN_GOOD) {
			check_good(exact, len, &delivery);
			good++;
		}
		free(exact);
	}
	/* The mutations reach both sides. */
	assert_in_range(good, FUZZ_ROUNDS / 100, FUZZ_ROUNDS * 9 / 10);
}

/* ---- bodies ---- */

static bool
is_good(int fd)
{
	bool good = run_body_good(fd);

	assert_true(fd >= 0);
	close(fd);
	return good;
}

static int
memory(int seals)
{
	int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void
test_bodies(void **state)
{
	const int all =
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	int pair[2];

	(void)state;
	assert_true(is_good(memory(all)));
	assert_false(is_good(memory(0)));
	assert_false(is_good(memory(all & ~F_SEAL_WRITE)));
	assert_false(is_good(memory(all & ~F_SEAL_SEAL)));
	assert_false(is_good(open("/etc", O_RDONLY | O_CLOEXEC)));
	assert_false(is_good(open("/etc/passwd", O_RDONLY | O_CLOEXEC)));
	assert_false(is_good(open("/etc/passwd", O_PATH | O_CLOEXEC)));
	assert_false(is_good(open("/dev/null", O_RDWR | O_CLOEXEC)));
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_false(is_good(pair[0]));
	assert_false(is_good(pair[1]));
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_false(is_good(pair[0]));
	assert_false(is_good(pair[1]));
	assert_false(run_body_good(-1));
}

static void
test_texts(void **state)
{
	(void)state;
	for (int i = RUN_GOOD + 1; i < RUN__MAX; i++)
		assert_true(strlen(run_refusal_text(i)) > 5);
	assert_string_equal(run_refusal_text(RUN__MAX), "?");
	assert_string_equal(run_refusal_text(-1), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_forged),
	    cmocka_unit_test(test_fuzz),
	    cmocka_unit_test(test_bodies),
	    cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
