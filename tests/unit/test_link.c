/* Links, waiters and their sends, with workers played by the test over inproc
 * sockets and a clock of its own. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../fcgi/link_impl.h"
#include "../../fcgi/rank.h"
#include "../../shared/zsock.h"
#include "support.h"

enum { WORKERS = 2, EVENTS_MAX = 16, TIME_MS = 3000 };

/* A worker as the test plays it. */
struct played {
	struct config_worker config;
	char name[8];
	char data_endpoint[32];
	char control_endpoint[32];
	void *data;
	void *control;
	uint8_t link[WIRE_LINK_LEN]; /* who said HELLO last */
	unsigned hellos;
	unsigned beats;
	/* the last EVENT it got */
	unsigned events;
	struct wire_target target;
	uint8_t id[EVENT_ID_LEN];
};

struct fixture {
	void *context;
	int64_t now_ms;
	struct played played[WORKERS];
	struct peer *peers[WORKERS];
	uint64_t ranks[WORKERS];
	struct waiters waiters;
	atomic_size_t parked;
	atomic_size_t parked_bytes;
	unsigned answers;
	struct link_answer last;
	char last_worker[16];
	void *last_owner;
};

/* ---- the link's side ---- */

static void
on_answer(void *owner, const struct link_answer *answer)
{
	struct fixture *f = *(struct fixture **)owner;

	f->answers++;
	f->last = *answer;
	(void)snprintf(
	    f->last_worker, sizeof f->last_worker, "%s", answer->worker);
	f->last_owner = owner;
}

static void
on_acked(
    void *arg, struct peer *peer, uint64_t boot, const struct wire_ack *ack)
{
	struct fixture *f = arg;

	waiters_acked(&f->waiters, peer, boot, ack, f->now_ms);
}

static void
on_lost(void *arg, struct peer *peer, bool closed)
{
	struct fixture *f = arg;

	waiters_lost(&f->waiters, peer, closed, f->now_ms);
}

static void
on_heard(void *arg, struct peer *peer)
{
	(void)arg;
	(void)peer;
}

static json_t *
describe(void *arg, bool beat)
{
	(void)arg;
	return json_pack("{s:b}", "beat", beat);
}

/* ---- the workers' side ---- */

static void
play(struct fixture *f, size_t i)
{
	struct played *p = &f->played[i];
	const struct peer_handler handler = {.arg = f,
	    .acked = on_acked,
	    .lost = on_lost,
	    .heard = on_heard,
	    .describe = describe};

	(void)snprintf(p->name, sizeof p->name, "w%zu", i);
	(void)snprintf(
	    p->data_endpoint, sizeof p->data_endpoint, "inproc://d%zu", i);
	(void)snprintf(p->control_endpoint, sizeof p->control_endpoint,
	    "inproc://c%zu", i);
	p->data = zsock_new(f->context, ZSOCK_DATA_IN, NULL);
	p->control = zsock_new(f->context, ZSOCK_CONTROL_IN, NULL);
	assert_int_equal(zmq_bind(p->data, p->data_endpoint), 0);
	assert_int_equal(zmq_bind(p->control, p->control_endpoint), 0);
	p->config.name = p->name;
	p->config.data = p->data_endpoint;
	p->config.control = p->control_endpoint;
	f->peers[i] = peer_new(f->context, &p->config, &handler, f->now_ms);
	assert_non_null(f->peers[i]);
	f->ranks[i] = rank_worker(p->name);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->context = zmq_ctx_new();
	f->now_ms = 1000000;
	for (size_t i = 0; i < WORKERS; i++)
		play(f, i);
	f->waiters.sends = sends_new();
	f->waiters.peers = f->peers;
	f->waiters.ranks = f->ranks;
	f->waiters.n_peers = 1;
	f->waiters.answer = on_answer;
	f->waiters.parked = &f->parked;
	f->waiters.parked_bytes = &f->parked_bytes;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->waiters.n, 0);
	assert_int_equal(f->waiters.n_unsent, 0);
	assert_int_equal(f->parked, 0);
	assert_int_equal(f->parked_bytes, 0);
	for (size_t i = 0; i < WORKERS; i++) {
		peer_free(f->peers[i]);
		zsock_close(f->played[i].data);
		zsock_close(f->played[i].control);
	}
	sends_free(f->waiters.sends);
	zsock_context_end(f->context);
	free(f);
	return 0;
}

