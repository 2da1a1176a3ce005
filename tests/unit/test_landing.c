/* Landing events: what is acknowledged when, and what the store's thread gets.
 */

#include <sys/eventfd.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "../../shared/wire.h"
#include "../../shared/zsock.h"
#include "../../worker/landing.h"
#include "support.h"

enum { GATEWAYS = 2, WAIT_MS = 20000, BOOT = 99, STORE = 7 };

/* A gateway's ends, and what it has heard. */
struct gateway {
	uint8_t link[WIRE_LINK_LEN];
	void *data;
	void *control;
	uint64_t sent; /* seq of the last EVENT */
	unsigned acks;
	struct wire_ack last;
};

static struct {
	void *context;
	char *dir;
	char *path;
	struct known *known;
	struct landing *landing;
	struct gateway gateways[GATEWAYS];
	int wake_fd;
	unsigned ids;
	/* the last frame taken */
	zmq_msg_t message;
	uint64_t number;
} f;

/* ---- a disk that fails: in the place of the library's ---- */

static atomic_int disk_error;

ssize_t
pwritev2(int fd, const struct iovec *parts, int n, off_t at, int flags)
{
	(void)flags;
	if (disk_error != 0) {
		errno = disk_error;
		return -1;
	}
	return pwritev(fd, parts, n, at);
}

/* ---- the worker ---- */

static void
wake(void *arg)
{
	const uint64_t one = 1;

	(void)arg;
	(void)!write(f.wake_fd, &one, sizeof one);
}

/* Until the landing has something to say; fails when it has not. */
static void
wait_wake(void)
{
	struct pollfd item = {.fd = f.wake_fd, .events = POLLIN};
	uint64_t count;

	assert_int_equal(poll(&item, 1, WAIT_MS), 1);
	(void)!read(f.wake_fd, &count, sizeof count);
}

/* Those of an earlier one go away late. */
static void
bind_end(void *socket, const char *endpoint)
{
	int64_t until_ms = clock_boot_ms() + WAIT_MS;

	while (zmq_bind(socket, endpoint) != 0) {
		assert_int_equal(errno, EADDRINUSE);
		assert_true(clock_boot_ms() < until_ms);
		(void)poll(NULL, 0, 1);
	}
}

static struct landing_options
make_options(void)
{
	struct landing_options options = {.context = f.context,
	    .data = zsock_new(f.context, ZSOCK_DATA_IN, NULL),
	    .control = zsock_new(f.context, ZSOCK_CONTROL_IN, NULL),
	    .boot = BOOT,
	    .known = f.known,
	    .wake = wake};

	bind_end(options.data, "inproc://data");
	bind_end(options.control, "inproc://control");
	return options;
}

static void
open_journal(struct landing_options *options, uint64_t upto)
{
	assert_int_equal(
	    journal_open(f.path, STORE, upto, &options->journal), 0);
	assert_non_null(options->journal);
}

/* The next frame, which has this number. */
static void
take(uint64_t number)
{
	int64_t until_ms = clock_boot_ms() + WAIT_MS;

	(void)zmq_msg_close(&f.message);
	(void)zmq_msg_init(&f.message);
	while (!landing_take(f.landing, &f.message, &f.number)) {
		assert_true(clock_boot_ms() < until_ms);
		wait_wake();
	}
	assert_int_equal(f.number, number);
}

static void
done(uint64_t upto)
{
	landing_done(f.landing, 1, zmq_msg_size(&f.message), upto);
}

static uint64_t
taken_seq(void)
{
	struct wire_target target;
	struct event event;

	assert_int_equal(wire_get_event(zmq_msg_data(&f.message),
			     zmq_msg_size(&f.message), &target, &event),
	    0);
	return target.seq;
}

/* ---- the gateways ---- */

static void
wait_for(void *socket, short events)
{
	zmq_pollitem_t item = {.socket = socket, .events = events};

	assert_int_equal(zmq_poll(&item, 1, WAIT_MS), 1);
}

static void
on_ack(void *arg, uint64_t boot, const struct wire_ack *ack)
{
	struct gateway *g = arg;

	assert_int_equal(boot, BOOT);
	g->acks++;
	g->last = *ack;
}

