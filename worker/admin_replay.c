#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "../shared/clock.h"
#include "../shared/codec.h"
#include "admin_verbs.h"

enum { REPLAY_MAX = 500 };

/* Only a delivery that has ended can be replayed: two at once of the same
 * event on the same route are never wanted. */
static const unsigned ended_states =
    1U << DELIVERY_DELIVERED | 1U << DELIVERY_DEAD | 1U << DELIVERY_CANCELLED;

struct replay {
	const char *route; /* NULL: any */
	unsigned states;
	unsigned done;     /* deliveries made */
	json_t *missing;   /* ids the store has not */
	json_t *unchanged; /* ids without a delivery in such a state */
};

/* An error REPLY, or NULL. */
static json_t *
read_states(const json_t *args, unsigned *states)
{
	json_t *list = json_object_get(args, "states"), *item;
	unsigned bits = 0;
	size_t i;

	json_array_foreach(list, i, item)
	{
		int state = admin_state(json_string_value(item));

		if (state < 0 || (ended_states & 1U << (unsigned)state) == 0)
			return admin_fail(
			    "only delivered, dead and cancelled deliveries can "
			    "be replayed, not \"%.32s\"",
			    json_string_value(item));
		bits |= 1U << (unsigned)state;
	}
	*states = bits != 0 ? bits : 1U << DELIVERY_DEAD;
	return NULL;
}

static void
take_seq(void *arg, const struct store_row *row)
{
	*(int64_t *)arg = row->seq;
}

static enum store_result
find_seq(
    struct admin_context *context, const uint8_t id[EVENT_ID_LEN], int64_t *seq)
{
	enum store_result result;

	*seq = 0;
	result = context->ops->show(context->store, id, take_seq, seq);
	return result == STORE_OK && *seq == 0 ? STORE_NONE : result;
}

static int
note(json_t *list, const char *id)
{
	return json_array_append_new(list, json_string(id));
}

/* One id, inside a batch.  An error REPLY (the batch is gone), or NULL. */
static json_t *
replay_one(
    struct admin_context *context, struct replay *replay, const char *part)
{
	struct store_replay what = {.route = replay->route,
	    .states = replay->states,
	    .now_ms = clock_wall_ms()};
	uint8_t id[EVENT_ID_LEN];
	enum store_result result;
	unsigned n = 0;
	int noted = 0;
	bool none;
	json_t *reply = admin_find(context, part, id, &none);

	if (reply != NULL && !none) {
		context->ops->rollback(context->store);
		return reply;
	}
	json_decref(reply);
	result = none ? STORE_NONE : find_seq(context, id, &what.seq);
	if (result == STORE_NONE) {
		noted = note(replay->missing, part);
	} else if (result == STORE_OK) {
		result = context->ops->replay(context->store, &what, &n);
		if (result != STORE_OK)
			return admin_store_fail(context, result);
		replay->done += n;
		if (n == 0)
			noted = note(replay->unchanged, part);
	}
	if (noted == 0 && (result == STORE_OK || result == STORE_NONE))
		return NULL;
	context->ops->rollback(context->store);
	return admin_store_fail(context, noted != 0 ? STORE_FULL : result);
}

static json_t *
replay_all(
    struct admin_context *context, struct replay *replay, const json_t *ids)
{
	enum store_result result = context->ops->begin(context->store);
	json_t *item, *reply;
	size_t i;

	if (result != STORE_OK)
		return admin_store_fail(context, result);
	json_array_foreach(ids, i, item)
	{
		reply = replay_one(context, replay, json_string_value(item));
		if (reply != NULL)
			return reply;
	}
	result = context->ops->commit(context->store);
	if (result != STORE_OK)
		return admin_store_fail(context, result);
	if (replay->done > 0 && context->due != NULL)
		context->due(context->arg, replay->route);
	return admin_ok(
	    json_pack("{s:i, s:O, s:O}", "replayed", (int)replay->done,
		"missing", replay->missing, "unchanged", replay->unchanged));
}

json_t *
admin_replay(struct admin_context *context, const json_t *args)
{
	const json_t *ids = json_object_get(args, "ids");
	struct replay replay = {.route = admin_text(args, "route")};
	json_t *reply = read_states(args, &replay.states);

	if (reply != NULL)
		return reply;
	if (json_array_size(ids) > REPLAY_MAX)
		return admin_fail("at most %d ids at once", REPLAY_MAX);
	if (replay.route[0] == '\0')
		replay.route = NULL;
	replay.missing = json_array();
	replay.unchanged = json_array();
	if (replay.missing != NULL && replay.unchanged != NULL)
		reply = replay_all(context, &replay, ids);
	json_decref(replay.missing);
	json_decref(replay.unchanged);
	return reply;
}

/* ---- a dead letter's event comes back ---- */

struct letter {
	struct event event; /* points into the arguments and `body` */
	const char *route;
	const char *reason;
	char *headers;
	struct buf body;
};

static const char *
decode_body(const char *base64, struct letter *letter)
{
	size_t len = strlen(base64);

	if (codec_decode(CODEC_BASE64, base64, len, &letter->body) != 0)
		return letter->body.failed ? "there is no memory for the body"
					   : "body_base64 is no base64";
	letter->event.body = buf_str(&letter->body);
	letter->event.body_len = letter->body.len;
	return NULL;
}