static void
hear_control(struct played *p)
{
	zmq_msg_t id;
	zmq_msg_t msg;

	(void)zmq_msg_init(&id);
	(void)zmq_msg_init(&msg);
	while (zsock_recv_from(p->control, &id, &msg, NULL) == 0) {
		enum wire_type type =
		    wire_type(zmq_msg_data(&msg), zmq_msg_size(&msg));

		assert_int_equal(zmq_msg_size(&id), WIRE_LINK_LEN);
		p->hellos += type == WIRE_HELLO;
		p->beats += type == WIRE_BEAT;
		if (type == WIRE_HELLO)
			memcpy(p->link, zmq_msg_data(&id), WIRE_LINK_LEN);
	}
	(void)zmq_msg_close(&id);
	(void)zmq_msg_close(&msg);
}

/* Take what came by data; PROBEs go back when `echo`. */
static void
hear_data(struct played *p, bool echo)
{
	struct event event;
	zmq_msg_t msg;

	(void)zmq_msg_init(&msg);
	while (zsock_recv(p->data, &msg, NULL) == 0) {
		const void *frame = zmq_msg_data(&msg);
		size_t len = zmq_msg_size(&msg);

		if (wire_type(frame, len) == WIRE_PROBE) {
			if (echo)
				(void)zsock_send_to(p->control, p->link,
				    WIRE_LINK_LEN, frame, len);
			continue;
		}
		assert_int_equal(
		    wire_get_event(frame, len, &p->target, &event), 0);
		memcpy(p->id, event.id, EVENT_ID_LEN);
		p->events++;
	}
	(void)zmq_msg_close(&msg);
}

struct words {
	enum wire_type type;
	uint64_t boot;
	const char *state;
	int credit_events;
	int credit_bytes;
};

static void
say(struct played *p, const struct words *words)
{
	struct buf frame = {0};
	char boot[17];
	json_t *object;

	(void)snprintf(boot, sizeof boot, "%016" PRIx64, words->boot);
	object = json_pack("{s:s, s:s, s:i, s:i}", "boot", boot, "state",
	    words->state, "credit_events", words->credit_events, "credit_bytes",
	    words->credit_bytes);
	assert_int_equal(wire_put_json(&frame, words->type, object), 0);
	assert_int_equal(zsock_send_to(p->control, p->link, WIRE_LINK_LEN,
			     frame.p, frame.len),
	    0);
	json_decref(object);
	buf_clear(&frame);
}

static void
beat(struct played *p, uint64_t boot)
{
	say(p, &(struct words){WIRE_BEAT, boot, "accepting", 512, 1 << 20});
}

struct answer_to {
	uint64_t boot;
	uint64_t seq;
	enum wire_status status;
	uint8_t id;
};

static void
ack(struct fixture *f, size_t i, const struct answer_to *to)
{
	struct wire_ack one = {
	    .seq = to->seq, .status = to->status, .revived = "r"};
	struct buf frame = {0};

	memset(one.id, to->id, sizeof one.id);
	assert_int_equal(wire_put_acks(&frame, to->boot, &one, 1), 0);
	assert_int_equal(zsock_send_to(f->played[i].control, f->played[i].link,
			     WIRE_LINK_LEN, frame.p, frame.len),
	    0);
	buf_clear(&frame);
	peer_read(f->peers[i], f->now_ms);
}

static void
pass(struct fixture *f, int64_t ms)
{
	f->now_ms += ms;
	for (size_t i = 0; i < f->waiters.n_peers; i++) {
		peer_read(f->peers[i], f->now_ms);
		peer_tick(f->peers[i], f->now_ms);
		hear_control(&f->played[i]);
	}
	waiters_scan(&f->waiters, f->now_ms);
	waiters_expire(&f->waiters, f->now_ms);
}

/* Bring a link up. */
static void
link_up(struct fixture *f, size_t i, const struct words *words)
{
	pass(f, 100);
	assert_int_not_equal(f->played[i].hellos, 0);
	say(&f->played[i], words);
	peer_read(f->peers[i], f->now_ms);
	hear_data(&f->played[i], true);
	peer_read(f->peers[i], f->now_ms);
}

static void
link_up_plain(struct fixture *f, size_t i, uint64_t boot)
{
	link_up(f, i,
	    &(struct words){WIRE_WELCOME, boot, "accepting", 512, 1 << 20});
	assert_true(peer_accepts(f->peers[i]));
}

static void
both_up(struct fixture *f)
{
	f->waiters.n_peers = WORKERS;
	link_up_plain(f, 0, 7);
	link_up_plain(f, 1, 8);
}

