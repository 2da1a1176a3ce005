#include "landed.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "../../shared/zsock.h"
#include "platter.h"
#include "support.h"

struct landed landed;

/* ---- the worker ---- */

static void
wake(void *arg)
{
	const uint64_t one = 1;

	(void)arg;
	(void)!write(landed.wake_fd, &one, sizeof one);
}

void
landed_wait_wake(void)
{
	struct pollfd item = {.fd = landed.wake_fd, .events = POLLIN};
	uint64_t count;

	assert_int_equal(poll(&item, 1, LANDED_WAIT_MS), 1);
	(void)!read(landed.wake_fd, &count, sizeof count);
}

/* Those of an earlier one go away late. */
static void
bind_end(void *socket, const char *endpoint)
{
	int64_t until_ms = clock_boot_ms() + LANDED_WAIT_MS;

	while (zmq_bind(socket, endpoint) != 0) {
		assert_int_equal(errno, EADDRINUSE);
		assert_true(clock_boot_ms() < until_ms);
		(void)poll(NULL, 0, 1);
	}
}

struct landing_options
landed_make_options(void)
{
	struct landing_options options = {.context = landed.context,
	    .data = zsock_new(landed.context, ZSOCK_DATA_IN, NULL),
	    .control = zsock_new(landed.context, ZSOCK_CONTROL_IN, NULL),
	    .boot = LANDED_BOOT,
	    .known = landed.known,
	    .wake = wake};

	bind_end(options.data, "inproc://data");
	bind_end(options.control, "inproc://control");
	return options;
}

void
landed_open_journal(struct landing_options *options, uint64_t upto)
{
	assert_int_equal(
	    journal_open(landed.path, LANDED_STORE, upto, &options->journal),
	    0);
	assert_non_null(options->journal);
}

void
landed_take(uint64_t number)
{
	int64_t until_ms = clock_boot_ms() + LANDED_WAIT_MS;

	(void)zmq_msg_close(&landed.message);
	(void)zmq_msg_init(&landed.message);
	while (!landing_take(landed.landing, &landed.message, &landed.number)) {
		assert_true(clock_boot_ms() < until_ms);
		landed_wait_wake();
	}
	assert_int_equal(landed.number, number);
}

void
landed_done(uint64_t upto)
{
	landing_done(landed.landing, 1, zmq_msg_size(&landed.message), upto);
}

uint64_t
landed_taken_seq(void)
{
	struct wire_target target;
	struct event event;

	assert_int_equal(wire_get_event(zmq_msg_data(&landed.message),
			     zmq_msg_size(&landed.message), &target, &event),
	    0);
	return target.seq;
}

/* ---- the gateways ---- */

void
landed_wait_for(void *socket, short events)
{
	zmq_pollitem_t item = {.socket = socket, .events = events};

	assert_int_equal(zmq_poll(&item, 1, LANDED_WAIT_MS), 1);
}

static void
on_ack(void *arg, uint64_t boot, const struct wire_ack *ack)
{
	struct landed_gateway *g = arg;

	assert_int_equal(boot, LANDED_BOOT);
	g->acks++;
	g->last = *ack;
}

