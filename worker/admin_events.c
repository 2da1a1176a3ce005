#include <ctype.h>
#include <string.h>

#include "../shared/codec.h"
#include "admin_verbs.h"

enum {
	PART_MIN = 4, /* characters of an id that are worth a search */
	PAGE_DEFAULT = 50,
	STATE_ANY = -1,
	STATE_UNMATCHED = -2,
};

/* Rows of deliveries become events with a list of deliveries. */
struct collector {
	json_t *events;
	json_t *deliveries; /* of the last event */
	int64_t seq;        /* of the last event, 0: there is none yet */
	bool whole;         /* attempts too */
	bool failed;
};

static int
put(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value);
}

static json_t *
flags_json(unsigned flags)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < EVENT_FLAGS; i++)
		if ((flags >> i & 1) != 0)
			json_array_append_new(
			    list, json_string(event_flag_name(i)));
	return list;
}

/* What lists and show have in common. */
static json_t *
event_json(const struct store_row *row)
{
	const struct event *event = row->event;
	char id[EVENT_ID_TEXT_SIZE];

	event_id_format(event->id, id);
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:I, s:b, s:o, s:[]}",
	    "seq", (json_int_t)row->seq, "id", id, "source",
	    admin_json_text(event->source), "key", admin_json_text(event->key),
	    "type", admin_json_text(event->type), "received_at",
	    admin_json_time(event->received_at_ms), "body_bytes",
	    (json_int_t)event->body_len, "routed", (int)row->routed, "flags",
	    flags_json(event->flags), "deliveries");
}

json_t *
admin_json_headers(const char *headers)
{
	json_t *value = json_loads(headers, 0, NULL);

	return value != NULL ? value : json_object();
}

json_t *
admin_json_bytes(const void *p, size_t len)
{
	struct buf text = {0};
	json_t *value = NULL;

	if (codec_encode(CODEC_BASE64, p, len, &text) == 0)
		value = json_stringn(buf_str(&text), text.len);
	buf_clear(&text);
	return value;
}

/* What only show tells of an event. */
static int
add_details(json_t *object, const struct event *event, bool body)
{
	if (put(object, "scheme", admin_json_text(event->scheme)) != 0 ||
	    put(object, "remote", admin_json_text(event->remote)) != 0 ||
	    put(object, "method", admin_json_text(event->method)) != 0 ||
	    put(object, "path", admin_json_text(event->path)) != 0 ||
	    put(object, "query", admin_json_text(event->query)) != 0 ||
	    put(object, "content_type", admin_json_text(event->content_type)) !=
		0 ||
	    put(object, "headers", admin_json_headers(event->headers)) != 0)
		return -1;
	return body ? put(object, "body_base64",
			  admin_json_bytes(event->body, event->body_len))
		    : 0;
}

static json_t *
attempts_json(const struct store_row *row)
{
	json_t *list = row->attempts_json != NULL
			   ? json_loads(row->attempts_json, 0, NULL)
			   : NULL;

	return list != NULL ? list : json_array();
}

static json_t *
delivery_json(const struct store_row *row, bool whole)
{
	json_t *object = json_pack("{s:s, s:i, s:s, s:i}", "route", row->route,
	    "replay", (int)row->replay, "state",
	    delivery_state_name(row->state), "tries", (int)row->attempts);
	bool open =
	    row->state == DELIVERY_PENDING || row->state == DELIVERY_WAITING;
	int bad = object == NULL;

	if (open && row->due_ms > 0)
		bad |= put(object, "due_at", admin_json_time(row->due_ms));
	if (row->died_at_ms > 0)
		bad |= put(object, "died_at", admin_json_time(row->died_at_ms));
	if (row->reason != NULL && row->reason[0] != '\0')
		bad |= put(object, "reason", admin_json_text(row->reason));
	if (whole)
		bad |= put(object, "attempts", attempts_json(row));
	if (bad == 0)
		return object;
	json_decref(object);
	return NULL;
}

static void
collect(void *arg, const struct store_row *row)
{
	struct collector *c = arg;
	json_t *event;

	if (c->failed)
		return;
	if (c->seq != row->seq) {
		event = event_json(row);
		if (event == NULL ||
		    json_array_append_new(c->events, event) != 0) {
			c->failed = true;
			return;
		}
		c->deliveries = json_object_get(event, "deliveries");
		c->seq = row->seq;
	}
	if (row->route != NULL && json_array_append_new(c->deliveries,
				      delivery_json(row, c->whole)) != 0)
		c->failed = true;
}

