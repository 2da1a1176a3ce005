#include "gate.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "gate_log.h"
#include "ingest.h"
#include "kept.h"
#include "keyring.h"
#include "link.h"
#include "params.h"
#include "rejected.h"
#include "reply.h"
#include "snapshot.h"

enum {
	DRAIN_MS = 1000, /* for a body that nobody will look at */
	DRAIN_BYTES = 8 << 20,
	START_MS = 500, /* for a link to come up */
	KEYS_PART = 60, /* percent of answer_within, for keys to come */
	BODY_ON_STACK = 16384,
};

struct gate {
	pthread_mutex_t mutex; /* of `snapshot` */
	struct snapshot *snapshot;
	struct tallies *tallies;
	struct keyring *keyring;
	struct kept *kept;
	struct link *link;
	atomic_bool draining;
};

/* One request, from its head to its answer. */
struct request {
	struct gate *gate;
	struct front *front;
	struct snapshot *snapshot;
	struct ingest ingest;
	struct keyring_want want;
	struct kept_turn kept;
	int64_t begun_us;
	int64_t read_ms;  /* boot clock: when its body was there */
	bool has_body;    /* it was read */
	size_t bytes;     /* of the body */
	const void *body; /* while it is being judged, else NULL */
};

static struct tally *
tally_of(const struct request *request)
{
	return snapshot_tally(request->snapshot, request->ingest.source);
}

/* Since the request began, in tenths of a millisecond. */
static int64_t
elapsed(const struct request *request)
{
	return (clock_boot_us() - request->begun_us) / 100;
}

/* ---- ending a request ---- */

/* Count the answer a request gets. */
static void
count(const struct request *request, int code)
{
	const struct tally_answer answer = {.code = code,
	    .us = clock_boot_us() - request->begun_us,
	    .body_size = request->has_body ? (int64_t)request->bytes : -1};

	tally_answered(tally_of(request), &answer);
}

static void
request_free(struct request *request)
{
	request->front->ops->close(request->front);
	ingest_clear(&request->ingest);
	keyring_forget(&request->want);
	kept_unref(request->kept.keys);
	snapshot_unref(request->snapshot);
	free(request);
}

/* Write an answer and end the request; without memory it is closed without
 * one, which no web server takes for a 2xx. */
static void
request_end(struct request *request, struct buf *answer)
{
	if (answer->failed)
		log_error("no_memory", log_str("for", "answer"));
	else
		request->front->ops->answer(
		    request->front, answer->p, answer->len);
	buf_clear(answer);
	request_free(request);
}

/* Tell a worker about it, where the source wants that; best effort. */
static void
keep_rejected(struct request *request, const uint8_t id[EVENT_ID_LEN])
{
	const struct ingest *ingest = &request->ingest;
	struct buf frame = {0};

	if (request->body == NULL || ingest->source->keep_rejected == 0 ||
	    refusal_row(ingest->refusal)->status >= 500 ||
	    !tally_keep(tally_of(request)))
		return;
	if (rejected_write(ingest, id, request->body, request->bytes, &frame) ==
	    0)
		link_tell(request->gate->link, &frame);
	buf_clear(&frame);
}

static void
log_refusal(const struct request *request, const struct reply_refused *refused)
{
	const struct ingest *ingest = &request->ingest;
	unsigned suppressed;

	if (!tally_refused(tally_of(request), ingest->refusal, &suppressed))
		return;
	if (refusal_row(ingest->refusal)->status == 503)
		gate_log_unavailable(ingest, refused->id, elapsed(request),
		    link_parked(request->gate->link), suppressed);
	else
		gate_log_refused(ingest, refused, request->bytes, suppressed);
}

static void
refuse(struct request *request)
{
	const struct ingest *ingest = &request->ingest;
	struct reply_refused refused = {.refusal = ingest->refusal,
	    .source = ingest->source,
	    .allow = ingest->allow};
	uint8_t id[EVENT_ID_LEN] = {0};
	char text[EVENT_ID_TEXT_SIZE];
	struct buf answer = {0};

	(void)event_id_new(clock_wall_ms(), id);
	event_id_format(id, text);
	refused.id = text;
	keep_rejected(request, id);
	log_refusal(request, &refused);
	count(request, reply_status(&refused));
	(void)reply_refused(&answer, &refused);
	request_end(request, &answer);
}

