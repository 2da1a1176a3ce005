#include "link_peer.h"

#include <sys/random.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "../shared/codec.h"
#include "../shared/log.h"
#include "../shared/zsock.h"
#include "link_doctor.h"
#include "link_monitor.h"

enum {
	HELLO_MS = 100, /* between tries while nobody is connected */
	HELLO_AGAIN_MS = 1000,
	BEAT_MS = 1000,
	SILENCE_MS = 3000, /* then the link is dead */
	PROBE_MS = 1000,
	PROBE_FIRST_MS = 50, /* until data is connected */
	PROBES_MAX = 3,      /* unanswered */
	REOPEN_MS = 1000,    /* after sockets could not be made */
	DOCTOR_FIRST_MS = 1000,
	DOCTOR_MS = 60000,
	READ_MAX = 1024, /* messages in one go */
	FAREWELL_MS = 200,
};

enum state { DOWN, GREETING, PROBING, UP };

struct peer {
	char *name;
	char *data_endpoint;
	char *control_endpoint;
	struct peer_handler handler;
	struct credit credit;

	void *context;
	void *data;
	void *control;
	void *data_monitor;
	void *control_monitor;
	uint8_t id[WIRE_LINK_LEN];

	enum state state;
	uint64_t boot;            /* 0: none known */
	struct tally_cursor told; /* which counters it knows */
	bool accepting;
	bool unread; /* something may be there that no descriptor tells of */
	size_t credit_events;
	size_t credit_bytes;

	int64_t state_ms;  /* when it was entered */
	int64_t heard_ms;  /* the worker's last word */
	int64_t spoken_ms; /* last HELLO or BEAT */
	int64_t probed_ms; /* last PROBE sent */
	int64_t proven_ms; /* last sign that data arrives */
	int64_t doctor_ms; /* next look */
	unsigned probes;   /* unanswered */
	json_int_t probe_n;
};

static void
enter(struct peer *peer, enum state state, int64_t now_ms)
{
	peer->state = state;
	peer->state_ms = now_ms;
}

/* ---- sockets ---- */

static void
close_sockets(struct peer *peer)
{
	void **const sockets[] = {&peer->data_monitor, &peer->control_monitor,
	    &peer->data, &peer->control};

	if (peer->data != NULL)
		(void)zmq_socket_monitor(peer->data, NULL, 0);
	if (peer->control != NULL)
		(void)zmq_socket_monitor(peer->control, NULL, 0);
	for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
		zsock_close(*sockets[i]);
		*sockets[i] = NULL;
	}
}

/* New sockets under a new id.  -1 when they cannot be had, logged. */
static int
open_sockets(struct peer *peer)
{
	const struct zsock_options options = {
	    .routing_id = peer->id, .routing_id_len = sizeof peer->id};

	peer->unread = true;
	peer->id[0] = 'G';
	if (getrandom(peer->id + 1, sizeof peer->id - 1, 0) !=
	    (ssize_t)sizeof peer->id - 1)
		return -1;
	peer->data = zsock_new(peer->context, ZSOCK_DATA_OUT, NULL);
	peer->control = zsock_new(peer->context, ZSOCK_CONTROL_OUT, &options);
	if (peer->data == NULL || peer->control == NULL)
		return -1;
	peer->data_monitor =
	    monitor_new(peer->context, peer->data, "data", peer->id);
	peer->control_monitor =
	    monitor_new(peer->context, peer->control, "control", peer->id);
	if (peer->data_monitor == NULL || peer->control_monitor == NULL ||
	    zmq_connect(peer->data, peer->data_endpoint) != 0 ||
	    zmq_connect(peer->control, peer->control_endpoint) != 0) {
		log_error("link_failed", log_str("worker", peer->name),
		    log_str("error", zmq_strerror(zmq_errno())));
		return -1;
	}
	return 0;
}

/* Begin anew; `why` is NULL when there is nothing to tell. */
static void
reopen(struct peer *peer, const char *why, int64_t now_ms)
{
	if (peer->state == UP)
		log_warn("link_down", log_str("worker", peer->name),
		    log_str("reason", why));
	close_sockets(peer);
	if (open_sockets(peer) != 0)
		close_sockets(peer);
	peer->boot = 0;
	peer->told = (struct tally_cursor){0};
	peer->accepting = false;
	peer->probes = 0;
	peer->spoken_ms = 0;
	peer->probed_ms = 0;
	if (peer->state == UP)
		peer->doctor_ms = now_ms + DOCTOR_FIRST_MS;
	enter(peer, DOWN, now_ms);
	peer->handler.lost(peer->handler.arg, peer, true);
}

