#include "buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 256, PRINTF_FIRST = 32 };

int
buf_reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap;
	char *p;

	if (!b->failed && more < b->cap - b->len)
		return 0;
	if (b->failed || more > SIZE_MAX / 4 - b->len)
		goto fail;
	/* One byte more than asked for: the NUL of buf_str(). */
	if (cap == 0)
		cap = more < BUF_FIRST ? BUF_FIRST : more + 1;
	while (cap < b->len + more + 1)
		cap *= 2;
	if ((p = realloc(b->p, cap)) == NULL)
		goto fail;
	b->p = p;
	b->cap = cap;
	return 0;
fail:
	b->failed = true;
	return -1;
}

int
buf_add(struct buf *b, const void *p, size_t len)
{
	if (buf_reserve(b, len) != 0)
		return -1;
	if (len > 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
	return 0;
}

int
buf_add_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int
buf_add_char(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

/* Most texts fit into what is there already. */
int
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room;
	int n;

	if (buf_reserve(b, PRINTF_FIRST) != 0)
		return -1;
	room = b->cap - b->len;
	va_copy(again, ap);
	n = vsnprintf(b->p + b->len, room, fmt, again);
	va_end(again);
	if (n < 0 || buf_reserve(b, (size_t)n) != 0) {
		b->failed = true;
		return -1;
	}
	if ((size_t)n >= room)
		(void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

/* The digits of a number, without the cost of a format. */
int
buf_add_int(struct buf *b, int64_t number)
{
	char digits[20];
	size_t at = sizeof digits;
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (number < 0)
		digits[--at] = '-';
	return buf_add(b, digits + at, sizeof digits - at);
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int result;

	va_start(ap, fmt);
	result = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return result;
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629), 0 for none. */
static size_t
utf8_len(const unsigned char *p, size_t left)
{
	unsigned low = 0x80, high = 0xbf;
	size_t len, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (len > left)
		return 0;
	/* Overlong forms, surrogates and values above U+10FFFF. */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static int
add_json_char(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		return buf_add_str(b, "\\\"");
	case '\\':
		return buf_add_str(b, "\\\\");
	case '\n':
		return buf_add_str(b, "\\n");
	case '\r':
		return buf_add_str(b, "\\r");
	case '\t':
		return buf_add_str(b, "\\t");
	default:
		return buf_printf(b, "\\u%04x", c);
	}
}

/* An ASCII character that stands for itself in a JSON string. */
static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

int
buf_add_json(struct buf *b, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0, plain = 0, n;

	while (i < len) {
		/* nearly all of it */
		while (i < len && is_plain(p[i]))
			i++;
		if (i == len)
			break;
		n = utf8_len(p + i, len - i);
		if (n > 1) {
			i += n;
			continue;
		}
		(void)buf_add(b, s + plain, i - plain);
		if (n == 0)
			(void)buf_add_str(b, "\xef\xbf\xbd");
		else
			(void)add_json_char(b, p[i]);
		plain = ++i;
	}
	return buf_add(b, s + plain, len - plain);
}

const char *
buf_str(struct buf *b)
{
	if (buf_reserve(b, 0) != 0)
		return NULL;
	b->p[b->len] = '\0';
	return b->p;
}

char *
buf_take(struct buf *b)
{
	char *p;

	if (buf_str(b) == NULL) {
		buf_clear(b);
		return NULL;
	}
	p = b->p;
	*b = (struct buf){0};
	return p;
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

void
buf_clear(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}
