/* HELLO, BEAT, PROBE and ASK of gateways; CALLs of the command line. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/codec.h"
#include "../shared/log.h"
#include "../shared/zsock.h"
#include "admin.h"
#include "server_impl.h"

enum { LINKED_LINES = 60 }; /* a minute */

const char *
control_state(const struct server *s)
{
	if (s->failed || s->stopped)
		return "draining";
	return s->full ? "full" : "accepting";
}

/* ---- to gateways ---- */

static json_t *
describe(const struct server *s)
{
	size_t links = links_count(s->links);
	char boot[17];

	(void)snprintf(boot, sizeof(boot), "%016" PRIx64, s->boot);
	return json_pack("{s:s, s:s, s:s, s:i, s:I, s:f, s:i, s:s, s:s}",
	    "worker", s->worker->name, "boot", boot, "state", control_state(s),
	    "credit_events", CREDIT_EVENTS, "credit_bytes",
	    (json_int_t)(s->worker->intake_bytes /
			 (int64_t)(links > 0 ? links : 1)),
	    "sync_ms", (double)s->sync_us / 1000.0, "protocol", WIRE_PROTOCOL,
	    "version", GAFF_VERSION, "config", s->config->hash);
}

static void
send_json(struct server *s, const void *id, size_t id_len, enum wire_type type,
    const json_t *object)
{
	struct buf frame = {0};

	/* A gateway that is gone hears nothing; it will say HELLO again. */
	if (object != NULL && wire_put_json(&frame, type, object) == 0)
		(void)zsock_send_to(s->control, id, id_len, frame.p, frame.len);
	buf_clear(&frame);
}

static void
send_welcome(struct server *s, const void *id, size_t id_len)
{
	json_t *object = describe(s);

	send_json(s, id, id_len, WIRE_WELCOME, object);
	json_decref(object);
}

/* ---- from gateways ---- */

/* As plain CGI a gateway is a process for each request. */
static void
log_linked(const json_t *hello)
{
	static struct log_limit limit;
	unsigned suppressed;

	if (!log_allow(&limit, LINKED_LINES, clock_boot_ms(), &suppressed))
		return;
	log_info("gateway_linked",
	    log_str("host", json_string_value(json_object_get(hello, "host"))),
	    log_int("pid", json_integer_value(json_object_get(hello, "pid"))),
	    log_str(
		"config", json_string_value(json_object_get(hello, "config"))),
	    log_suppressed(suppressed));
}

static void
on_hello(struct server *s, zmq_msg_t *id, json_t *hello)
{
	bool is_new = links_heard(s->links, zmq_msg_data(id), zmq_msg_size(id),
	    hello, clock_boot_ms());

	if (is_new)
		log_linked(hello);
	send_welcome(s, zmq_msg_data(id), zmq_msg_size(id));
}

static void
on_beat(struct server *s, zmq_msg_t *id, json_t *beat)
{
	/* A link this start has not heard of yet needs its WELCOME. */
	if (links_heard(s->links, zmq_msg_data(id), zmq_msg_size(id), beat,
		clock_boot_ms()))
		send_welcome(s, zmq_msg_data(id), zmq_msg_size(id));
}

static void
on_ask(struct server *s, zmq_msg_t *id, zmq_msg_t *message)
{
	if (asked_take(s, zmq_msg_data(id), zmq_msg_size(id),
		zmq_msg_data(message), zmq_msg_size(message)) != 0)
		s->intake.malformed++;
}

void
control_receive(struct server *s)
{
	enum { AT_ONCE = 256 };

	zmq_msg_t id, message;
	enum wire_type type;
	json_t *object;
	int left = AT_ONCE;

	(void)zmq_msg_init(&id);
	(void)zmq_msg_init(&message);
	while (left-- > 0 && zsock_recv_from(s->control, &id, &message,
				 &s->intake.malformed) == 0) {
		type =
		    wire_type(zmq_msg_data(&message), zmq_msg_size(&message));
		if (type == WIRE_ASK) {
			on_ask(s, &id, &message);
			continue;
		}
		object = type == WIRE_HELLO || type == WIRE_BEAT
			     ? wire_get_json(zmq_msg_data(&message),
				   zmq_msg_size(&message))
			     : NULL;
		if (object == NULL)
			s->intake.malformed++;
		else if (type == WIRE_HELLO)
			on_hello(s, &id, object);
		else
			on_beat(s, &id, object);
		json_decref(object);
	}
	(void)zmq_msg_close(&id);
	(void)zmq_msg_close(&message);
}

static int
hex_bytes(const char *text, uint8_t *out, size_t len)
{
	struct buf bytes = {0};
	int result = -1;

	if (text != NULL &&
	    codec_decode(CODEC_HEX, text, strlen(text), &bytes) == 0 &&
	    bytes.len == len) {
		memcpy(out, bytes.p, len);
		result = 0;
	}
	buf_clear(&bytes);
	return result;
}

void
control_probe(struct server *s, const void *frame, size_t len)
{
	json_t *object = wire_get_json(frame, len);
	uint8_t link[WIRE_LINK_LEN];

	if (hex_bytes(json_string_value(json_object_get(object, "link")), link,
		sizeof(link)) == 0)
		send_json(s, link, sizeof(link), WIRE_PROBE, object);
	else
		s->intake.malformed++;
	json_decref(object);
}