struct peer *
peer_new(void *context, const struct config_worker *worker,
    const struct peer_handler *handler, int64_t now_ms)
{
	struct peer *peer = calloc(1, sizeof *peer);

	if (peer == NULL)
		return NULL;
	peer->context = context;
	peer->handler = *handler;
	peer->name = strdup(worker->name);
	peer->data_endpoint = strdup(worker->data);
	peer->control_endpoint = strdup(worker->control);
	if (peer->name == NULL || peer->data_endpoint == NULL ||
	    peer->control_endpoint == NULL) {
		peer_free(peer);
		return NULL;
	}
	peer->doctor_ms = now_ms + DOCTOR_FIRST_MS;
	if (open_sockets(peer) != 0)
		close_sockets(peer);
	enter(peer, DOWN, now_ms);
	return peer;
}

void
peer_free(struct peer *peer)
{
	if (peer == NULL)
		return;
	close_sockets(peer);
	free(peer->name);
	free(peer->data_endpoint);
	free(peer->control_endpoint);
	free(peer);
}

/* ---- what the link asks ---- */

const char *
peer_name(const struct peer *peer)
{
	return peer->name;
}

bool
peer_is(const struct peer *peer, const struct config_worker *worker)
{
	return strcmp(peer->name, worker->name) == 0 &&
	       strcmp(peer->data_endpoint, worker->data) == 0 &&
	       strcmp(peer->control_endpoint, worker->control) == 0;
}

struct credit *
peer_credit(struct peer *peer)
{
	return &peer->credit;
}

uint64_t
peer_boot(const struct peer *peer)
{
	return peer->boot;
}

bool
peer_accepts(const struct peer *peer)
{
	return peer->state == UP && peer->accepting;
}

bool
peer_takes(const struct peer *peer, size_t bytes)
{
	const struct credit *used = &peer->credit;

	if (!peer_accepts(peer))
		return false;
	/* one that is larger than all credit goes alone */
	return used->events == 0 ||
	       (used->events < peer->credit_events &&
		   used->bytes + bytes <= peer->credit_bytes);
}

int
peer_send(struct peer *peer, struct buf *frame, struct wire_target *target)
{
	memcpy(target->link, peer->id, sizeof peer->id);
	target->boot = peer->boot;
	wire_retarget(frame->p, frame->len, target);
	return zsock_send(peer->data, frame->p, frame->len);
}

int
peer_tell(struct peer *peer, const struct buf *frame)
{
	return zsock_send(peer->data, frame->p, frame->len);
}

int
peer_ask(struct peer *peer, const struct buf *frame)
{
	if (peer->state != UP)
		return -1;
	peer->unread = true;
	return zsock_send(peer->control, frame->p, frame->len);
}

bool
peer_poll(const struct peer *peer, struct pollfd items[PEER_POLL])
{
	void *const sockets[PEER_POLL] = {
	    peer->control, peer->control_monitor, peer->data_monitor};

	for (size_t i = 0; i < PEER_POLL; i++)
		items[i] = (struct pollfd){
		    .fd = peer->control != NULL ? zsock_fd(sockets[i]) : -1,
		    .events = POLLIN};
	return peer->control != NULL && peer->unread;
}

/* ---- speaking ---- */

static int
send_json(void *socket, enum wire_type type, json_t *object)
{
	struct buf frame = {0};
	int rc = -1;

	if (object != NULL && wire_put_json(&frame, type, object) == 0)
		rc = zsock_send(socket, frame.p, frame.len);
	json_decref(object);
	buf_clear(&frame);
	return rc;
}

/* A HELLO or BEAT; `word` is the gateway's state, NULL: it goes on.  What it
 * says counts as told when it was sent. */
