#include "played.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../fcgi/rank.h"
#include "../../shared/zsock.h"

/* ---- the link's side ---- */

static void
on_answer(void *owner, const struct link_answer *answer)
{
	struct played_link *f = *(struct played_link **)owner;

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
	struct played_link *f = arg;

	waiters_acked(&f->waiters, peer, boot, ack, f->now_ms);
}

static void
on_lost(void *arg, struct peer *peer, bool closed)
{
	struct played_link *f = arg;

	waiters_lost(&f->waiters, peer, closed, f->now_ms);
}

static void
on_heard(void *arg, struct peer *peer)
{
	(void)arg;
	(void)peer;
}

static json_t *
describe(void *arg, struct tally_cursor *told)
{
	(void)arg;
	(void)told;
	return json_object();
}

/* ---- the workers' side ---- */

static void
play(struct played_link *f, size_t i)
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

int
played_setup(void **state)
{
	struct played_link *f = calloc(1, sizeof *f);

	f->context = zmq_ctx_new();
	f->now_ms = 1000000;
	for (size_t i = 0; i < PLAYED_WORKERS; i++)
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

int
played_teardown(void **state)
{
	struct played_link *f = *state;

	assert_int_equal(f->waiters.n, 0);
	assert_int_equal(f->waiters.n_unsent, 0);
	assert_int_equal(f->parked, 0);
	assert_int_equal(f->parked_bytes, 0);
	for (size_t i = 0; i < PLAYED_WORKERS; i++) {
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
hear_beat(struct played *p, zmq_msg_t *msg)
{
	json_t *beat = wire_get_json(zmq_msg_data(msg), zmq_msg_size(msg));
	const char *state = json_string_value(json_object_get(beat, "state"));

	p->beats++;
	(void)snprintf(p->said, sizeof p->said, "%s", state ? state : "");
	json_decref(beat);
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
		if (type == WIRE_BEAT)
			hear_beat(p, &msg);
		if (type == WIRE_HELLO)
			memcpy(p->link, zmq_msg_data(&id), WIRE_LINK_LEN);
	}
	(void)zmq_msg_close(&id);
	(void)zmq_msg_close(&msg);
}

/* Take what came; PROBEs go back when `echo`. */
void
played_hear(struct played *p, bool echo)
{
	struct event event;
	zmq_msg_t msg;

	hear_control(p);
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

void
played_say(struct played *p, const struct played_words *words)
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

void
played_read(struct played_link *f, size_t i)
{
	struct pollfd items[PEER_POLL];

	(void)peer_poll(f->peers[i], items);
	for (size_t k = 0; k < PEER_POLL; k++)
		items[k].revents = POLLIN;
	peer_read(f->peers[i], items, f->now_ms);
}

void
played_beat(struct played *p, uint64_t boot)
{
	played_say(p,
	    &(struct played_words){WIRE_BEAT, boot, "accepting", 512, 1 << 20});
}

void
played_ack(struct played_link *f, size_t i, const struct played_ack *to)
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
	played_read(f, i);
}

void
played_pass(struct played_link *f, int64_t ms)
{
	f->now_ms += ms;
	for (size_t i = 0; i < f->waiters.n_peers; i++) {
		played_read(f, i);
		peer_tick(f->peers[i], f->now_ms);
		hear_control(&f->played[i]);
	}
	waiters_scan(&f->waiters, f->now_ms);
	waiters_expire(&f->waiters, f->now_ms);
}

/* Bring a link up. */
void
played_up(struct played_link *f, size_t i, const struct played_words *words)
{
	played_pass(f, 100);
	assert_int_not_equal(f->played[i].hellos, 0);
	played_say(&f->played[i], words);
	played_read(f, i);
	played_hear(&f->played[i], true);
	played_read(f, i);
}

void
played_up_plain(struct played_link *f, size_t i, uint64_t boot)
{
	played_up(f, i,
	    &(struct played_words){
		WIRE_WELCOME, boot, "accepting", 512, 1 << 20});
	assert_true(peer_accepts(f->peers[i]));
}

void
played_both_up(struct played_link *f)
{
	f->waiters.n_peers = PLAYED_WORKERS;
	played_up_plain(f, 0, 7);
	played_up_plain(f, 1, 8);
}

/* An event whose id is all `id` bytes, of `bytes` body. */
void
played_push(struct played_link **owner, uint8_t id, size_t bytes)
{
	static const struct wire_target nobody;
	static const char body[100000];
	struct played_link *f = *owner;
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
	while (rank_pick(waiter->rank, f->ranks, PLAYED_WORKERS, 0) != 0)
		waiter->rank++;
	waiter->third_ms = PLAYED_TIME_MS / 3;
	waiter->deadline_ms = f->now_ms + PLAYED_TIME_MS;
	f->parked++;
	f->parked_bytes += waiter->frame.len + LINK_OVERHEAD;
	waiters_add(&f->waiters, waiter, f->now_ms);
}

void
played_expect(struct played_link *f, size_t i, unsigned events)
{
	played_hear(&f->played[i], true);
	assert_int_equal(f->played[i].events, events);
}
