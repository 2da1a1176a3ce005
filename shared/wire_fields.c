#include "wire_fields.h"

#include <string.h>

const char wire_magic[4] = {'G', 'A', 'F', '1'};

void
wire_store_le(uint8_t *p, uint64_t value, size_t len)
{
	while (len-- > 0) {
		*p++ = (uint8_t)value;
		value >>= 8;
	}
}

void
wire_put_head(struct buf *out, enum wire_type type)
{
	(void)buf_add(out, wire_magic, sizeof(wire_magic));
	(void)buf_add_char(out, (char)type);
}

void
wire_put_field(struct buf *out, enum tag tag, const void *p, size_t len)
{
	uint8_t head[WIRE_FIELD_HEAD] = {(uint8_t)tag};

	wire_store_le(head + 1, len, 4);
	(void)buf_add(out, head, sizeof(head));
	(void)buf_add(out, p, len);
}

void
wire_put_u64(struct buf *out, enum tag tag, uint64_t value)
{
	uint8_t bytes[8];

	wire_store_le(bytes, value, sizeof(bytes));
	wire_put_field(out, tag, bytes, sizeof(bytes));
}

void
wire_put_byte(struct buf *out, enum tag tag, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	wire_put_field(out, tag, &byte, 1);
}

int
wire_finish(struct buf *out, size_t start)
{
	if (!out->failed)
		return 0;
	out->len = start;
	out->failed = false;
	return -1;
}

static uint64_t
load_le(const uint8_t *p, size_t len)
{
	uint64_t value = 0;

	while (len-- > 0)
		value = value << 8 | p[len];
	return value;
}

bool
wire_next_field(struct wire_reader *r, struct wire_field *field)
{
	size_t len;

	if (r->left < WIRE_FIELD_HEAD)
		return false;
	len = (size_t)load_le(r->p + 1, 4);
	if (len > r->left - WIRE_FIELD_HEAD)
		return false;
	*field = (struct wire_field){r->p[0], r->p + WIRE_FIELD_HEAD, len};
	r->p += WIRE_FIELD_HEAD + len;
	r->left -= WIRE_FIELD_HEAD + len;
	return true;
}

const char *
wire_field_text(const struct wire_field *field)
{
	if (field->len == 0 ||
	    memchr(field->p, '\0', field->len) != field->p + field->len - 1)
		return NULL;
	return (const char *)field->p;
}

int
wire_field_u64(const struct wire_field *field, uint64_t *value)
{
	if (field->len != 8)
		return -1;
	*value = load_le(field->p, 8);
	return 0;
}