static int
send_state(struct peer *peer, enum wire_type type, const char *word)
{
	struct tally_cursor told = peer->told;
	json_t *state = peer->handler.describe(peer->handler.arg, &told);

	if (word != NULL)
		(void)json_object_set_new(state, "state", json_string(word));
	peer->unread = true;
	if (send_json(peer->control, type, state) != 0)
		return -1;
	peer->told = told;
	return 0;
}

static void
send_hello(struct peer *peer, int64_t now_ms)
{
	peer->spoken_ms = now_ms;
	if (send_state(peer, WIRE_HELLO, NULL) == 0 && peer->state == DOWN)
		enter(peer, GREETING, now_ms);
}

static void
send_beat(struct peer *peer, int64_t now_ms)
{
	peer->spoken_ms = now_ms;
	(void)send_state(peer, WIRE_BEAT, NULL);
}

void
peer_farewell(struct peer *peer)
{
	const int linger_ms = FAREWELL_MS;

	if (peer->control == NULL || peer->state == DOWN)
		return;
	(void)zmq_setsockopt(
	    peer->control, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
	while (send_state(peer, WIRE_BEAT, "leaving") == 0 &&
	       peer->told.next != NULL)
		;
}

static void
send_probe(struct peer *peer, int64_t now_ms)
{
	struct buf link = {0};
	char boot[17];
	json_t *probe = NULL;

	(void)snprintf(boot, sizeof boot, "%016" PRIx64, peer->boot);
	if (codec_encode(CODEC_HEX, peer->id, sizeof peer->id, &link) == 0)
		probe = json_pack("{s:s, s:s, s:I}", "link", buf_str(&link),
		    "boot", boot, "n", ++peer->probe_n);
	peer->probed_ms = now_ms;
	/* until data is connected there is nothing to count */
	if (send_json(peer->data, WIRE_PROBE, probe) == 0)
		peer->probes++;
	buf_clear(&link);
}

/* ---- hearing ---- */

static size_t
get_size(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (size_t)value : 0;
}

static uint64_t
get_boot(const json_t *object)
{
	const char *text = json_string_value(json_object_get(object, "boot"));

	return text != NULL ? strtoull(text, NULL, 16) : 0;
}

/* A worker's WELCOME or BEAT. */
static void
on_state(struct peer *peer, const json_t *object, int64_t now_ms)
{
	const char *state = json_string_value(json_object_get(object, "state"));
	uint64_t boot = get_boot(object);

	if (boot == 0 || state == NULL)
		return;
	peer->heard_ms = now_ms;
	peer->accepting = strcmp(state, "accepting") == 0;
	peer->credit_events = get_size(object, "credit_events");
	peer->credit_bytes = get_size(object, "credit_bytes");
	if (boot != peer->boot) {
		bool another = peer->boot != 0;

		peer->boot = boot;
		peer->probes = 0;
		enter(peer, PROBING, now_ms);
		if (another) {
			peer->told = (struct tally_cursor){0};
			peer->handler.lost(peer->handler.arg, peer, false);
		}
		send_probe(peer, now_ms);
	}
	peer->handler.heard(peer->handler.arg, peer);
}

static void
on_probe(struct peer *peer, const json_t *object, int64_t now_ms)
{
	if (get_boot(object) != peer->boot || peer->boot == 0)
		return;
	peer->heard_ms = now_ms;
	peer->proven_ms = now_ms;
	peer->probes = 0;
	if (peer->state == PROBING) {
		enter(peer, UP, now_ms);
		log_info("link_up", log_str("worker", peer->name));
	}
	peer->handler.heard(peer->handler.arg, peer);
}

static void
on_ack(void *arg, uint64_t boot, const struct wire_ack *ack)
{
	struct peer *peer = arg;

	peer->handler.acked(peer->handler.arg, peer, boot, ack);
}

static void
on_blob(struct peer *peer, const void *frame, size_t len)
{
	struct wire_blob blob;

	if (wire_get_blob(frame, len, &blob) == 0)
		peer->handler.blob(peer->handler.arg, &blob);
	else
		log_error("bad_blob", log_str("worker", peer->name));
}

static void
on_frame(struct peer *peer, const void *frame, size_t len, int64_t now_ms)
{
	enum wire_type type = wire_type(frame, len);
	json_t *object;

	if (type == WIRE_ACK) {
		peer->heard_ms = now_ms;
		peer->proven_ms = now_ms;
		peer->probes = 0;
		if (wire_get_acks(frame, len, on_ack, peer) != 0)
			log_error("bad_ack", log_str("worker", peer->name));
		peer->handler.heard(peer->handler.arg, peer);
		return;
	}
	if (type == WIRE_BLOB) {
		peer->heard_ms = now_ms;
		on_blob(peer, frame, len);
		return;
	}
	if (type != WIRE_WELCOME && type != WIRE_BEAT && type != WIRE_PROBE)
		return;
	object = wire_get_json(frame, len);
	if (type == WIRE_PROBE)
		on_probe(peer, object, now_ms);
	else
		on_state(peer, object, now_ms);
	json_decref(object);
}

static void
read_control(struct peer *peer, int64_t now_ms)
{
	uint64_t malformed = 0;
	zmq_msg_t msg;
	int n;

	peer->unread = false;
	(void)zmq_msg_init(&msg);
	for (n = 0; n < READ_MAX; n++) {
		if (zsock_recv(peer->control, &msg, &malformed) != 0)
			break;
		on_frame(peer, zmq_msg_data(&msg), zmq_msg_size(&msg), now_ms);
	}
	(void)zmq_msg_close(&msg);
	/* given up before the last one */
	if (n == READ_MAX || malformed > 0)
		peer->unread = true;
}

void
peer_read(
    struct peer *peer, const struct pollfd items[PEER_POLL], int64_t now_ms)
{
	bool all = peer->unread;
	bool control_made = false;
	bool data_made = false;
	bool gone = false;

	if (peer->control == NULL)
		return;
	/* what came before a connection broke still counts */
	if (all || items[0].revents != 0)
		read_control(peer, now_ms);
	if (all || items[1].revents != 0)
		gone = monitor_read(peer->control_monitor, &control_made);
	if (all || items[2].revents != 0)
		gone = monitor_read(peer->data_monitor, &data_made) || gone;
	if (gone) {
		read_control(peer, now_ms);
		reopen(peer, "disconnected", now_ms);
		return;
	}
	if (control_made && peer->state == DOWN)
		send_hello(peer, now_ms);
	if (data_made && peer->state == PROBING && peer->probes == 0)
		send_probe(peer, now_ms);
}

/* ---- time ---- */

static void
look(struct peer *peer, int64_t now_ms)
{
	if (peer->state == UP || now_ms < peer->doctor_ms)
		return;
	peer->doctor_ms = now_ms + DOCTOR_MS;
	doctor_log(peer->name, peer->state == PROBING ? peer->data_endpoint
						      : peer->control_endpoint);
}

static void
tick_greeting(struct peer *peer, int64_t now_ms)
{
	if (peer->state == GREETING && now_ms - peer->state_ms > SILENCE_MS)
		reopen(peer, "no_answer", now_ms);
	else if (now_ms - peer->spoken_ms >=
		 (peer->state == DOWN ? HELLO_MS : HELLO_AGAIN_MS))
		send_hello(peer, now_ms);
}

static void
tick_linked(struct peer *peer, int64_t now_ms)
{
	int64_t pause = peer->probes == 0 && peer->state == PROBING
			    ? PROBE_FIRST_MS
			    : PROBE_MS;

	if (now_ms - peer->heard_ms > SILENCE_MS) {
		reopen(peer, "silent", now_ms);
		return;
	}
	if (now_ms - peer->spoken_ms >= BEAT_MS)
		send_beat(peer, now_ms);
	if (now_ms - peer->probed_ms < pause ||
	    (peer->state == UP && now_ms - peer->proven_ms < PROBE_MS))
		return;
	if (peer->probes >= PROBES_MAX)
		reopen(peer, "probe_unanswered", now_ms);
	else
		send_probe(peer, now_ms);
}

void
peer_tick(struct peer *peer, int64_t now_ms)
{
	if (peer->control == NULL) {
		if (now_ms - peer->state_ms >= REOPEN_MS)
			reopen(peer, NULL, now_ms);
	} else if (peer->state == DOWN || peer->state == GREETING) {
		tick_greeting(peer, now_ms);
	} else {
		tick_linked(peer, now_ms);
	}
	look(peer, now_ms);
}
