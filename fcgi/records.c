#include "records.h"

#include <stdbool.h>
#include <stdint.h>

#include "params.h"

enum {
	HEADER_LEN = 8,
	VERSION = 1,
	BEGIN_REQUEST = 1,
	ABORT_REQUEST = 2,
	END_REQUEST = 3,
	PARAMS = 4,
	STDIN = 5,
	STDOUT = 6,
	RESPONDER = 1,
	CONTENT_MAX = 65535, /* of a record */
};

struct record {
	unsigned version;
	unsigned type;
	unsigned id;
	size_t content;
	size_t padding;
};

static unsigned
get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static struct record
get_record(const unsigned char *p)
{
	return (struct record){.version = p[0],
	    .type = p[1],
	    .id = get16(p + 2),
	    .content = get16(p + 4),
	    .padding = p[6]};
}

static bool
is_begin(const unsigned char *p)
{
	struct record record = get_record(p);

	return record.version == VERSION && record.type == BEGIN_REQUEST &&
	       record.id != 0 && record.content == HEADER_LEN &&
	       get16(p + HEADER_LEN) == RESPONDER;
}

/* Read a length of one or four bytes; false when it is cut off. */
static bool
get_length(const unsigned char *p, size_t len, size_t *at, size_t *value)
{
	if (*at >= len)
		return false;
	if (p[*at] < 0x80) {
		*value = p[(*at)++];
		return true;
	}
	if (len - *at < 4)
		return false;
	*value = (size_t)(get16(p + *at) & 0x7fff) << 16 | get16(p + *at + 2);
	*at += 4;
	return true;
}

/* Whether no pair that is visible claims more than all of them may have. */
static bool
are_pairs_small(const unsigned char *p, size_t len)
{
	size_t at = 0;
	size_t name;
	size_t value;

	while (
	    get_length(p, len, &at, &name) && get_length(p, len, &at, &value)) {
		if (name > PARAMS_BYTES_MAX || value > PARAMS_BYTES_MAX)
			return false;
		if (name + value > len - at)
			return true;
		at += name + value;
	}
	return true;
}

enum records_result
records_check(const unsigned char *p, size_t len)
{
	unsigned id;
	bool first = true;
	bool whole = false;

	if (len < RECORDS_FIRST)
		return RECORDS_SHORT;
	if (!is_begin(p))
		return RECORDS_BAD;
	id = get16(p + 2);
	for (size_t at =
		 HEADER_LEN + get_record(p).content + get_record(p).padding;
	     at + HEADER_LEN <= len;) {
		struct record record = get_record(p + at);
		size_t there = len - at - HEADER_LEN;

		if (record.version != VERSION || record.id != id ||
		    (record.type != PARAMS && record.type != STDIN &&
			record.type != ABORT_REQUEST))
			return RECORDS_BAD;
		if (record.content < there)
			there = record.content;
		/* pairs that begin inside an earlier record cannot be read */
		if (record.type == PARAMS && first &&
		    !are_pairs_small(p + at + HEADER_LEN, there))
			return RECORDS_BAD;
		whole = whole || (record.type == STDIN && record.content == 0);
		first = false;
		at += HEADER_LEN + record.content + record.padding;
	}
	return whole ? RECORDS_WHOLE : RECORDS_OK;
}

/* ---- the answer ---- */

static void
put_record(
    struct buf *out, unsigned type, unsigned id, const char *p, size_t len)
{
	const unsigned char head[HEADER_LEN] = {VERSION, (unsigned char)type,
	    (unsigned char)(id >> 8), (unsigned char)id,
	    (unsigned char)(len >> 8), (unsigned char)len};

	(void)buf_add(out, head, sizeof head);
	(void)buf_add(out, p, len);
}

int
records_answer(struct buf *out, unsigned id, const void *p, size_t len)
{
	/* application status 0, FCGI_REQUEST_COMPLETE */
	static const char complete[HEADER_LEN];
	const char *rest = p;

	(void)buf_reserve(
	    out, len + (4 + len / CONTENT_MAX) * (size_t)HEADER_LEN);
	while (len > 0) {
		size_t n = len < CONTENT_MAX ? len : CONTENT_MAX;

		put_record(out, STDOUT, id, rest, n);
		rest += n;
		len -= n;
	}
	put_record(out, STDOUT, id, NULL, 0);
	put_record(out, END_REQUEST, id, complete, sizeof complete);
	return out->failed ? -1 : 0;
}