/* Until it hears a word; acks before it are counted. */
static void
hear(struct gateway *g, const char *word)
{
	zmq_msg_t msg;
	bool heard = false;

	(void)zmq_msg_init(&msg);
	while (!heard) {
		wait_for(g->control, ZMQ_POLLIN);
		assert_int_equal(zsock_recv(g->control, &msg, NULL), 0);
		heard = zmq_msg_size(&msg) == strlen(word) &&
			memcmp(zmq_msg_data(&msg), word, strlen(word)) == 0;
		if (!heard)
			assert_int_equal(wire_get_acks(zmq_msg_data(&msg),
					     zmq_msg_size(&msg), on_ack, g),
			    0);
	}
	(void)zmq_msg_close(&msg);
}

static void
wait_acks(struct gateway *g, unsigned n)
{
	zmq_msg_t msg;

	(void)zmq_msg_init(&msg);
	while (g->acks < n) {
		wait_for(g->control, ZMQ_POLLIN);
		assert_int_equal(zsock_recv(g->control, &msg, NULL), 0);
		assert_int_equal(wire_get_acks(zmq_msg_data(&msg),
				     zmq_msg_size(&msg), on_ack, g),
		    0);
	}
	(void)zmq_msg_close(&msg);
	assert_int_equal(g->acks, n);
}

/* A word from the worker to it: all that was acknowledged before has come. */
static void
tell(struct gateway *g, const char *word)
{
	assert_int_equal(zsock_send_to(landing_control(f.landing), g->link,
			     WIRE_LINK_LEN, word, strlen(word)),
	    0);
	hear(g, word);
}

/* A word from it to the worker: the landing has looked at what is new. */
static void
say(struct gateway *g, const char *word)
{
	zmq_msg_t id, msg;

	(void)zmq_msg_init(&id);
	(void)zmq_msg_init(&msg);
	assert_int_equal(zsock_send(g->control, word, strlen(word)), 0);
	wait_for(landing_control(f.landing), ZMQ_POLLIN);
	assert_int_equal(
	    zsock_recv_from(landing_control(f.landing), &id, &msg, NULL), 0);
	assert_int_equal(zmq_msg_size(&id), WIRE_LINK_LEN);
	assert_memory_equal(zmq_msg_data(&id), g->link, WIRE_LINK_LEN);
	assert_int_equal(zmq_msg_size(&msg), strlen(word));
	assert_memory_equal(zmq_msg_data(&msg), word, strlen(word));
	(void)zmq_msg_close(&id);
	(void)zmq_msg_close(&msg);
}

/* Nothing was acknowledged. */
static void
expect_silence(struct gateway *g)
{
	unsigned acks = g->acks;

	tell(g, "well?");
	assert_int_equal(g->acks, acks);
}

static void
send_frame(struct gateway *g, const void *p, size_t len)
{
	wait_for(g->data, ZMQ_POLLOUT);
	assert_int_equal(zsock_send(g->data, p, len), 0);
}

static struct event
make_event(const char *key)
{
	struct event event = {.source = "shop",
	    .key = key,
	    .type = "",
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "",
	    .content_type = "",
	    .headers = "{}",
	    .scheme = "none",
	    .dedup = EVENT_DEDUP_KEY,
	    .body = ""};

	event.id[0] = 1;
	f.ids++;
	memcpy(event.id + 4, &f.ids, sizeof f.ids);
	return event;
}

static void
send_event(struct gateway *g, const struct event *event)
{
	struct wire_target target = {.boot = BOOT, .seq = ++g->sent};
	struct buf frame = {0};

	memcpy(target.link, g->link, WIRE_LINK_LEN);
	assert_int_equal(wire_put_event(&frame, &target, event), 0);
	send_frame(g, frame.p, frame.len);
	buf_clear(&frame);
}

/* New ones; their body has so many bytes. */
static void
send_new(struct gateway *g, size_t n, size_t bytes)
{
	char key[32];
	char *body = calloc(1, bytes + 1);

	assert_non_null(body);
	while (n-- > 0) {
		struct event event = make_event(key);

		(void)snprintf(key, sizeof key, "new-%u", f.ids);
		event.body = body;
		event.body_len = bytes;
		send_event(g, &event);
	}
	free(body);
}

/* ---- both ---- */