/* ---- beats ---- */

struct beat {
	struct server *server;
	json_t *object;
};

static void
beat_one(void *arg, const void *id, size_t id_len)
{
	struct beat *beat = arg;

	send_json(beat->server, id, id_len, WIRE_BEAT, beat->object);
}

void
control_beat(struct server *s, int64_t boot_ms)
{
	struct beat beat = {s, NULL};

	/* Late ourselves, we have not read yet what they said. */
	if (boot_ms - s->beat_at_ms >= BEAT_MS)
		s->expire_ms = boot_ms + LINK_DEAD_MS;
	if (boot_ms >= s->expire_ms)
		(void)links_expire(s->links, boot_ms);
	beat.object = describe(s);
	links_each(s->links, beat_one, &beat);
	json_decref(beat.object);
}

/* ---- the command line ---- */

static void
on_due(void *arg, const char *route)
{
	apply_due(arg, route);
}

static void
on_paused(void *arg, const char *route, bool paused)
{
	struct server *s = arg;
	struct task *task = task_new(TASK_PAUSE);

	if (task == NULL)
		return;
	(void)memccpy(task->route, route, '\0', sizeof(task->route));
	task->paused = paused;
	dispatch_push(s->dispatch, task);
	if (!paused)
		apply_due(s, route);
}

/* Its `gateways` is a reference to be given back. */
static struct metrics_view
metrics_of(const struct server *s)
{
	struct landing_counts landing;

	landing_count(s->landing, &landing);
	return (struct metrics_view){
	    .config = s->config,
	    .worker = s->worker->name,
	    .stats = s->stats,
	    .gateways = links_totals(s->links),
	    .links = links_count(s->links),
	    .parked = links_parked(s->links),
	    .keys = blobs_counts(s->blobs),
	    .counts = s->counts,
	    .n_counts = s->n_counts,
	    .unrouted = s->unrouted,
	    .space = s->space,
	    .reserve = s->store_config.reserve,
	    .letter_bytes = dispatch_letter_bytes(s->dispatch),
	    .started_at_ms = s->started_at_ms,
	    .loaded_at_ms = s->loaded_at_ms,
	    .reload_failed = s->reload_failed,
	    .accepting = strcmp(control_state(s), "accepting") == 0,
	    .malformed = s->intake.malformed + landing.malformed,
	};
}

struct unkept {
	struct server *server;
	struct buf frame;
};

static void
send_unkept(void *arg, const void *id, size_t id_len)
{
	struct unkept *unkept = arg;

	(void)zsock_send_to(unkept->server->control, id, id_len,
	    unkept->frame.p, unkept->frame.len);
}

/* A gateway that hears nothing of it has the old one until its next start. */
static void
on_unkept(void *arg, const char *name)
{
	const struct wire_blob blob = {.how = WIRE_GET,
	    .name = name,
	    .status = WIRE_BLOB_NONE,
	    .error = "",
	    .bytes = ""};
	struct unkept unkept = {.server = arg};

	if (wire_put_blob(&unkept.frame, &blob) == 0)
		links_each(unkept.server->links, send_unkept, &unkept);
	buf_clear(&unkept.frame);
}

static int
on_scrub(void *arg)
{
	struct server *s = arg;

	return landing_scrub(s->landing);
}

static void
answer_call(struct server *s, zmq_msg_t *id, const json_t *call)
{
	const struct metrics_view metrics = metrics_of(s);
	struct admin_context context = {
	    .ops = s->ops,
	    .store = s->store,
	    .config = s->config,
	    .worker = s->worker,
	    .links = s->links,
	    .stats = s->stats,
	    .hours = s->hours,
	    .trail = s->trail,
	    .per_second = s->per_second,
	    .rejected = s->rejected,
	    .state = control_state(s),
	    .started_at_ms = s->started_at_ms,
	    .sync_us = s->sync_us,
	    .metrics = &metrics,
	    .due = on_due,
	    .paused = on_paused,
	    .unkept = on_unkept,
	    .scrub = on_scrub,
	    .arg = s,
	};
	json_t *reply = admin_answer(&context, call);
	struct buf frame = {0};

	if (reply != NULL && wire_put_json(&frame, WIRE_REPLY, reply) == 0)
		(void)zsock_send_to(s->admin, zmq_msg_data(id),
		    zmq_msg_size(id), frame.p, frame.len);
	json_decref(metrics.gateways);
	buf_clear(&frame);
	json_decref(reply);
	if (context.broken)
		s->failed = true;
}

void
control_admin(struct server *s)
{
	zmq_msg_t id, message;
	json_t *call;

	(void)zmq_msg_init(&id);
	(void)zmq_msg_init(&message);
	/* One at a time: intake goes first. */
	if (zsock_recv_from(s->admin, &id, &message, &s->intake.malformed) ==
		0 &&
	    wire_type(zmq_msg_data(&message), zmq_msg_size(&message)) ==
		WIRE_CALL) {
		call = wire_get_json(
		    zmq_msg_data(&message), zmq_msg_size(&message));
		/* Whoever has an answer of a gateway finds its event. */
		server_catch_up(s);
		answer_call(s, &id, call);
		json_decref(call);
	}
	(void)zmq_msg_close(&id);
	(void)zmq_msg_close(&message);
}