/* An event whose id is all `id` bytes, of `bytes` body. */
static void
push(struct fixture **owner, uint8_t id, size_t bytes)
{
	static const struct wire_target nobody;
	static const char body[100000];
	struct fixture *f = *owner;
	struct waiter *waiter = calloc(1, sizeof *waiter);
	struct event event = {.source = "s",
	    .key = "",
	    .type = "",
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "",
	    .content_type = "",
	    .headers = "{}",
	    .scheme = "none",
	    .body = body,
	    .body_len = bytes};

	memset(event.id, id, sizeof event.id);
	assert_int_equal(wire_put_event(&waiter->frame, &nobody, &event), 0);
	memcpy(waiter->id, event.id, sizeof event.id);
	waiter->owner = owner;
	/* the first worker is the first in rank */
	while (rank_pick(waiter->rank, f->ranks, WORKERS, 0) != 0)
		waiter->rank++;
	waiter->third_ms = TIME_MS / 3;
	waiter->deadline_ms = f->now_ms + TIME_MS;
	f->parked++;
	f->parked_bytes += waiter->frame.len + LINK_OVERHEAD;
	waiters_add(&f->waiters, waiter, f->now_ms);
}

static void
expect_events(struct fixture *f, size_t i, unsigned events)
{
	hear_data(&f->played[i], true);
	assert_int_equal(f->played[i].events, events);
}

/* ---- tests ---- */

static void
test_comes_up(void **state)
{
	struct fixture *f = *state;
	struct played *p = &f->played[0];

	pass(f, 100);
	assert_int_equal(p->hellos, 1);
	assert_false(peer_accepts(f->peers[0]));
	say(p, &(struct words){WIRE_WELCOME, 7, "accepting", 512, 1 << 20});
	peer_read(f->peers[0], f->now_ms);
	/* not before a PROBE has gone through data */
	assert_false(peer_accepts(f->peers[0]));
	hear_data(p, false);
	peer_read(f->peers[0], f->now_ms);
	assert_false(peer_accepts(f->peers[0]));
	pass(f, 1000);
	hear_data(p, true);
	peer_read(f->peers[0], f->now_ms);
	assert_true(peer_accepts(f->peers[0]));
	assert_true(waiters_ready(&f->waiters));
	/* beats go out each second */
	beat(p, 7);
	pass(f, 1000);
	assert_in_range(p->beats, 1, 2);
}

