#include <stdbool.h>
#include <string.h>

#include "wire_fields.h"

/* The strings of an event: tag, member, longest. */
static const struct {
	enum tag tag;
	size_t member;
	size_t max;
} texts[] = {
    {TAG_SOURCE, offsetof(struct event, source), 64},
    {TAG_KEY, offsetof(struct event, key), EVENT_KEY_MAX},
    {TAG_TYPE, offsetof(struct event, type), EVENT_TYPE_MAX},
    {TAG_REMOTE, offsetof(struct event, remote), 64},
    {TAG_METHOD, offsetof(struct event, method), 16},
    {TAG_PATH, offsetof(struct event, path), 4096},
    {TAG_QUERY, offsetof(struct event, query), 8192},
    {TAG_CONTENT_TYPE, offsetof(struct event, content_type), 256},
    {TAG_HEADERS, offsetof(struct event, headers), 32768},
    {TAG_SCHEME, offsetof(struct event, scheme), 64},
};

enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };

/* ---- writing ---- */

/* The three fields wire_retarget() overwrites: first, and of fixed length. */
static void
put_target(struct buf *out, const struct wire_target *target)
{
	wire_put_field(out, TAG_LINK, target->link, WIRE_LINK_LEN);
	wire_put_u64(out, TAG_BOOT, target->boot);
	wire_put_u64(out, TAG_SEQ, target->seq);
}

static const char *
text_of(const struct event *event, size_t i)
{
	const char *text;

	memcpy(&text, (const char *)event + texts[i].member, sizeof(text));
	return text;
}

static void
put_event(struct buf *out, enum wire_type type,
    const struct wire_target *target, const struct event *event)
{
	size_t i;

	/* One growth for the whole frame. */
	(void)buf_reserve(out, event_size(event) + 512);
	wire_put_head(out, type);
	put_target(out, target);
	wire_put_field(out, TAG_ID, event->id, EVENT_ID_LEN);
	for (i = 0; i < TEXTS; i++)
		wire_put_field(out, texts[i].tag, text_of(event, i),
		    strlen(text_of(event, i)) + 1);
	wire_put_u64(out, TAG_RECEIVED_AT, (uint64_t)event->received_at_ms);
	wire_put_byte(out, TAG_DEDUP, event->dedup);
	wire_put_byte(out, TAG_PROBE, event->probe);
	if (event->strict_replay)
		wire_put_byte(out, TAG_STRICT, 1);
	wire_put_field(out, TAG_SHA256, event->sha256, EVENT_SHA256_LEN);
	wire_put_field(out, TAG_BODY, event->body, event->body_len);
}

int
wire_put_event(struct buf *out, const struct wire_target *target,
    const struct event *event)
{
	size_t start = out->len;

	put_event(out, WIRE_EVENT, target, event);
	return wire_finish(out, start);
}

int
wire_put_rejected(struct buf *out, const struct wire_rejected *rejected)
{
	static const struct wire_target nobody;
	size_t start = out->len;

	put_event(out, WIRE_REJECTED, &nobody, &rejected->event);
	wire_put_field(
	    out, TAG_REASON, rejected->reason, strlen(rejected->reason) + 1);
	wire_put_u64(out, TAG_STATUS, rejected->status);
	wire_put_u64(out, TAG_BODY_LEN, rejected->body_len);
	return wire_finish(out, start);
}

void
wire_retarget(void *frame, size_t len, const struct wire_target *target)
{
	uint8_t *p = (uint8_t *)frame + WIRE_HEAD_LEN + WIRE_FIELD_HEAD;

	if (len < WIRE_HEAD_LEN + 3 * WIRE_FIELD_HEAD + WIRE_LINK_LEN + 16)
		return;
	memcpy(p, target->link, WIRE_LINK_LEN);
	p += WIRE_LINK_LEN + WIRE_FIELD_HEAD;
	wire_store_le(p, target->boot, 8);
	p += 8 + WIRE_FIELD_HEAD;
	wire_store_le(p, target->seq, 8);
}

