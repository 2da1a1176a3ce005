#include "wire.h"

#include <stdbool.h>
#include <string.h>

/*
 * A field is a tag byte, four bytes of length (little endian) and that many
 * bytes.  Text carries its NUL, so that a reader can point into the frame.
 */
enum { HEAD_LEN = 5, FIELD_HEAD = 5 };

static const char magic[4] = {'G', 'A', 'F', '1'};

enum tag {
	TAG_LINK = 1,
	TAG_BOOT = 2,
	TAG_SEQ = 3,
	TAG_ID = 4,
	TAG_SOURCE = 5,
	TAG_KEY = 6,
	TAG_TYPE = 7,
	TAG_RECEIVED_AT = 8,
	TAG_REMOTE = 9,
	TAG_METHOD = 10,
	TAG_PATH = 11,
	TAG_QUERY = 12,
	TAG_CONTENT_TYPE = 13,
	TAG_HEADERS = 14,
	TAG_SCHEME = 15,
	TAG_DEDUP = 16,
	TAG_PROBE = 17,
	TAG_SHA256 = 18,
	TAG_BODY = 19,
	TAG_ACK = 20,     /* opens the next ack of a list; its status */
	TAG_REVIVED = 21, /* of the ack before it */
	TAG_REASON = 22,  /* of a REJECTED; and the two behind it */
	TAG_STATUS = 23,
	TAG_BODY_LEN = 24,
	TAG__MAX
};

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

static void
store_le(uint8_t *p, uint64_t value, size_t len)
{
	while (len-- > 0) {
		*p++ = (uint8_t)value;
		value >>= 8;
	}
}

static void
put_head(struct buf *out, enum wire_type type)
{
	(void)buf_add(out, magic, sizeof(magic));
	(void)buf_add_char(out, (char)type);
}

static void
put_field(struct buf *out, enum tag tag, const void *p, size_t len)
{
	uint8_t head[FIELD_HEAD] = {(uint8_t)tag};

	store_le(head + 1, len, 4);
	(void)buf_add(out, head, sizeof(head));
	(void)buf_add(out, p, len);
}

static void
put_u64(struct buf *out, enum tag tag, uint64_t value)
{
	uint8_t bytes[8];

	store_le(bytes, value, sizeof(bytes));
	put_field(out, tag, bytes, sizeof(bytes));
}

static void
put_byte(struct buf *out, enum tag tag, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	put_field(out, tag, &byte, 1);
}

/* The three fields wire_retarget() overwrites: first, and of fixed length. */
static void
put_target(struct buf *out, const struct wire_target *target)
{
	put_field(out, TAG_LINK, target->link, WIRE_LINK_LEN);
	put_u64(out, TAG_BOOT, target->boot);
	put_u64(out, TAG_SEQ, target->seq);
}

/* Ends a frame begun at `start`: 0, or -1 with `out` as it was there. */
static int
finish(struct buf *out, size_t start)
{
	if (!out->failed)
		return 0;
	out->len = start;
	out->failed = false;
	return -1;
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
	put_head(out, type);
	put_target(out, target);
	put_field(out, TAG_ID, event->id, EVENT_ID_LEN);
	for (i = 0; i < TEXTS; i++)
		put_field(out, texts[i].tag, text_of(event, i),
		    strlen(text_of(event, i)) + 1);
	put_u64(out, TAG_RECEIVED_AT, (uint64_t)event->received_at_ms);
	put_byte(out, TAG_DEDUP, event->dedup);
	put_byte(out, TAG_PROBE, event->probe);
	put_field(out, TAG_SHA256, event->sha256, EVENT_SHA256_LEN);
	put_field(out, TAG_BODY, event->body, event->body_len);
}

int
wire_put_event(struct buf *out, const struct wire_target *target,
    const struct event *event)
{
	size_t start = out->len;

	put_event(out, WIRE_EVENT, target, event);
	return finish(out, start);
}