static enum refusal
refusal_of(const struct link_answer *answer)
{
	if (answer->result == LINK_REFUSED)
		return REFUSAL_REPLAYED_BODY;
	return answer->no_worker ? REFUSAL_NO_WORKER : REFUSAL_NO_ANSWER;
}

/* Called on the link's thread. */
static void
answered(void *waiter, const struct link_answer *answer)
{
	struct request *request = waiter;
	struct reply_accepted accepted = {.source = request->ingest.source,
	    .duplicate = answer->result == LINK_DUPLICATE,
	    .revived = answer->revived};
	char id[EVENT_ID_TEXT_SIZE];
	struct buf out = {0};

	if (answer->result >= LINK_REFUSED) {
		request->ingest.refusal = refusal_of(answer);
		request->ingest.verdict.where = "";
		refuse(request);
		return;
	}
	event_id_format(answer->id, id);
	accepted.id = id;
	tally_accepted(tally_of(request), accepted.duplicate, clock_wall_ms());
	count(request, accepted.source->response_status);
	(void)reply_accepted(&out, &accepted);
	gate_log_stored(
	    &request->ingest, answer, id, request->bytes, elapsed(request));
	request_end(request, &out);
}

/* ---- serving ---- */

/* Take what the web server still sends, so that closing does not cut off the
 * answer. */
static void
drain(struct front *front)
{
	int64_t until = clock_boot_ms() + DRAIN_MS;
	enum front_read read = FRONT_PART;
	char bytes[8192];
	size_t taken = 0;
	size_t got;

	front->ops->patience(front, DRAIN_MS);
	while (read == FRONT_PART && taken < DRAIN_BYTES &&
	       clock_boot_ms() < until) {
		read = front->ops->read(front, bytes, sizeof bytes, &got);
		taken += got;
	}
}

/* Read the whole body into `body`; it must end where the head says. */
static int
read_body(struct request *request, void *body)
{
	struct ingest *ingest = &request->ingest;
	size_t length = (size_t)ingest->length;
	enum front_read read;

	if (body == NULL) {
		(void)ingest_refuse(ingest, REFUSAL_NO_MEMORY);
		drain(request->front);
		return -1;
	}
	read = request->front->ops->read(
	    request->front, body, length + 1, &request->bytes);
	request->has_body = true;
	if (read == FRONT_END && request->bytes == length)
		return 0;
	(void)ingest_refuse(ingest, REFUSAL_LENGTH);
	if (read == FRONT_PART)
		drain(request->front);
	return -1;
}

/* Give the event to the link, which then owns the request: what only reading
 * and judging took is released before. */
static void
store(struct request *request)
{
	static const enum refusal refusals[] = {
	    [LINK_BUSY] = REFUSAL_PARKED,
	    [LINK_NO_WORKER] = REFUSAL_NO_WORKER,
	    [LINK_NO_MEMORY] = REFUSAL_NO_MEMORY,
	};
	const struct config *config = snapshot_config(request->snapshot);
	struct waiter *waiter = link_waiter(&request->ingest.event);
	enum link_push pushed;

	request->body = NULL;
	ingest_forget(&request->ingest);
	request->front->ops->forget(request->front);
	pushed = link_push(request->gate->link, waiter, request,
	    request->read_ms + config->gateway.answer_within_ms);
	if (pushed == LINK_PUSHED)
		return;
	(void)ingest_refuse(&request->ingest, refusals[pushed]);
	refuse(request);
}

/* Whether a worker is accepting; a link that has only just been started gets
 * the time to come up. */
static bool
is_ready(const struct request *request)
{
	const struct link *link = request->gate->link;
	int64_t until = clock_boot_ms() + START_MS;

	while (request->front->once && !link_ready(link) &&
	       clock_boot_ms() < until)
		(void)poll(NULL, 0, 1);
	return !atomic_load(&request->gate->draining) && link_ready(link);
}

