/*
 * wire_fields - what wire.c and wire_blob.c share: fields of a frame
 *
 * A field is a tag byte, four bytes of length (little endian) and that many
 * bytes.  Text carries its NUL, so that a reader can point into the frame.
 */

#ifndef SHARED_WIRE_FIELDS_H
#define SHARED_WIRE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

enum { WIRE_HEAD_LEN = 5, WIRE_FIELD_HEAD = 5 };

extern const char wire_magic[4];

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
	TAG_NAME = 25, /* of an ASK and a BLOB; and those behind it */
	TAG_HOW = 26,
	TAG_MAX_AGE = 27,
	TAG_FOUND = 28,
	TAG_AGE = 29,
	TAG_FRESH = 30,
	TAG_STRICT = 31, /* of an EVENT, where it is so */
	TAG__MAX
};

/* ---- writing ---- */

void wire_store_le(uint8_t *p, uint64_t value, size_t len);
void wire_put_head(struct buf *out, enum wire_type type);
void wire_put_field(struct buf *out, enum tag tag, const void *p, size_t len);
void wire_put_u64(struct buf *out, enum tag tag, uint64_t value);
void wire_put_byte(struct buf *out, enum tag tag, unsigned value);

/* Ends a frame begun at `start`: 0, or -1 with `out` as it was there. */
int wire_finish(struct buf *out, size_t start);

/* ---- reading ---- */

struct wire_reader {
	const uint8_t *p;
	size_t left;
};

struct wire_field {
	unsigned tag;
	const uint8_t *p;
	size_t len;
};

/* The next field: true with *field, false at the end or at one that is cut
 * (r->left tells which). */
bool wire_next_field(struct wire_reader *r, struct wire_field *field);

/* Text with its NUL and no other; NULL when it is not. */
const char *wire_field_text(const struct wire_field *field);

/* A number: 0, or -1 when it is none. */
int wire_field_u64(const struct wire_field *field, uint64_t *value);

#endif