int
wire_put_rejected(struct buf *out, const struct wire_rejected *rejected)
{
	static const struct wire_target nobody;
	size_t start = out->len;

	put_event(out, WIRE_REJECTED, &nobody, &rejected->event);
	put_field(
	    out, TAG_REASON, rejected->reason, strlen(rejected->reason) + 1);
	put_u64(out, TAG_STATUS, rejected->status);
	put_u64(out, TAG_BODY_LEN, rejected->body_len);
	return finish(out, start);
}

void
wire_retarget(void *frame, size_t len, const struct wire_target *target)
{
	uint8_t *p = (uint8_t *)frame + HEAD_LEN + FIELD_HEAD;

	if (len < HEAD_LEN + 3 * FIELD_HEAD + WIRE_LINK_LEN + 16)
		return;
	memcpy(p, target->link, WIRE_LINK_LEN);
	p += WIRE_LINK_LEN + FIELD_HEAD;
	store_le(p, target->boot, 8);
	p += 8 + FIELD_HEAD;
	store_le(p, target->seq, 8);
}

int
wire_put_acks(
    struct buf *out, uint64_t boot, const struct wire_ack *acks, size_t n)
{
	size_t start = out->len, i;

	put_head(out, WIRE_ACK);
	put_u64(out, TAG_BOOT, boot);
	for (i = 0; i < n; i++) {
		put_byte(out, TAG_ACK, acks[i].status);
		put_u64(out, TAG_SEQ, acks[i].seq);
		put_field(out, TAG_ID, acks[i].id, EVENT_ID_LEN);
		if (acks[i].revived != NULL && acks[i].revived[0] != '\0')
			put_field(out, TAG_REVIVED, acks[i].revived,
			    strlen(acks[i].revived) + 1);
	}
	return finish(out, start);
}

int
wire_put_json(struct buf *out, enum wire_type type, const json_t *object)
{
	size_t start = out->len;
	size_t len = json_dumpb(object, NULL, 0, JSON_COMPACT);

	put_head(out, type);
	if (len == 0 || buf_reserve(out, len) != 0) {
		out->failed = true;
		return finish(out, start);
	}
	(void)json_dumpb(object, out->p + out->len, len, JSON_COMPACT);
	out->len += len;
	return finish(out, start);
}

/* ---- reading ---- */

struct reader {
	const uint8_t *p;
	size_t left;
};

struct field {
	unsigned tag;
	const uint8_t *p;
	size_t len;
};

static uint64_t
load_le(const uint8_t *p, size_t len)
{
	uint64_t value = 0;

	while (len-- > 0)
		value = value << 8 | p[len];
	return value;
}

enum wire_type
wire_type(const void *frame, size_t len)
{
	const uint8_t *p = frame;

	if (len < HEAD_LEN || memcmp(p, magic, sizeof(magic)) != 0 || p[4] == 0)
		return WIRE_BAD;
	return p[4] < WIRE__MAX ? (enum wire_type)p[4] : WIRE__MAX;
}

/* The next field: true with *field, false at the end or at one that is cut
 * (r->left tells which). */
static bool
next_field(struct reader *r, struct field *field)
{
	size_t len;

	if (r->left < FIELD_HEAD)
		return false;
	len = (size_t)load_le(r->p + 1, 4);
	if (len > r->left - FIELD_HEAD)
		return false;
	*field = (struct field){r->p[0], r->p + FIELD_HEAD, len};
	r->p += FIELD_HEAD + len;
	r->left -= FIELD_HEAD + len;
	return true;
}

/* Text with its NUL and no other; NULL when it is not. */
static const char *
field_text(const struct field *field)
{
	if (field->len == 0 ||
	    memchr(field->p, '\0', field->len) != field->p + field->len - 1)
		return NULL;
	return (const char *)field->p;
}