static void
start_with(const struct landing_options *options)
{
	struct gateway *g;

	f.landing = landing_start(options);
	assert_non_null(f.landing);
	for (size_t i = 0; i < GATEWAYS; i++) {
		g = &f.gateways[i];
		memset(g->link, (int)('a' + i), WIRE_LINK_LEN);
		g->link[0] = 'G';
		g->data = zsock_new(f.context, ZSOCK_DATA_OUT, NULL);
		g->control = zsock_new(f.context, ZSOCK_CONTROL_OUT,
		    &(struct zsock_options){.routing_id = g->link,
			.routing_id_len = WIRE_LINK_LEN});
		assert_int_equal(zmq_connect(g->data, "inproc://data"), 0);
		assert_int_equal(
		    zmq_connect(g->control, "inproc://control"), 0);
		say(g, "hello");
	}
}

static void
start(uint64_t upto)
{
	struct landing_options options = make_options();

	open_journal(&options, upto);
	start_with(&options);
}

static void
stop(void)
{
	landing_stop(f.landing);
	f.landing = NULL;
	for (size_t i = 0; i < GATEWAYS; i++) {
		zsock_close(f.gateways[i].data);
		zsock_close(f.gateways[i].control);
		f.gateways[i] = (struct gateway){0};
	}
}

static void
forget_keys(void)
{
	known_free(f.known);
	f.known = known_new();
	assert_non_null(f.known);
	known_use(f.known, NULL, 0, true);
}

static int
setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof f);
	disk_error = 0;
	f.context = zmq_ctx_new();
	f.dir = support_dir();
	f.path = support_path(f.dir, "intake");
	f.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)zmq_msg_init(&f.message);
	forget_keys();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	stop();
	(void)zmq_msg_close(&f.message);
	known_free(f.known);
	zsock_context_end(f.context);
	(void)close(f.wake_fd);
	free(f.path);
	support_dir_remove(f.dir);
	return 0;
}

/* ---- what is acknowledged ---- */

static void
new_event_is_acknowledged_before_it_is_taken(void **state)
{
	struct gateway *g = f.gateways;
	struct event event = make_event("one"), got;
	struct wire_target target;
	struct landing_counts counts;

	(void)state;
	start(0);
	event.body = "body";
	event.body_len = 4;
	send_event(g, &event);
	wait_acks(g, 1);
	assert_int_equal(g->last.seq, 1);
	assert_int_equal(g->last.status, WIRE_STORED);
	assert_memory_equal(g->last.id, event.id, EVENT_ID_LEN);
	take(1);
	assert_int_equal(wire_get_event(zmq_msg_data(&f.message),
			     zmq_msg_size(&f.message), &target, &got),
	    0);
	assert_memory_equal(got.id, event.id, EVENT_ID_LEN);
	assert_memory_equal(got.body, "body", 4);
	assert_int_equal(landing_came(f.landing), 1);
	assert_int_equal(landing_gone(f.landing), 0);
	done(1);
	assert_int_equal(landing_gone(f.landing), 1);
	landing_count(f.landing, &counts);
	assert_int_equal(counts.journal, 1);
	assert_int_equal(counts.store, 0);
	assert_true(counts.sync_us >= 0);
}

static void
each_gateway_gets_its_own(void **state)
{
	(void)state;
	start(0);
	for (unsigned i = 1; i <= 50; i++) {
		send_new(&f.gateways[0], 1, 10);
		send_new(&f.gateways[1], 2, 10);
	}
	wait_acks(&f.gateways[0], 50);
	wait_acks(&f.gateways[1], 100);
	for (unsigned i = 1; i <= 150; i++)
		take(i);
}

/* All of them are left to the store's thread. */
static void
expect_left_to_the_store(struct gateway *g)
{
	take(0);
	expect_silence(g);
	done(0);
}

static void
a_copy_is_left_to_the_store(void **state)
{
	static const uint8_t other[EVENT_SHA256_LEN] = {1};
	struct gateway *g = f.gateways;
	struct event event = make_event("one"), copy = make_event("one");

	(void)state;
	start(0);
	for (int dedup = EVENT_DEDUP_KEY; dedup < EVENT_DEDUP__MAX; dedup++) {
		event.dedup = copy.dedup = (enum event_dedup)dedup;
		/* Where the key is not signed, whatever the body. */
		if (dedup == EVENT_DEDUP_KEY_BODY)
			memcpy(copy.sha256, other, sizeof other);
		else
			memcpy(copy.sha256, event.sha256, sizeof other);
		send_event(g, &event);
		take((uint64_t)dedup);
		wait_acks(g, (unsigned)dedup);
		send_event(g, &copy);
		expect_left_to_the_store(g);
	}
	/* One of another source is none. */
	event.source = "other";
	send_event(g, &event);
	take(EVENT_DEDUP__MAX);
}