int
wire_put_acks(
    struct buf *out, uint64_t boot, const struct wire_ack *acks, size_t n)
{
	size_t start = out->len, i;

	wire_put_head(out, WIRE_ACK);
	wire_put_u64(out, TAG_BOOT, boot);
	for (i = 0; i < n; i++) {
		wire_put_byte(out, TAG_ACK, acks[i].status);
		wire_put_u64(out, TAG_SEQ, acks[i].seq);
		wire_put_field(out, TAG_ID, acks[i].id, EVENT_ID_LEN);
		if (acks[i].revived != NULL && acks[i].revived[0] != '\0')
			wire_put_field(out, TAG_REVIVED, acks[i].revived,
			    strlen(acks[i].revived) + 1);
	}
	return wire_finish(out, start);
}

int
wire_put_json(struct buf *out, enum wire_type type, const json_t *object)
{
	size_t start = out->len;
	size_t len = json_dumpb(object, NULL, 0, JSON_COMPACT);

	wire_put_head(out, type);
	if (len == 0 || buf_reserve(out, len) != 0) {
		out->failed = true;
		return wire_finish(out, start);
	}
	(void)json_dumpb(object, out->p + out->len, len, JSON_COMPACT);
	out->len += len;
	return wire_finish(out, start);
}

/* ---- reading ---- */

enum wire_type
wire_type(const void *frame, size_t len)
{
	const uint8_t *p = frame;

	if (len < WIRE_HEAD_LEN ||
	    memcmp(p, wire_magic, sizeof(wire_magic)) != 0 || p[4] == 0)
		return WIRE_BAD;
	return p[4] < WIRE__MAX ? (enum wire_type)p[4] : WIRE__MAX;
}

static int
get_text(const struct wire_field *field, struct event *event)
{
	const char *text = wire_field_text(field);
	size_t i;

	for (i = 0; i < TEXTS; i++)
		if (texts[i].tag == field->tag)
			break;
	if (i == TEXTS)
		return 0; /* a tag of a later version */
	if (text == NULL || field->len > texts[i].max + 1)
		return -1;
	memcpy((char *)event + texts[i].member, &text, sizeof(text));
	return 0;
}

static int
get_bytes(const struct wire_field *field, void *out, size_t len)
{
	if (field->len != len)
		return -1;
	memcpy(out, field->p, len);
	return 0;
}

static int
get_event_field(const struct wire_field *field, struct wire_target *target,
    struct event *event)
{
	uint64_t number;

	switch (field->tag) {
	case TAG_LINK:
		return get_bytes(field, target->link, WIRE_LINK_LEN);
	case TAG_BOOT:
		return wire_field_u64(field, &target->boot);
	case TAG_SEQ:
		return wire_field_u64(field, &target->seq);
	case TAG_ID:
		return get_bytes(field, event->id, EVENT_ID_LEN);
	case TAG_RECEIVED_AT:
		if (wire_field_u64(field, &number) != 0 || number > INT64_MAX)
			return -1;
		event->received_at_ms = (int64_t)number;
		return 0;
	case TAG_DEDUP:
		if (field->len != 1 || field->p[0] >= EVENT_DEDUP__MAX)
			return -1;
		event->dedup = (enum event_dedup)field->p[0];
		return 0;
	case TAG_PROBE:
		event->probe = field->len == 1 && field->p[0] != 0;
		return field->len == 1 ? 0 : -1;
	case TAG_STRICT:
		event->strict_replay = field->len == 1 && field->p[0] != 0;
		return field->len == 1 ? 0 : -1;
	case TAG_SHA256:
		return get_bytes(field, event->sha256, EVENT_SHA256_LEN);
	case TAG_BODY:
		event->body = field->p;
		event->body_len = field->len;
		return 0;
	default:
		return get_text(field, event);
	}
}

/* Every field of an EVENT that must be there, as bits of its tag. */
static const uint64_t event_needs = (1u << (TAG_BODY + 1)) - (1u << TAG_LINK);