static void
answer_health(struct request *request, enum ingest_step step)
{
	struct buf answer = {0};
	bool good = step == INGEST_HEALTH || is_ready(request);

	drain(request->front);
	(void)reply_health(&answer, good);
	request_end(request, &answer);
}

static void
answer_handshake(struct request *request)
{
	struct buf answer = {0};
	unsigned suppressed;

	if (tally_handshake(tally_of(request), &suppressed))
		gate_log_handshake(&request->ingest, suppressed);
	count(request, request->ingest.answer.status);
	(void)reply_handshake(&answer, &request->ingest.answer);
	request_end(request, &answer);
}

/* This thread may wait now: others serve meanwhile. */
static void
step_aside(const struct request *request)
{
	const struct front *front = request->front;

	if (front->aside != NULL)
		front->aside(front->aside_arg);
}

/* Keys that have to come from the network: wait for them, for a part of the
 * time there is, and verify again. */
static enum ingest_step
with_keys(struct request *request, enum ingest_step step)
{
	if (step != INGEST_REFUSE || request->want.url == NULL ||
	    request->ingest.refusal != REFUSAL_NO_KEYS)
		return step;
	link_poke(request->gate->link);
	step_aside(request);
	if (!keyring_wait(&request->want, request->kept.deadline_boot_ms))
		return step;
	return ingest_body(
	    &request->ingest, request->body, request->bytes, clock_wall_ms());
}

static void
log_plain(const struct request *request)
{
	unsigned suppressed;

	if (request->ingest.plain &&
	    tally_plain(tally_of(request), &suppressed))
		gate_log_plain(&request->ingest, suppressed);
}

/* What becomes of a request whose body is there. */
static enum ingest_step
judge(struct request *request)
{
	int64_t within_ms =
	    snapshot_config(request->snapshot)->gateway.answer_within_ms;
	enum ingest_step step;

	request->read_ms = clock_boot_ms();
	request->ingest.fetch = keyring_give;
	request->ingest.fetch_arg = &request->want;
	request->kept.deadline_boot_ms =
	    request->read_ms + within_ms * KEYS_PART / 100;
	if (kept_awaits(request->ingest.source))
		step_aside(request);
	kept_begin(&request->kept);
	step = ingest_body(
	    &request->ingest, request->body, request->bytes, clock_wall_ms());
	step = with_keys(request, step);
	return kept_go_on(&request->kept, step, request->body, request->bytes);
}

static void
serve_body(struct request *request)
{
	size_t length = (size_t)request->ingest.length;
	char small[BODY_ON_STACK];
	char *own = length < sizeof small ? NULL : malloc(length + 1);
	char *body = length < sizeof small ? small : own;
	enum ingest_step step = INGEST_REFUSE;

	if (read_body(request, body) == 0) {
		request->body = body;
		step = judge(request);
	}
	if (step == INGEST_STORE) {
		log_plain(request);
		store(request);
	} else if (step == INGEST_HANDSHAKE) {
		answer_handshake(request);
	} else {
		refuse(request);
	}
	free(own);
}

static enum ingest_step
read_head(struct request *request, struct params *params, struct target *target)
{
	static const enum refusal refusals[PARAMS__MAX] = {
	    [PARAMS_TOO_MANY] = REFUSAL_MALFORMED,
	    [PARAMS_TWICE] = REFUSAL_MALFORMED,
	    [PARAMS_NO_MEMORY] = REFUSAL_NO_MEMORY,
	};
	enum params_result result = params_read(params, request->front->envp);

	if (result != PARAMS_OK)
		return ingest_refuse(&request->ingest, refusals[result]);
	return ingest_head(&request->ingest, request->snapshot, params, target);
}

static struct snapshot *
current(struct gate *gate)
{
	struct snapshot *snapshot;

	(void)pthread_mutex_lock(&gate->mutex);
	snapshot = snapshot_ref(gate->snapshot);
	(void)pthread_mutex_unlock(&gate->mutex);
	return snapshot;
}

