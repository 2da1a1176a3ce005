/*
 * buf - bytes that grow
 *
 * A plain value: a zeroed struct buf is an empty one.  The bytes belong to
 * the buf until buf_clear() or buf_take().  A failed growth sets `failed`,
 * leaves the bytes as they were and makes every later append do nothing, so
 * a caller may append many times and check once.
 */

#ifndef SHARED_BUF_H
#define SHARED_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;
	size_t len;
	size_t cap;
	bool failed;
};

/* Make room for `more` bytes behind the present ones: hardly more than that in
 * an empty buf, to grow by doubling later.  0, or -1 with `failed` set. */
int buf_reserve(struct buf *b, size_t more);

/* Append; each returns 0, or -1 with `failed` set. */
int buf_add(struct buf *b, const void *p, size_t len);
int buf_add_str(struct buf *b, const char *s);
int buf_add_char(struct buf *b, char c);
int buf_add_int(struct buf *b, int64_t number); /* decimal */
int buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Append the text as the inside of a JSON string (quotes not included):
 * control bytes, `"` and `\` escaped, bytes that are no UTF-8 as U+FFFD. */
int buf_add_json(struct buf *b, const char *s, size_t len);

/* The bytes with a NUL behind them (not counted in `len`); valid until the
 * next append.  "" for an empty buf; NULL when `failed`. */
const char *buf_str(struct buf *b);

/* Hand the bytes, NUL-terminated, to the caller, who frees them; the buf is
 * empty again.  NULL when `failed`. */
char *buf_take(struct buf *b);

/* Forget the bytes, keep the memory. */
void buf_reset(struct buf *b);

/* Release the memory; the buf is empty and usable again. */
void buf_clear(struct buf *b);

#endif
