/*
 * codec - hex and base64, strictly
 *
 * Decoding accepts exactly one text per value but for the case of hex digits
 * and padding where it is optional: no blanks, no line breaks, no bits set
 * that carry nothing.  RFC 4648.
 */

#ifndef SHARED_CODEC_H
#define SHARED_CODEC_H

#include <stddef.h>

#include "buf.h"

enum codec {
	CODEC_HEX,         /* written in lower case */
	CODEC_BASE64,      /* padding required */
	CODEC_BASE64URL,   /* padding optional, written without */
	CODEC_BASE64_OPEN, /* base64, padding optional: for secrets */
	CODEC__MAX
};

/* Append the encoded text.  0, or -1 with out->failed set. */
int codec_encode(enum codec codec, const void *p, size_t len, struct buf *out);

/* Append the bytes a text stands for.  0, or -1: no such text, or (failed
 * set) no memory.  Nothing is appended then. */
int
codec_decode(enum codec codec, const char *text, size_t len, struct buf *out);

/* The same into `size` bytes: how many there are to it, of which no more than
 * fit are written, or -1: no such text. */
ptrdiff_t codec_decode_into(
    enum codec codec, const char *text, size_t len, void *out, size_t size);

/* The value of a hex digit of either case, -1 for any other character. */
int codec_hex_digit(char c);

#endif