static void
without_dedup_there_are_no_copies(void **state)
{
	struct event event = make_event("one");

	(void)state;
	start(0);
	event.dedup = EVENT_DEDUP_NONE;
	send_event(f.gateways, &event);
	send_event(f.gateways, &event);
	take(1);
	take(2);
	wait_acks(f.gateways, 2);
}

static void
what_the_store_must_look_at_is_left_to_it(void **state)
{
	static const char *const garbage[] = {"", "GAF", "GAF1", "GAF2\4xyz",
	    "GAF1\3{}" /* a PROBE */, "GAF1\4garbage"};
	static char body[JOURNAL_FRAME_BYTES];
	struct gateway *g = f.gateways;
	struct event strict = make_event("strict"), large = make_event("large");
	struct landing_counts counts;

	(void)state;
	start(0);
	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
		send_frame(g, garbage[i], strlen(garbage[i]));
		expect_left_to_the_store(g);
	}
	strict.dedup = EVENT_DEDUP_KEY_BODY;
	strict.strict_replay = true;
	send_event(g, &strict);
	expect_left_to_the_store(g);
	large.body = body;
	large.body_len = sizeof body;
	send_event(g, &large);
	expect_left_to_the_store(g);
	landing_count(f.landing, &counts);
	assert_int_equal(counts.journal, 0);
	assert_int_equal(counts.store, 8);
	/* What came with it is no obstacle. */
	send_new(g, 1, 1);
	take(1);
}

static void
several_frames_are_malformed(void **state)
{
	struct landing_counts counts;
	struct gateway *g = f.gateways;

	(void)state;
	start(0);
	wait_for(g->data, ZMQ_POLLOUT);
	assert_int_equal(
	    zmq_send(g->data, "a", 1, ZMQ_SNDMORE | ZMQ_DONTWAIT), 1);
	assert_int_equal(zmq_send(g->data, "b", 1, ZMQ_DONTWAIT), 1);
	send_new(g, 1, 1);
	take(1);
	landing_count(f.landing, &counts);
	assert_int_equal(counts.malformed, 1);
}

static void
without_a_journal_all_is_left_to_the_store(void **state)
{
	struct landing_options options = make_options();

	(void)state;
	start_with(&options);
	send_new(f.gateways, 1, 1);
	expect_left_to_the_store(f.gateways);
	assert_int_equal(landing_scrub(f.landing), 0);
}

static void
without_known_keys_all_with_a_key_is(void **state)
{
	struct landing_options options = make_options();
	struct event event = make_event("");

	(void)state;
	options.known = NULL;
	open_journal(&options, 0);
	start_with(&options);
	send_new(f.gateways, 1, 1);
	expect_left_to_the_store(f.gateways);
	event.dedup = EVENT_DEDUP_NONE;
	send_event(f.gateways, &event);
	take(1);
}

static void
held_events_are_left_to_the_store(void **state)
{
	struct gateway *g = f.gateways;

	(void)state;
	start(0);
	send_new(g, 1, 1);
	take(1);
	wait_acks(g, 1);
	for (int i = 0; i < 3; i++) {
		landing_hold(f.landing, true);
		send_new(g, 1, 1);
		expect_left_to_the_store(g);
		landing_hold(f.landing, false);
		send_new(g, 1, 1);
		take((uint64_t)i + 2);
		wait_acks(g, (unsigned)i + 2);
	}
}

/* ---- how much, and in which order ---- */

static void
no_more_than_so_many_are_held(void **state)
{
	struct gateway *g = f.gateways;
	uint64_t seq = 0;

	(void)state;
	start(0);
	send_new(g, LANDING_EVENTS + 100, 10);
	for (unsigned i = 0; i < LANDING_EVENTS; i++) {
		take(++seq);
		assert_int_equal(taken_seq(), seq);
	}
	for (unsigned held = 0; held < 3; held++) {
		/* Twice round its loop: it could have read. */
		say(g, "round");
		say(g, "round");
		assert_int_equal(
		    landing_came(f.landing), LANDING_EVENTS + held);
		assert_false(landing_take(f.landing, &f.message, &f.number));
		done(held + 1);
		take(++seq);
	}
	while (seq < LANDING_EVENTS + 100) {
		done(seq - LANDING_EVENTS);
		take(++seq);
		assert_int_equal(taken_seq(), seq);
	}
	wait_acks(g, LANDING_EVENTS + 100);
}