static int
get_text(const struct field *field, struct event *event)
{
	const char *text = field_text(field);
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
get_bytes(const struct field *field, void *out, size_t len)
{
	if (field->len != len)
		return -1;
	memcpy(out, field->p, len);
	return 0;
}

static int
get_u64(const struct field *field, uint64_t *value)
{
	if (field->len != 8)
		return -1;
	*value = load_le(field->p, 8);
	return 0;
}

static int
get_event_field(
    const struct field *field, struct wire_target *target, struct event *event)
{
	uint64_t number;

	switch (field->tag) {
	case TAG_LINK:
		return get_bytes(field, target->link, WIRE_LINK_LEN);
	case TAG_BOOT:
		return get_u64(field, &target->boot);
	case TAG_SEQ:
		return get_u64(field, &target->seq);
	case TAG_ID:
		return get_bytes(field, event->id, EVENT_ID_LEN);
	case TAG_RECEIVED_AT:
		if (get_u64(field, &number) != 0 || number > INT64_MAX)
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
	struct reader r = {(const uint8_t *)frame + HEAD_LEN, len - HEAD_LEN};
	struct field field;
	uint64_t seen = 0;
	int result = 0;

	*target = (struct wire_target){0};
	*event = (struct event){0};
	if (len < HEAD_LEN)
		return -1;
	while (next_field(&r, &field)) {
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
get_rejected_field(
    const struct field *field, struct wire_rejected *rejected, unsigned *seen)
{
	switch (field->tag) {
	case TAG_REASON:
		*seen |= 1;
		rejected->reason = field_text(field);
		return rejected->reason != NULL && field->len <= 64 ? 0 : -1;
	case TAG_STATUS:
		*seen |= 2;
		return get_u64(field, &rejected->status);
	case TAG_BODY_LEN:
		*seen |= 4;
		return get_u64(field, &rejected->body_len);
	default:
		return 0;
	}
}

int
wire_get_rejected(const void *frame, size_t len, struct wire_rejected *rejected)
{
	struct wire_target target;
	struct reader r;
	struct field field;
	unsigned seen = 0;

	*rejected = (struct wire_rejected){0};
	if (wire_get_event(frame, len, &target, &rejected->event) != 0)
		return -1;
	r = (struct reader){(const uint8_t *)frame + HEAD_LEN, len - HEAD_LEN};
	while (next_field(&r, &field))
		if (get_rejected_field(&field, rejected, &seen) != 0)
			return -1;
	return seen == 7 ? 0 : -1;
}

int
wire_get_acks(const void *frame, size_t len, wire_ack_fn *fn, void *arg)
{
	struct reader r = {(const uint8_t *)frame + HEAD_LEN, len - HEAD_LEN};
	struct wire_ack ack = {.revived = ""};
	struct field field;
	uint64_t boot = 0;
	bool open = false;
	int result = 0;

	if (len < HEAD_LEN)
		return -1;
	while (result == 0 && next_field(&r, &field)) {
		if (field.tag == TAG_ACK) {
			if (open)
				fn(arg, boot, &ack);
			ack = (struct wire_ack){.revived = ""};
			open = field.len == 1 && field.p[0] < WIRE_STATUS__MAX;
			result = open ? 0 : -1;
			if (open)
				ack.status = (enum wire_status)field.p[0];
		} else if (field.tag == TAG_BOOT) {
			result = get_u64(&field, &boot);
		} else if (field.tag == TAG_SEQ) {
			result = get_u64(&field, &ack.seq);
		} else if (field.tag == TAG_ID) {
			result = get_bytes(&field, ack.id, EVENT_ID_LEN);
		} else if (field.tag == TAG_REVIVED) {
			ack.revived = field_text(&field);
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
	const char *p = (const char *)frame + HEAD_LEN;
	json_t *json;

	if (len < HEAD_LEN)
		return NULL;
	json = json_loadb(p, len - HEAD_LEN, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}
