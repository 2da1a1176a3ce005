/*
 * jsonpick - picks values out of JSON text by pointer, without a tree
 *
 * One pass checks the whole text against RFC 8259 (UTF-8, nothing behind the
 * value, at most JSONPICK_DEPTH levels) and notes where the values that JSON
 * pointers (RFC 6901) name stand.  It is stricter than most parsers in one
 * thing: a member name that stands twice in an object on a pointer's way makes
 * that pointer find nothing, since parsers disagree on which one counts.
 * Numbers may have any size; a surrogate without its half is valid text but
 * has no value.  Allocates nothing but in jsonpick_text().
 */

#ifndef SHARED_JSONPICK_H
#define SHARED_JSONPICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
	JSONPICK_MAX = 32, /* pointers of one scan */
	JSONPICK_DEPTH = 256,
	JSONPICK_TOKENS = 16,       /* of one pointer */
	JSONPICK_POINTER_MAX = 255, /* bytes */
};

/* A compiled pointer, a plain value. */
struct jsonpick_pointer {
	size_t n; /* tokens */
	char names[JSONPICK_POINTER_MAX + 1];
	uint8_t start[JSONPICK_TOKENS];
	uint8_t len[JSONPICK_TOKENS];
	int32_t index[JSONPICK_TOKENS]; /* as an array index, or -1 */
};

enum jsonpick_kind {
	JSONPICK_NONE, /* not there */
	JSONPICK_STRING,
	JSONPICK_NUMBER,
	JSONPICK_TRUE,
	JSONPICK_FALSE,
	JSONPICK_NULL,
	JSONPICK_OBJECT,
	JSONPICK_ARRAY,
	JSONPICK_TWICE, /* not alone there: has no value */
};

/* A value's place in the scanned text: a string without its quotes, escapes as
 * they stand; nothing for objects and arrays. */
struct jsonpick_value {
	enum jsonpick_kind kind;
	const char *p;
	size_t len;
};

/* 0, or -1 when the text is no JSON pointer within the limits above. */
int jsonpick_compile(const char *text, struct jsonpick_pointer *pointer);

/*
 * Scan; values[i] becomes what pointers[i] names.  n is at most JSONPICK_MAX.
 * 0, or -1 when the text is not JSON: all values are JSONPICK_NONE then.
 */
int jsonpick_scan(const void *text, size_t len,
    const struct jsonpick_pointer *pointers, size_t n,
    struct jsonpick_value *values);

/*
 * Append the text of a string (decoded), number, true or false.  0, or -1 for
 * any other value, a string that has no value, or (failed set) no memory.
 */
int jsonpick_text(const struct jsonpick_value *value, struct buf *out);

/* Whether the bytes are UTF-8 as a JSON string must be. */
bool jsonpick_is_utf8(const char *p, size_t len);

#endif