static void
test_stored(void **state)
{
	struct fixture *f = *state;

	link_up_plain(f, 0, 7);
	push(&f, 1, 10);
	expect_events(f, 0, 1);
	assert_int_equal(f->played[0].target.boot, 7);
	assert_memory_equal(
	    f->played[0].target.link, f->played[0].link, WIRE_LINK_LEN);
	assert_int_equal(f->answers, 0);
	ack(f, 0,
	    &(struct answer_to){7, f->played[0].target.seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_STORED);
	assert_int_equal(f->last.id[15], 1);
	assert_string_equal(f->last_worker, "w0");
	assert_ptr_equal(f->last_owner, &f);
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
	assert_int_equal(peer_credit(f->peers[0])->bytes, 0);
}

static void
test_duplicate(void **state)
{
	struct fixture *f = *state;

	link_up_plain(f, 0, 7);
	push(&f, 1, 10);
	expect_events(f, 0, 1);
	ack(f, 0,
	    &(struct answer_to){7, f->played[0].target.seq, WIRE_DUPLICATE, 9});
	assert_int_equal(f->last.result, LINK_DUPLICATE);
	assert_int_equal(f->last.id[15], 9);
	/* its own id: it was stored by an earlier send */
	push(&f, 2, 10);
	expect_events(f, 0, 2);
	ack(f, 0,
	    &(struct answer_to){7, f->played[0].target.seq, WIRE_DUPLICATE, 2});
	assert_int_equal(f->last.result, LINK_STORED);
}

/* Nothing but an ACK of this worker, start and number gives an answer. */
static void
test_foreign_acks(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	both_up(f);
	push(&f, 1, 10);
	expect_events(f, 0, 1);
	seq = f->played[0].target.seq;
	ack(f, 0, &(struct answer_to){6, seq, WIRE_STORED, 1});
	ack(f, 0, &(struct answer_to){7, seq + 1, WIRE_STORED, 1});
	ack(f, 0, &(struct answer_to){7, seq + 4096, WIRE_STORED, 1});
	ack(f, 0, &(struct answer_to){7, 0, WIRE_STORED, 1});
	ack(f, 1, &(struct answer_to){7, seq, WIRE_STORED, 1});
	ack(f, 1, &(struct answer_to){8, seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 0);
	assert_int_equal(f->waiters.late_acks, 6);
	ack(f, 0, &(struct answer_to){7, seq, WIRE_STORED, 1});
	/* again: nobody waits any more */
	ack(f, 0, &(struct answer_to){7, seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->waiters.late_acks, 7);
}

static void
test_refused_goes_to_the_next(void **state)
{
	struct fixture *f = *state;

	both_up(f);
	push(&f, 1, 10);
	expect_events(f, 0, 1);
	ack(f, 0,
	    &(struct answer_to){
		7, f->played[0].target.seq, WIRE_UNAVAILABLE, 1});
	expect_events(f, 1, 1);
	ack(f, 1,
	    &(struct answer_to){
		8, f->played[1].target.seq, WIRE_UNAVAILABLE, 1});
	/* all were asked: again after a pause, from the first on */
	pass(f, LINK_PAUSE_MS / 2);
	expect_events(f, 0, 1);
	pass(f, LINK_PAUSE_MS);
	expect_events(f, 0, 2);
	ack(f, 0,
	    &(struct answer_to){7, f->played[0].target.seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_memory_equal(f->played[0].id, f->played[1].id, EVENT_ID_LEN);
}

static void
test_refused_until_the_end(void **state)
{
	struct fixture *f = *state;

	link_up_plain(f, 0, 7);
	push(&f, 1, 10);
	for (int i = 0; i < TIME_MS / 150; i++) {
		unsigned before = f->played[0].events;

		hear_data(&f->played[0], true);
		if (f->played[0].events != before)
			ack(f, 0,
			    &(struct answer_to){7, f->played[0].target.seq,
				WIRE_UNAVAILABLE, 1});
		beat(&f->played[0], 7);
		pass(f, 150);
	}
	hear_data(&f->played[0], true);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_UNAVAILABLE);
	assert_false(f->last.no_worker);
	assert_in_range(f->played[0].events, 10, 30);
}

static void
test_invalid_is_final(void **state)
{
	struct fixture *f = *state;

	link_up_plain(f, 0, 7);
	push(&f, 1, 10);
	expect_events(f, 0, 1);
	support_stderr_begin();
	ack(f, 0,
	    &(struct answer_to){7, f->played[0].target.seq, WIRE_INVALID, 1});
	free(support_stderr_end());
	assert_int_equal(f->last.result, LINK_UNAVAILABLE);
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
}

/* Slow: after a third of its time the next worker gets it too; the first that
 * has stored it answers, the other only gives its credit back. */
static void
test_slow_worker(void **state)
{
	struct fixture *f = *state;

	both_up(f);
	push(&f, 1, 10);
	expect_events(f, 0, 1);
	beat(&f->played[0], 7);
	beat(&f->played[1], 8);
	pass(f, TIME_MS / 3 - 10);
	expect_events(f, 1, 0);
	pass(f, 10);
	expect_events(f, 1, 1);
	assert_memory_equal(f->played[0].id, f->played[1].id, EVENT_ID_LEN);
	assert_int_not_equal(f->played[0].target.seq, f->played[1].target.seq);
	ack(f, 0,
	    &(struct answer_to){7, f->played[0].target.seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_string_equal(f->last_worker, "w0");
	assert_int_equal(peer_credit(f->peers[1])->events, 1);
	ack(f, 1,
	    &(struct answer_to){8, f->played[1].target.seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_int_equal(peer_credit(f->peers[1])->events, 0);
}

static void
test_silence_at_the_end_is_unavailable(void **state)
{
	struct fixture *f = *state;

	link_up_plain(f, 0, 7);
	push(&f, 1, 10);
	for (int ms = 0; ms < TIME_MS - LINK_EARLY_MS; ms += 10) {
		assert_int_equal(f->answers, 0);
		beat(&f->played[0], 7);
		pass(f, 10);
		hear_data(&f->played[0], true);
	}
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_UNAVAILABLE);
	assert_int_equal(f->played[0].events, 1); /* only asked once */
	/* the ACK never came: its credit is back after a while */
	assert_int_equal(peer_credit(f->peers[0])->events, 1);
	for (int ms = 0; ms <= LINK_ORPHAN_MS; ms += 1000) {
		beat(&f->played[0], 7);
		pass(f, 1000);
		hear_data(&f->played[0], true);
	}
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
}

/* Another start of the worker: the event goes there again, and what the
 * earlier one still says counts too. */
static void
test_new_boot(void **state)
{
	struct fixture *f = *state;
	uint64_t old_seq;

	link_up_plain(f, 0, 7);
	push(&f, 1, 10);
	push(&f, 2, 10);
	expect_events(f, 0, 2);
	old_seq = f->played[0].target.seq;
	beat(&f->played[0], 70);
	pass(f, 10);
	assert_false(peer_accepts(f->peers[0]));
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
	hear_data(&f->played[0], true);
	pass(f, 10);
	expect_events(f, 0, 4);
	assert_int_equal(f->played[0].target.boot, 70);
	assert_true(f->played[0].target.seq > old_seq);
	ack(f, 0, &(struct answer_to){7, old_seq, WIRE_STORED, 2});
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.id[15], 2);
	/* of the other event the earlier start knows nothing good */
	ack(f, 0, &(struct answer_to){7, old_seq - 1, WIRE_UNAVAILABLE, 1});
	assert_int_equal(f->answers, 1);
	ack(f, 0, &(struct answer_to){70, old_seq + 1, WIRE_STORED, 1});
	assert_int_equal(f->answers, 2);
	assert_int_equal(f->last.id[15], 1);
	ack(f, 0, &(struct answer_to){70, old_seq + 2, WIRE_STORED, 2});
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
}

/* Three seconds without a word: new sockets, another id, everything again. */
static void
test_silent_worker(void **state)
{
	struct fixture *f = *state;
	uint8_t old_link[WIRE_LINK_LEN];

	link_up_plain(f, 0, 7);
	pass(f, 2000);
	hear_data(&f->played[0], false);
	push(&f, 1, 10);
	expect_events(f, 0, 1);
	memcpy(old_link, f->played[0].link, WIRE_LINK_LEN);
	support_stderr_begin();
	pass(f, 1100);
	free(support_stderr_end());
	assert_false(peer_accepts(f->peers[0]));
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
	link_up_plain(f, 0, 7);
	assert_memory_not_equal(old_link, f->played[0].link, WIRE_LINK_LEN);
	pass(f, 10);
	expect_events(f, 0, 2);
	assert_memory_equal(
	    f->played[0].target.link, f->played[0].link, WIRE_LINK_LEN);
	ack(f, 0,
	    &(struct answer_to){7, f->played[0].target.seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_STORED);
}

/* Beats come, but nothing passes data. */
static void
test_dead_data(void **state)
{
	struct fixture *f = *state;
	unsigned hellos;

	link_up_plain(f, 0, 7);
	hellos = f->played[0].hellos;
	support_stderr_begin();
	for (int i = 0; i < 6 && f->played[0].hellos == hellos; i++) {
		beat(&f->played[0], 7);
		pass(f, 1000);
		pass(f, 100);
	}
	free(support_stderr_end());
	assert_int_equal(f->played[0].hellos, hellos + 1);
	assert_false(peer_accepts(f->peers[0]));
}

static void
test_breaking_event_is_given_up(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	link_up_plain(f, 0, 7);
	push(&f, 1, 10);
	for (i = 1; f->answers == 0; i++) {
		expect_events(f, 0, i);
		assert_true(i <= LINK_LOST_MAX);
		/* what happens when its connection breaks */
		waiters_lost(&f->waiters, f->peers[0], true, f->now_ms);
		waiters_scan(&f->waiters, f->now_ms);
	}
	assert_int_equal(f->last.result, LINK_UNAVAILABLE);
	assert_int_equal(i, LINK_LOST_MAX + 1);
}

static void
test_credit_in_events(void **state)
{
	struct fixture *f = *state;

	link_up(
	    f, 0, &(struct words){WIRE_WELCOME, 7, "accepting", 2, 1 << 20});
	for (uint8_t id = 1; id <= 3; id++)
		push(&f, id, 10);
	expect_events(f, 0, 2);
	assert_int_equal(f->waiters.n_unsent, 1);
	ack(f, 0,
	    &(struct answer_to){7, f->played[0].target.seq, WIRE_STORED, 2});
	assert_true(f->waiters.kicked);
	waiters_scan(&f->waiters, f->now_ms);
	expect_events(f, 0, 3);
	assert_int_equal(f->played[0].id[0], 3);
	for (uint64_t seq = 1; seq <= 3; seq++)
		ack(f, 0, &(struct answer_to){7, seq, WIRE_STORED, 0});
	assert_int_equal(f->answers, 3);
}

static void
test_credit_in_bytes(void **state)
{
	struct fixture *f = *state;

	link_up(f, 0, &(struct words){WIRE_WELCOME, 7, "accepting", 512, 5000});
	/* larger than all credit: it goes alone */
	push(&f, 1, 90000);
	push(&f, 2, 10);
	expect_events(f, 0, 1);
	ack(f, 0, &(struct answer_to){7, 1, WIRE_STORED, 1});
	waiters_scan(&f->waiters, f->now_ms);
	expect_events(f, 0, 2);
	push(&f, 3, 90000);
	expect_events(f, 0, 2);
	ack(f, 0, &(struct answer_to){7, 2, WIRE_STORED, 2});
	waiters_scan(&f->waiters, f->now_ms);
	expect_events(f, 0, 3);
	ack(f, 0, &(struct answer_to){7, 3, WIRE_STORED, 3});
	assert_int_equal(f->answers, 3);
}

static void
test_no_worker_is_half_of_the_time(void **state)
{
	struct fixture *f = *state;

	f->waiters.n_peers = 0;
	push(&f, 1, 10);
	pass(f, TIME_MS / 2 - 10);
	assert_int_equal(f->answers, 0);
	pass(f, 10);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_UNAVAILABLE);
	assert_true(f->last.no_worker);
}

static void
test_parked_until_a_worker_comes(void **state)
{
	struct fixture *f = *state;

	push(&f, 1, 10);
	pass(f, TIME_MS / 3);
	assert_int_equal(f->answers, 0);
	link_up_plain(f, 0, 7);
	pass(f, 10);
	expect_events(f, 0, 1);
	ack(f, 0, &(struct answer_to){7, 1, WIRE_STORED, 1});
	assert_int_equal(f->last.result, LINK_STORED);
}

static void
test_full_worker(void **state)
{
	struct fixture *f = *state;

	both_up(f);
	say(&f->played[0], &(struct words){WIRE_BEAT, 7, "full", 512, 1 << 20});
	pass(f, 10);
	assert_false(peer_accepts(f->peers[0]));
	assert_true(waiters_ready(&f->waiters));
	push(&f, 1, 10);
	expect_events(f, 0, 0);
	expect_events(f, 1, 1);
	ack(f, 1,
	    &(struct answer_to){8, f->played[1].target.seq, WIRE_STORED, 1});
	beat(&f->played[0], 7);
	pass(f, 10);
	assert_true(peer_accepts(f->peers[0]));
}

/* A waiter remembers only its latest sends; what it forgot is late. */
static void
test_forgets_the_oldest(void **state)
{
	struct fixture *f = *state;
	uint64_t seqs[LINK_SENDS_MAX + 1];

	link_up_plain(f, 0, 7);
	push(&f, 1, 10);
	for (uint64_t i = 0; i <= LINK_SENDS_MAX; i++) {
		expect_events(f, 0, (unsigned)i + 1);
		seqs[i] = f->played[0].target.seq;
		if (i == LINK_SENDS_MAX)
			break;
		beat(&f->played[0], 100 + i);
		pass(f, 10);
		hear_data(&f->played[0], true);
		pass(f, 10);
	}
	ack(f, 0, &(struct answer_to){7, seqs[0], WIRE_STORED, 1});
	assert_int_equal(f->answers, 0);
	ack(f, 0, &(struct answer_to){100, seqs[1], WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	ack(f, 0,
	    &(struct answer_to){100 + LINK_SENDS_MAX - 1, seqs[LINK_SENDS_MAX],
		WIRE_STORED, 1});
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_comes_up),
	    TEST(test_stored),
	    TEST(test_duplicate),
	    TEST(test_foreign_acks),
	    TEST(test_refused_goes_to_the_next),
	    TEST(test_refused_until_the_end),
	    TEST(test_invalid_is_final),
	    TEST(test_slow_worker),
	    TEST(test_silence_at_the_end_is_unavailable),
	    TEST(test_new_boot),
	    TEST(test_silent_worker),
	    TEST(test_dead_data),
	    TEST(test_breaking_event_is_given_up),
	    TEST(test_credit_in_events),
	    TEST(test_credit_in_bytes),
	    TEST(test_no_worker_is_half_of_the_time),
	    TEST(test_parked_until_a_worker_comes),
	    TEST(test_full_worker),
	    TEST(test_forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