static void
no_more_than_so_many_bytes_are_held(void **state)
{
	const size_t bytes = LANDING_BYTES / 4;
	struct gateway *g = f.gateways;

	(void)state;
	start(0);
	send_new(g, 8, bytes);
	for (int i = 0; i < 4; i++)
		take(0);
	for (unsigned held = 0; held < 3; held++) {
		say(g, "round");
		say(g, "round");
		assert_int_equal(landing_came(f.landing), 4 + held);
		done(0);
		take(0);
	}
}

/* The journal is full as long as the store has nothing of it. */
static void
a_full_journal_leaves_them_to_the_store(void **state)
{
	struct gateway *g = f.gateways;
	uint64_t number = 0, store = 0;

	(void)state;
	start(0);
	/* With what stands around them they have 50 blocks of 4096. */
	for (int i = 0; i < 2 * (JOURNAL_HALF / 204800); i++) {
		send_new(g, 1, 200000);
		take(number + 1);
		number++;
		done(0);
	}
	wait_acks(g, (unsigned)number);
	for (; store < 3; store++) {
		send_new(g, 1, 200000);
		expect_left_to_the_store(g);
	}
	landing_done(f.landing, 0, 0, number);
	say(g, "round");
	send_new(g, 1, 200000);
	take(number + 1);
	wait_acks(g, (unsigned)number + 1);
}

static void
control_goes_both_ways(void **state)
{
	char word[32];

	(void)state;
	start(0);
	for (int i = 0; i < 600; i++) {
		struct gateway *g = &f.gateways[i % GATEWAYS];

		(void)snprintf(word, sizeof word, "word %d", i);
		say(g, word);
		tell(g, word);
	}
	/* To one that is gone: nothing happens. */
	assert_int_equal(zsock_send_to(landing_control(f.landing),
			     "Gnobody__________", WIRE_LINK_LEN, "x", 1),
	    0);
	say(f.gateways, "still there");
}

/* ---- another life ---- */

static void
what_is_not_done_comes_first(void **state)
{
	struct gateway *g = f.gateways;
	struct event event = make_event("left");

	(void)state;
	start(0);
	send_new(g, 4, 10);
	send_event(g, &event);
	for (unsigned i = 1; i <= 5; i++)
		take(i);
	wait_acks(g, 5);
	stop();
	for (int round = 0; round < 2; round++) {
		forget_keys();
		start(2);
		/* The store has not its key yet; it will. */
		event.id[1]++;
		send_event(g, &event);
		for (uint64_t i = 3; i <= 5; i++) {
			take(i);
			assert_int_equal(taken_seq(), i);
		}
		expect_left_to_the_store(g);
		stop();
	}
	start(5);
	send_new(g, 1, 10);
	take(6);
}

static void
more_is_left_than_is_held(void **state)
{
	struct gateway *g = f.gateways;
	const uint64_t n = LANDING_EVENTS + 50;

	(void)state;
	start(0);
	for (uint64_t i = 1; i <= n; i++) {
		send_new(g, 1, 10);
		take(i);
		done(0);
	}
	stop();
	start(0);
	send_new(g, 1, 10);
	for (uint64_t i = 1; i <= LANDING_EVENTS; i++)
		take(i);
	say(g, "round");
	assert_int_equal(landing_came(f.landing), LANDING_EVENTS);
	for (uint64_t i = LANDING_EVENTS + 1; i <= n + 1; i++) {
		done(i - LANDING_EVENTS);
		take(i);
	}
}

static void
wait_drained(void)
{
	int64_t until_ms = clock_boot_ms() + WAIT_MS;

	while (!landing_drained(f.landing)) {
		assert_true(clock_boot_ms() < until_ms);
		(void)poll(NULL, 0, 1);
	}
}

static void
drained_is_what_was_sent_before(void **state)
{
	struct gateway *g = f.gateways;
	const uint64_t n = LANDING_EVENTS + 100;

	(void)state;
	start(0);
	send_new(g, n, 10);
	landing_drain(f.landing);
	for (uint64_t i = 1; i <= n; i++) {
		take(i);
		done(i);
	}
	wait_drained();
	wait_acks(g, (unsigned)n);
	/* Nothing more is read. */
	send_new(g, 1, 10);
	say(g, "round");
	say(g, "round");
	assert_int_equal(landing_came(f.landing), n);
	expect_silence(g);
}