int
wire_get_event(const void *frame, size_t len, struct wire_target *target,
    struct event *event)
{
	struct wire_reader r = {
	    (const uint8_t *)frame + WIRE_HEAD_LEN, len - WIRE_HEAD_LEN};
	struct wire_field field;
	uint64_t seen = 0;
	int result = 0;

	*target = (struct wire_target){0};
	*event = (struct event){0};
	if (len < WIRE_HEAD_LEN)
		return -1;
	while (wire_next_field(&r, &field)) {
		/* Twice the same field would have two readings. */
		if (field.tag < 64 && (seen & UINT64_C(1) << field.tag) != 0)
			result = -1;
		if (field.tag < 64)
			seen |= UINT64_C(1) << field.tag;
		if (get_event_field(&field, target, event) != 0)
			result = -1;
	}
	if (r.left != 0 || (seen & event_needs) != event_needs)
		result = -1;
	return result;
}

/* Fields beside those of an EVENT. */
static int
get_rejected_field(const struct wire_field *field,
    struct wire_rejected *rejected, unsigned *seen)
{
	switch (field->tag) {
	case TAG_REASON:
		*seen |= 1;
		rejected->reason = wire_field_text(field);
		return rejected->reason != NULL && field->len <= 64 ? 0 : -1;
	case TAG_STATUS:
		*seen |= 2;
		return wire_field_u64(field, &rejected->status);
	case TAG_BODY_LEN:
		*seen |= 4;
		return wire_field_u64(field, &rejected->body_len);
	default:
		return 0;
	}
}

int
wire_get_rejected(const void *frame, size_t len, struct wire_rejected *rejected)
{
	struct wire_target target;
	struct wire_reader r;
	struct wire_field field;
	unsigned seen = 0;

	*rejected = (struct wire_rejected){0};
	if (wire_get_event(frame, len, &target, &rejected->event) != 0)
		return -1;
	r = (struct wire_reader){
	    (const uint8_t *)frame + WIRE_HEAD_LEN, len - WIRE_HEAD_LEN};
	while (wire_next_field(&r, &field))
		if (get_rejected_field(&field, rejected, &seen) != 0)
			return -1;
	return seen == 7 ? 0 : -1;
}

int
wire_get_acks(const void *frame, size_t len, wire_ack_fn *fn, void *arg)
{
	struct wire_reader r = {
	    (const uint8_t *)frame + WIRE_HEAD_LEN, len - WIRE_HEAD_LEN};
	struct wire_ack ack = {.revived = ""};
	struct wire_field field;
	uint64_t boot = 0;
	bool open = false;
	int result = 0;

	if (len < WIRE_HEAD_LEN)
		return -1;
	while (result == 0 && wire_next_field(&r, &field)) {
		if (field.tag == TAG_ACK) {
			if (open)
				fn(arg, boot, &ack);
			ack = (struct wire_ack){.revived = ""};
			open = field.len == 1 && field.p[0] < WIRE_STATUS__MAX;
			result = open ? 0 : -1;
			if (open)
				ack.status = (enum wire_status)field.p[0];
		} else if (field.tag == TAG_BOOT) {
			result = wire_field_u64(&field, &boot);
		} else if (field.tag == TAG_SEQ) {
			result = wire_field_u64(&field, &ack.seq);
		} else if (field.tag == TAG_ID) {
			result = get_bytes(&field, ack.id, EVENT_ID_LEN);
		} else if (field.tag == TAG_REVIVED) {
			ack.revived = wire_field_text(&field);
			result = ack.revived != NULL ? 0 : -1;
		}
	}
	if (result == 0 && r.left != 0)
		result = -1;
	if (result == 0 && open)
		fn(arg, boot, &ack);
	return result;
}

json_t *
wire_get_json(const void *frame, size_t len)
{
	const char *p = (const char *)frame + WIRE_HEAD_LEN;
	json_t *json;

	if (len < WIRE_HEAD_LEN)
		return NULL;
	json = json_loadb(p, len - WIRE_HEAD_LEN, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}