void
landed_hear(struct landed_gateway *g, const char *word)
{
	zmq_msg_t msg;
	bool heard = false;

	(void)zmq_msg_init(&msg);
	while (!heard) {
		landed_wait_for(g->control, ZMQ_POLLIN);
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

void
landed_wait_acks(struct landed_gateway *g, unsigned n)
{
	zmq_msg_t msg;

	(void)zmq_msg_init(&msg);
	while (g->acks < n) {
		landed_wait_for(g->control, ZMQ_POLLIN);
		assert_int_equal(zsock_recv(g->control, &msg, NULL), 0);
		assert_int_equal(wire_get_acks(zmq_msg_data(&msg),
				     zmq_msg_size(&msg), on_ack, g),
		    0);
	}
	(void)zmq_msg_close(&msg);
	assert_int_equal(g->acks, n);
}

void
landed_tell(struct landed_gateway *g, const char *word)
{
	assert_int_equal(zsock_send_to(landing_control(landed.landing), g->link,
			     WIRE_LINK_LEN, word, strlen(word)),
	    0);
	landed_hear(g, word);
}

void
landed_say(struct landed_gateway *g, const char *word)
{
	zmq_msg_t id, msg;

	(void)zmq_msg_init(&id);
	(void)zmq_msg_init(&msg);
	assert_int_equal(zsock_send(g->control, word, strlen(word)), 0);
	landed_wait_for(landing_control(landed.landing), ZMQ_POLLIN);
	assert_int_equal(
	    zsock_recv_from(landing_control(landed.landing), &id, &msg, NULL),
	    0);
	assert_int_equal(zmq_msg_size(&id), WIRE_LINK_LEN);
	assert_memory_equal(zmq_msg_data(&id), g->link, WIRE_LINK_LEN);
	assert_int_equal(zmq_msg_size(&msg), strlen(word));
	assert_memory_equal(zmq_msg_data(&msg), word, strlen(word));
	(void)zmq_msg_close(&id);
	(void)zmq_msg_close(&msg);
}

void
landed_expect_silence(struct landed_gateway *g)
{
	unsigned acks = g->acks;

	landed_tell(g, "well?");
	assert_int_equal(g->acks, acks);
}

void
landed_expect_left(struct landed_gateway *g)
{
	landed_take(0);
	landed_expect_silence(g);
	landed_done(0);
}

void
landed_send_frame(struct landed_gateway *g, const void *p, size_t len)
{
	landed_wait_for(g->data, ZMQ_POLLOUT);
	assert_int_equal(zsock_send(g->data, p, len), 0);
}

struct event
landed_make_event(const char *key)
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
	landed.ids++;
	memcpy(event.id + 4, &landed.ids, sizeof landed.ids);
	return event;
}

void
landed_send_event(struct landed_gateway *g, const struct event *event)
{
	struct wire_target target = {.boot = LANDED_BOOT, .seq = ++g->sent};
	struct buf frame = {0};

	memcpy(target.link, g->link, WIRE_LINK_LEN);
	assert_int_equal(wire_put_event(&frame, &target, event), 0);
	landed_send_frame(g, frame.p, frame.len);
	buf_clear(&frame);
}

void
landed_send_new(struct landed_gateway *g, size_t n, size_t bytes)
{
	char key[32];
	char *body = calloc(1, bytes + 1);

	assert_non_null(body);
	while (n-- > 0) {
		struct event event = landed_make_event(key);

		(void)snprintf(key, sizeof key, "new-%u", landed.ids);
		event.body = body;
		event.body_len = bytes;
		landed_send_event(g, &event);
	}
	free(body);
}

/* ---- both ---- */

void
landed_start_with(const struct landing_options *options)
{
	struct landed_gateway *g;

	landed.landing = landing_start(options);
	assert_non_null(landed.landing);
	for (size_t i = 0; i < LANDED_GATEWAYS; i++) {
		g = &landed.gateways[i];
		memset(g->link, (int)('a' + i), WIRE_LINK_LEN);
		g->link[0] = 'G';
		g->data = zsock_new(landed.context, ZSOCK_DATA_OUT, NULL);
		g->control = zsock_new(landed.context, ZSOCK_CONTROL_OUT,
		    &(struct zsock_options){.routing_id = g->link,
			.routing_id_len = WIRE_LINK_LEN});
		assert_int_equal(zmq_connect(g->data, "inproc://data"), 0);
		assert_int_equal(
		    zmq_connect(g->control, "inproc://control"), 0);
		landed_say(g, "hello");
	}
}

void
landed_start(uint64_t upto)
{
	struct landing_options options = landed_make_options();

	landed_open_journal(&options, upto);
	landed_start_with(&options);
}

void
landed_stop(void)
{
	landing_stop(landed.landing);
	landed.landing = NULL;
	for (size_t i = 0; i < LANDED_GATEWAYS; i++) {
		zsock_close(landed.gateways[i].data);
		zsock_close(landed.gateways[i].control);
		landed.gateways[i] = (struct landed_gateway){0};
	}
}

void
landed_forget_keys(void)
{
	known_free(landed.known);
	landed.known = known_new();
	assert_non_null(landed.known);
	known_use(landed.known, NULL, 0, true);
}

int
landed_setup(void **state)
{
	(void)state;
	memset(&landed, 0, sizeof landed);
	platter_reset();
	landed.context = zmq_ctx_new();
	landed.dir = support_dir();
	landed.path = support_path(landed.dir, "intake");
	landed.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)zmq_msg_init(&landed.message);
	landed_forget_keys();
	return 0;
}

int
landed_teardown(void **state)
{
	(void)state;
	/* What waits for a test that failed goes on. */
	platter_reset();
	landed_stop();
	(void)zmq_msg_close(&landed.message);
	known_free(landed.known);
	zsock_context_end(landed.context);
	(void)close(landed.wake_fd);
	free(landed.path);
	support_dir_remove(landed.dir);
	return 0;
}