static void
nothing_to_drain_is_drained(void **state)
{
	(void)state;
	start(0);
	assert_false(landing_drained(f.landing));
	landing_drain(f.landing);
	wait_drained();
}

static void
stopped_with_frames_that_nobody_took(void **state)
{
	(void)state;
	start(0);
	send_new(f.gateways, 300, 1000);
	wait_acks(f.gateways, 300);
	take(1);
	stop();
	/* None is lost. */
	start(1);
	for (unsigned i = 2; i <= 300; i++)
		take(i);
}

/* ---- faults ---- */

static void
nothing_is_acknowledged_by_a_failing_disk(void **state)
{
	struct gateway *g = f.gateways;
	char *said;

	(void)state;
	start(0);
	send_new(g, 1, 10);
	take(1);
	wait_acks(g, 1);
	assert_false(landing_failed(f.landing));
	support_stderr_begin();
	disk_error = EIO;
	send_new(g, 3, 10);
	while (!landing_failed(f.landing))
		wait_wake();
	expect_silence(g);
	disk_error = 0;
	send_new(g, 3, 10);
	say(g, "round");
	say(g, "round");
	expect_silence(g);
	said = support_stderr_end();
	support_contains(said, "journal_failed");
	free(said);
	assert_false(landing_take(f.landing, &f.message, &f.number));
	assert_int_equal(landing_came(f.landing), 1);
}

static void
scrubbed_when_the_store_has_it(void **state)
{
	static const char mark[] = "a body that is to go";
	struct event event = make_event("x");
	size_t len;
	char *bytes;

	(void)state;
	start(0);
	event.body = mark;
	event.body_len = strlen(mark);
	send_event(f.gateways, &event);
	take(1);
	for (int gone = 0; gone < 2; gone++) {
		assert_int_equal(landing_scrub(f.landing), 0);
		bytes = support_read(f.path, &len);
		assert_int_equal(
		    memmem(bytes, len, mark, strlen(mark)) == NULL, gone);
		free(bytes);
		done(1);
	}
	disk_error = EIO;
	support_stderr_begin();
	assert_int_equal(landing_scrub(f.landing), -1);
	free(support_stderr_end());
}

static void
without_memory_it_takes_its_sockets(void **state)
{
	struct landing_options options;
	unsigned n;

	(void)state;
	for (n = 1; f.landing == NULL; n++) {
		char *said;

		/* Bound again: those before were closed. */
		options = make_options();
		open_journal(&options, 0);
		support_stderr_begin();
		support_fail_alloc(n);
		f.landing = landing_start(&options);
		support_fail_alloc(0);
		said = support_stderr_end();
		if (f.landing == NULL)
			support_contains(said, "cannot_start");
		free(said);
	}
	assert_true(n > 2);
}

static void
none_may_be_stopped(void **state)
{
	(void)state;
	landing_stop(NULL);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(new_event_is_acknowledged_before_it_is_taken),
	    TEST(each_gateway_gets_its_own),
	    TEST(a_copy_is_left_to_the_store),
	    TEST(without_dedup_there_are_no_copies),
	    TEST(what_the_store_must_look_at_is_left_to_it),
	    TEST(several_frames_are_malformed),
	    TEST(without_a_journal_all_is_left_to_the_store),
	    TEST(without_known_keys_all_with_a_key_is),
	    TEST(held_events_are_left_to_the_store),
	    TEST(no_more_than_so_many_are_held),
	    TEST(no_more_than_so_many_bytes_are_held),
	    TEST(a_full_journal_leaves_them_to_the_store),
	    TEST(control_goes_both_ways),
	    TEST(what_is_not_done_comes_first),
	    TEST(more_is_left_than_is_held),
	    TEST(drained_is_what_was_sent_before),
	    TEST(nothing_to_drain_is_drained),
	    TEST(stopped_with_frames_that_nobody_took),
	    TEST(nothing_is_acknowledged_by_a_failing_disk),
	    TEST(scrubbed_when_the_store_has_it),
	    TEST(without_memory_it_takes_its_sockets),
	    TEST(none_may_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