void
gate_serve(struct gate *gate, struct front *front)
{
	struct request *request = malloc(sizeof *request);
	struct params params; /* these two until the request is parked */
	struct target target;
	enum ingest_step step;

	if (request == NULL) {
		log_error("no_memory", log_str("for", "request"));
		front->ops->close(front);
		return;
	}
	request->gate = gate;
	request->front = front;
	request->snapshot = current(gate);
	request->ingest = (struct ingest){0};
	request->want = (struct keyring_want){.keyring = gate->keyring};
	request->kept = (struct kept_turn){
	    gate->kept, gate->link, &request->ingest, NULL, 0};
	request->begun_us = clock_boot_us();
	request->has_body = false;
	request->bytes = 0;
	request->body = NULL;
	step = read_head(request, &params, &target);
	if (step == INGEST_READ) {
		serve_body(request);
	} else if (step == INGEST_REFUSE) {
		drain(front);
		refuse(request);
	} else {
		answer_health(request, step);
	}
	params_clear(&params);
}

void
gate_flush(struct gate *gate)
{
	link_flush(gate->link);
}

/* ---- the gate itself ---- */

static json_t *
counters(void *arg, struct tally_cursor *cursor)
{
	return tallies_json(arg, cursor);
}

static void
each_second(void *arg)
{
	tallies_left_out(arg, clock_boot_ms(), gate_log_left_out);
}

static void
asks(void *arg, struct link *link)
{
	const struct gate *gate = arg;

	keyring_ask(gate->keyring, link);
	kept_ask(gate->kept, link);
}

static void
take_blob(void *arg, const struct wire_blob *blob)
{
	const struct gate *gate = arg;

	keyring_take(gate->keyring, blob);
	kept_take(gate->kept, blob);
}

struct gate *
gate_new(struct config *config)
{
	struct gate *gate = calloc(1, sizeof *gate);
	struct link_options options = {.config = config,
	    .answer = answered,
	    .counters = counters,
	    .second = each_second,
	    .asks = asks,
	    .blob = take_blob};

	if (gate == NULL)
		return NULL;
	(void)pthread_mutex_init(&gate->mutex, NULL);
	atomic_init(&gate->draining, false);
	gate->tallies = tallies_new();
	if (gate->tallies != NULL)
		gate->snapshot = snapshot_new(config, gate->tallies);
	options.arg = gate->tallies;
	gate->keyring = keyring_new((size_t)config->gateway.threads / 2);
	gate->kept = kept_new((size_t)config->gateway.threads / 4);
	options.asks_arg = gate;
	if (gate->keyring != NULL)
		keyring_use(gate->keyring, config);
	if (gate->snapshot != NULL && gate->keyring != NULL &&
	    gate->kept != NULL && kept_use(gate->kept, config) == 0)
		gate->link = link_start(&options);
	else
		log_error("no_memory", log_str("for", "start"));
	if (gate->link == NULL) {
		gate_free(gate);
		return NULL;
	}
	return gate;
}

int
gate_reload(struct gate *gate, struct config *config)
{
	struct snapshot *new = snapshot_new(config, gate->tallies);
	struct snapshot *old;

	if (new == NULL) {
		log_error("no_memory", log_str("for", "reload"));
		return -1;
	}
	(void)pthread_mutex_lock(&gate->mutex);
	old = gate->snapshot;
	gate->snapshot = new;
	(void)pthread_mutex_unlock(&gate->mutex);
	snapshot_unref(old);
	keyring_use(gate->keyring, config);
	if (kept_use(gate->kept, config) != 0)
		log_error("no_memory", log_str("for", "kept secrets"));
	link_reload(gate->link, config);
	return 0;
}

void
gate_drain(struct gate *gate)
{
	atomic_store(&gate->draining, true);
}

void
gate_free(struct gate *gate)
{
	if (gate == NULL)
		return;
	link_stop(gate->link);
	if (gate->tallies != NULL)
		tallies_left_out(gate->tallies, INT64_MAX, gate_log_left_out);
	snapshot_unref(gate->snapshot);
	tallies_free(gate->tallies);
	keyring_free(gate->keyring);
	kept_free(gate->kept);
	(void)pthread_mutex_destroy(&gate->mutex);
	free(gate);
}
