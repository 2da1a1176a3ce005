/* ASK and BLOB: what is fetched or kept under a name. */

#include <string.h>

#include "wire_fields.h"

/* A time span as it travels: less than nothing is nothing. */
static uint64_t
span(int64_t ms)
{
	return ms > 0 ? (uint64_t)ms : 0;
}

static void
put_name(
    struct buf *out, enum wire_type type, const char *name, enum wire_how how)
{
	wire_put_head(out, type);
	wire_put_field(out, TAG_NAME, name, strlen(name) + 1);
	wire_put_byte(out, TAG_HOW, how);
}

int
wire_put_ask(struct buf *out, const struct wire_ask *ask)
{
	size_t start = out->len;

	put_name(out, WIRE_ASK, ask->name, ask->how);
	if (ask->how == WIRE_FETCH)
		wire_put_u64(out, TAG_MAX_AGE, span(ask->max_age_ms));
	if (ask->how == WIRE_PUT)
		wire_put_field(out, TAG_BODY, ask->bytes, ask->len);
	return wire_finish(out, start);
}

int
wire_put_blob(struct buf *out, const struct wire_blob *blob)
{
	size_t start = out->len;

	put_name(out, WIRE_BLOB, blob->name, blob->how);
	wire_put_byte(out, TAG_FOUND, blob->status);
	wire_put_u64(out, TAG_AGE, span(blob->age_ms));
	wire_put_u64(out, TAG_FRESH, span(blob->fresh_ms));
	wire_put_field(out, TAG_REASON, blob->error, strlen(blob->error) + 1);
	wire_put_field(out, TAG_BODY, blob->bytes, blob->len);
	return wire_finish(out, start);
}

/* ---- reading ---- */

/* All fields that either frame has. */
struct fields {
	const char *name;
	unsigned how;
	int64_t max_age_ms;
	unsigned found;
	int64_t age_ms;
	int64_t fresh_ms;
	const char *error;
	const void *bytes;
	size_t len;
	uint64_t seen; /* bits of their tags */
};

static int
get_name(const struct wire_field *field, const char **out, size_t max)
{
	*out = wire_field_text(field);
	return *out != NULL && field->len <= max + 1 ? 0 : -1;
}

static int
get_word(const struct wire_field *field, unsigned n, unsigned *out)
{
	*out = field->len == 1 ? field->p[0] : n;
	return *out < n ? 0 : -1;
}

static int
get_span(const struct wire_field *field, int64_t *ms)
{
	uint64_t number;

	if (wire_field_u64(field, &number) != 0 || number > INT64_MAX)
		return -1;
	*ms = (int64_t)number;
	return 0;
}

static int
get_field(const struct wire_field *field, struct fields *to)
{
	switch (field->tag) {
	case TAG_NAME:
		return get_name(field, &to->name, WIRE_BLOB_NAME_MAX);
	case TAG_HOW:
		return get_word(field, WIRE_HOW__MAX, &to->how);
	case TAG_MAX_AGE:
		return get_span(field, &to->max_age_ms);
	case TAG_FOUND:
		return get_word(field, WIRE_BLOB_STATUS__MAX, &to->found);
	case TAG_AGE:
		return get_span(field, &to->age_ms);
	case TAG_FRESH:
		return get_span(field, &to->fresh_ms);
	case TAG_REASON:
		return get_name(field, &to->error, WIRE_BLOB_NAME_MAX);
	case TAG_BODY:
		to->bytes = field->p;
		to->len = field->len;
		return field->len <= WIRE_BLOB_MAX ? 0 : -1;
	default:
		return 0; /* a tag of a later version */
	}
}

static int
get_fields(const void *frame, size_t len, struct fields *to)
{
	struct wire_reader r = {
	    (const uint8_t *)frame + WIRE_HEAD_LEN, len - WIRE_HEAD_LEN};
	struct wire_field field;

	*to = (struct fields){.error = ""};
	if (len < WIRE_HEAD_LEN)
		return -1;
	while (wire_next_field(&r, &field)) {
		uint64_t bit = field.tag < 64 ? UINT64_C(1) << field.tag : 0;

		if ((to->seen & bit) != 0 || get_field(&field, to) != 0)
			return -1;
		to->seen |= bit;
	}
	return r.left == 0 ? 0 : -1;
}

static bool
has(const struct fields *fields, uint64_t tags)
{
	return (fields->seen & tags) == tags;
}

int
wire_get_ask(const void *frame, size_t len, struct wire_ask *ask)
{
	struct fields f;
	uint64_t needs = 1u << TAG_NAME | 1u << TAG_HOW;

	*ask = (struct wire_ask){0};
	if (get_fields(frame, len, &f) != 0)
		return -1;
	if (f.how == WIRE_FETCH)
		needs |= 1u << TAG_MAX_AGE;
	if (f.how == WIRE_PUT)
		needs |= 1u << TAG_BODY;
	if (!has(&f, needs) || f.name[0] == '\0')
		return -1;
	*ask = (struct wire_ask){.how = (enum wire_how)f.how,
	    .name = f.name,
	    .max_age_ms = f.max_age_ms,
	    .bytes = f.bytes,
	    .len = f.len};
	return 0;
}

int
wire_get_blob(const void *frame, size_t len, struct wire_blob *blob)
{
	static const uint64_t needs =
	    1u << TAG_NAME | 1u << TAG_HOW | 1u << TAG_FOUND | 1u << TAG_AGE |
	    1u << TAG_FRESH | 1u << TAG_REASON | 1u << TAG_BODY;
	struct fields f;

	*blob = (struct wire_blob){0};
	if (get_fields(frame, len, &f) != 0 || !has(&f, needs))
		return -1;
	*blob = (struct wire_blob){.how = (enum wire_how)f.how,
	    .name = f.name,
	    .status = (enum wire_blob_status)f.found,
	    .age_ms = f.age_ms,
	    .fresh_ms = f.fresh_ms,
	    .error = f.error,
	    .bytes = f.bytes,
	    .len = f.len};
	return 0;
}