static const char *
check_hash(const json_t *head, struct event *event)
{
	struct buf text = {0};
	const char *error = NULL;

	if (EVP_Digest(event->body, event->body_len, event->sha256, NULL,
		EVP_sha256(), NULL) != 1 ||
	    codec_encode(CODEC_HEX, event->sha256, EVENT_SHA256_LEN, &text) !=
		0)
		error = "the body's hash could not be computed";
	else if (strcmp(admin_text(head, "body_sha256"), buf_str(&text)) != 0)
		error = "the body does not fit body_sha256";
	buf_clear(&text);
	return error;
}

static unsigned
read_flags(const json_t *list)
{
	const json_t *name;
	unsigned flags = 0, i;
	size_t at;

	json_array_foreach(list, at,
	    name) for (i = 0; i < EVENT_FLAGS;
		       i++) if (json_is_string(name) &&
				strcmp(json_string_value(name),
				    event_flag_name(i)) == 0) flags |= 1U << i;
	return flags;
}

/* An error sentence, or NULL with the letter filled in. */
static const char *
read_letter(const json_t *args, struct letter *letter)
{
	const json_t *head = json_object_get(args, "head");
	struct event *event = &letter->event;
	const char *error;

	letter->route = admin_text(head, "route");
	letter->reason = admin_text(head, "reason");
	event->source = admin_text(head, "source");
	event->key = admin_text(head, "key");
	event->type = admin_text(head, "type");
	event->remote = admin_text(head, "remote");
	event->method = admin_text(head, "method");
	event->path = admin_text(head, "path");
	event->query = admin_text(head, "query");
	event->content_type = admin_text(head, "content_type");
	event->scheme = admin_text(head, "scheme");
	event->dedup = EVENT_DEDUP_NONE;
	event->probe = json_is_true(json_object_get(head, "probe"));
	event->flags = read_flags(json_object_get(head, "flags"));
	if (event_id_parse(admin_text(head, "id"), event->id) != 0)
		return "the head has no event id";
	if (clock_parse(
		admin_text(head, "received_at"), &event->received_at_ms) != 0)
		return "the head has no received_at";
	if (event->source[0] == '\0' || letter->route[0] == '\0' ||
	    strlen(letter->route) > CONFIG_NAME_MAX)
		return "the head has no source or no route";
	if (strlen(event->key) > EVENT_KEY_MAX ||
	    strlen(event->type) > EVENT_TYPE_MAX)
		return "the head's key or type is too long";
	letter->headers =
	    json_dumps(json_object_get(head, "headers"), JSON_COMPACT);
	event->headers = letter->headers != NULL ? letter->headers : "{}";
	error = decode_body(admin_text(args, "body_base64"), letter);
	return error != NULL ? error : check_hash(head, event);
}

/*
 * Make the event what it was when its letter was written: stored, routed, its
 * delivery dead; then replay that.
 */
static enum store_result
put_back(
    struct admin_context *context, const struct letter *letter, unsigned states)
{
	const struct store_ops *ops = context->ops;
	const struct store_target target = {
	    .route = letter->route,
	    .state = DELIVERY_EXHAUSTED,
	    .reason = letter->reason[0] != '\0' ? letter->reason : "expired",
	};
	struct store_replay what = {.route = letter->route,
	    .states = states,
	    .now_ms = clock_wall_ms()};
	struct store_put_result put = {0};
	enum store_result result;
	unsigned n = 0;

	result = ops->put(context->store, &letter->event, what.now_ms, &put);
	buf_clear(&put.revived);
	if (result == STORE_OK && put.what == STORE_PUT_NEW) {
		result = ops->route(context->store, put.seq, &target, 1, true);
		if (result == STORE_OK)
			result = ops->bury(
			    context->store, put.seq, letter->route, 0);
	}
	what.seq = put.seq;
	if (result == STORE_OK)
		result = ops->replay(context->store, &what, &n);
	return result == STORE_OK && n == 0 ? STORE_NONE : result;
}

static json_t *
inject(
    struct admin_context *context, const struct letter *letter, unsigned states)
{
	enum store_result result = context->ops->begin(context->store);
	char id[EVENT_ID_TEXT_SIZE];

	if (result != STORE_OK)
		return admin_store_fail(context, result);
	result = put_back(context, letter, states);
	if (result == STORE_NONE) {
		context->ops->rollback(context->store);
		return admin_fail("the event is in the store, and its delivery "
				  "on route %s is not dead there",
		    letter->route);
	}
	if (result == STORE_OK)
		result = context->ops->commit(context->store);
	if (result != STORE_OK)
		return admin_store_fail(context, result);
	if (context->due != NULL)
		context->due(context->arg, letter->route);
	event_id_format(letter->event.id, id);
	return admin_ok(json_pack("{s:s, s:i}", "id", id, "replayed", 1));
}

json_t *
admin_inject(struct admin_context *context, const json_t *args)
{
	struct letter letter = {0};
	unsigned states = 0;
	json_t *reply = read_states(args, &states);
	const char *error;

	if (reply != NULL)
		return reply;
	error = read_letter(args, &letter);
	reply = error != NULL ? admin_fail("inject: %s", error)
			      : inject(context, &letter, states);
	free(letter.headers);
	buf_clear(&letter.body);
	return reply;
}