/* An error sentence, or NULL with the query filled in. */
static json_t *
read_query(const json_t *args, struct store_query *query)
{
	const char *state = admin_text(args, "state");

	*query = (struct store_query){
	    .source = admin_text(args, "source"),
	    .type = admin_text(args, "type"),
	    .route = admin_text(args, "route"),
	    .state = STATE_ANY,
	    .since_ms = json_integer_value(json_object_get(args, "since_ms")),
	    .before_seq = json_integer_value(json_object_get(args, "cursor")),
	    .oldest_first = json_is_true(json_object_get(args, "oldest_first")),
	};
	if (strcmp(state, "unmatched") == 0)
		query->state = STATE_UNMATCHED;
	else if (state[0] != '\0' && (query->state = admin_state(state)) < 0)
		return admin_fail("there is no state \"%.32s\"; the states are "
				  "pending, running, waiting, exhausted, "
				  "delivered, dead, cancelled and unmatched",
		    state);
	return NULL;
}

json_t *
admin_events(struct admin_context *context, const json_t *args)
{
	json_int_t limit = json_integer_value(json_object_get(args, "limit"));
	struct collector c = {0};
	enum store_result result;
	struct store_query query;
	json_t *reply = read_query(args, &query);
	int64_t next = 0;

	if (reply != NULL)
		return reply;
	query.limit = PAGE_DEFAULT;
	if (limit > 0)
		query.limit =
		    limit < STORE_PAGE_MAX ? (unsigned)limit : STORE_PAGE_MAX;
	query.next_seq = &next;
	c.events = json_array();
	if (c.events == NULL)
		return NULL;
	result = context->ops->list(context->store, &query, collect, &c);
	if (result != STORE_OK)
		reply = admin_store_fail(context, result);
	else if (!c.failed)
		reply = admin_ok(json_incref(c.events));
	if (result == STORE_OK && next != 0 && reply != NULL &&
	    put(reply, "next", json_integer(next)) != 0) {
		json_decref(reply);
		reply = NULL;
	}
	json_decref(c.events);
	return reply;
}

/* ---- one event ---- */

bool
admin_id_part(const char *part, char lower[EVENT_ID_TEXT_SIZE])
{
	size_t len = strspn(part, "0123456789abcdefABCDEF-");

	if (part[len] != '\0' || len < PART_MIN || len >= EVENT_ID_TEXT_SIZE)
		return false;
	for (size_t i = 0; i <= len; i++)
		lower[i] = (char)tolower((unsigned char)part[i]);
	return true;
}

json_t *
admin_find(struct admin_context *context, const char *part,
    uint8_t id[EVENT_ID_LEN], bool *none)
{
	char lower[EVENT_ID_TEXT_SIZE];
	uint8_t ids[2][EVENT_ID_LEN];
	enum store_result result;
	unsigned found = 0;

	*none = false;
	if (event_id_parse(part, id) == 0)
		return NULL;
	if (!admin_id_part(part, lower))
		return admin_fail("\"%.40s\" is no event id and no part of one "
				  "(4 characters at least)",
		    part);
	result = context->ops->find(context->store, lower, ids, &found);
	if (result != STORE_OK && result != STORE_NONE)
		return admin_store_fail(context, result);
	*none = found == 0;
	if (found == 0)
		return admin_fail("no event has \"%s\" in its id", part);
	if (found > 1)
		return admin_fail(
		    "several events have \"%s\" in their ids; give more of it",
		    part);
	memcpy(id, ids[0], EVENT_ID_LEN);
	return NULL;
}

struct show {
	struct collector collector;
	bool body;
};

static void
collect_whole(void *arg, const struct store_row *row)
{
	struct show *show = arg;
	struct collector *c = &show->collector;
	bool first = c->seq == 0;

	collect(c, row);
	if (first && !c->failed &&
	    add_details(json_array_get(c->events, 0), row->event, show->body) !=
		0)
		c->failed = true;
}

json_t *
admin_show(struct admin_context *context, const json_t *args)
{
	struct show show = {
	    .collector = {.whole = true},
	    .body = json_is_true(json_object_get(args, "body")),
	};
	struct collector *c = &show.collector;
	uint8_t id[EVENT_ID_LEN];
	enum store_result result;
	bool none;
	json_t *reply = admin_find(context, admin_text(args, "id"), id, &none);

	if (reply != NULL)
		return reply;
	c->events = json_array();
	if (c->events == NULL)
		return NULL;
	result = context->ops->show(context->store, id, collect_whole, &show);
	if (result == STORE_OK && c->seq == 0)
		result = STORE_NONE;
	if (result == STORE_NONE)
		reply = admin_fail(
		    "the store has no event %s", admin_text(args, "id"));
	else if (result != STORE_OK)
		reply = admin_store_fail(context, result);
	else if (!c->failed)
		reply = admin_ok(json_incref(json_array_get(c->events, 0)));
	json_decref(c->events);
	return reply;
}

json_t *
admin_attempts(struct admin_context *context, const json_t *args)
{
	const json_t *cursor = json_object_get(args, "cursor");
	const struct trail_query query = {.source = admin_text(args, "source"),
	    .type = admin_text(args, "type"),
	    .after = cursor != NULL ? json_integer_value(cursor) : -1};

	return admin_ok(trail_json(context->trail, &query));
}
