#include "codec.h"

#include <stdbool.h>
#include <stdint.h>

static const char base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct rule {
	const char *alphabet;
	bool writes_padding;
	bool needs_padding;
};

static const struct rule rules[CODEC__MAX] = {
    [CODEC_BASE64] = {base64, true, true},
    [CODEC_BASE64URL] = {base64url, false, false},
    [CODEC_BASE64_OPEN] = {base64, true, false},
};

static int
encode_hex(const unsigned char *p, size_t len, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";

	if (len > SIZE_MAX / 2 || buf_reserve(out, len * 2))
		return -1;
	for (size_t i = 0; i < len; i++) {
		out->p[out->len++] = digits[p[i] >> 4];
		out->p[out->len++] = digits[p[i] & 15];
	}
	return 0;
}

static int
encode_base64(const struct rule *rule, const unsigned char *p, size_t len,
    struct buf *out)
{
	if (len > SIZE_MAX / 2 || buf_reserve(out, len / 3 * 4 + 4))
		return -1;
	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		unsigned bits = (unsigned)p[i] << 16;

		if (have > 1)
			bits |= (unsigned)p[i + 1] << 8;
		if (have > 2)
			bits |= p[i + 2];
		for (size_t k = 0; k < 4; k++, bits <<= 6) {
			if (k <= have)
				out->p[out->len++] =
				    rule->alphabet[bits >> 18 & 63];
			else if (rule->writes_padding)
				out->p[out->len++] = '=';
		}
	}
	return 0;
}

int
codec_encode(enum codec codec, const void *p, size_t len, struct buf *out)
{
	if (codec == CODEC_HEX)
		return encode_hex(p, len, out);
	return encode_base64(&rules[codec], p, len, out);
}

/* Values of digits plus one; 0 for what is none.  Which digits a text has is as
 * good as random, so a branch for each would often be guessed wrong. */
static const unsigned char hex_values[256] = {
    ['0'] = 1,
    ['1'] = 2,
    ['2'] = 3,
    ['3'] = 4,
    ['4'] = 5,
    ['5'] = 6,
    ['6'] = 7,
    ['7'] = 8,
    ['8'] = 9,
    ['9'] = 10,
    ['a'] = 11,
    ['b'] = 12,
    ['c'] = 13,
    ['d'] = 14,
    ['e'] = 15,
    ['f'] = 16,
    ['A'] = 11,
    ['B'] = 12,
    ['C'] = 13,
    ['D'] = 14,
    ['E'] = 15,
    ['F'] = 16,
};
static const unsigned char base64_values[256] = {
    ['A'] = 1,
    ['B'] = 2,
    ['C'] = 3,
    ['D'] = 4,
    ['E'] = 5,
    ['F'] = 6,
    ['G'] = 7,
    ['H'] = 8,
    ['I'] = 9,
    ['J'] = 10,
    ['K'] = 11,
    ['L'] = 12,
    ['M'] = 13,
    ['N'] = 14,
    ['O'] = 15,
    ['P'] = 16,
    ['Q'] = 17,
    ['R'] = 18,
    ['S'] = 19,
    ['T'] = 20,
    ['U'] = 21,
    ['V'] = 22,
    ['W'] = 23,
    ['X'] = 24,
    ['Y'] = 25,
    ['Z'] = 26,
    ['a'] = 27,
    ['b'] = 28,
    ['c'] = 29,
    ['d'] = 30,
    ['e'] = 31,
    ['f'] = 32,
    ['g'] = 33,
    ['h'] = 34,
    ['i'] = 35,
    ['j'] = 36,
    ['k'] = 37,
    ['l'] = 38,
    ['m'] = 39,
    ['n'] = 40,
    ['o'] = 41,
    ['p'] = 42,
    ['q'] = 43,
    ['r'] = 44,
    ['s'] = 45,
    ['t'] = 46,
    ['u'] = 47,
    ['v'] = 48,
    ['w'] = 49,
    ['x'] = 50,
    ['y'] = 51,
    ['z'] = 52,
    ['0'] = 53,
    ['1'] = 54,
    ['2'] = 55,
    ['3'] = 56,
    ['4'] = 57,
    ['5'] = 58,
    ['6'] = 59,
    ['7'] = 60,
    ['8'] = 61,
    ['9'] = 62,
    ['+'] = 63,
    ['/'] = 64,
    ['-'] = 63,
    ['_'] = 64,
};

int
codec_hex_digit(char c)
{
	return hex_values[(unsigned char)c] - 1;
}

static ptrdiff_t
decode_hex(const char *text, size_t len, unsigned char *out, size_t size)
{
	if (len % 2)
		return -1;
	for (size_t i = 0; i < len; i += 2) {
		int high = codec_hex_digit(text[i]);
		int low = codec_hex_digit(text[i + 1]);

		if ((high | low) < 0)
			return -1;
		if (i / 2 < size)
			out[i / 2] = (unsigned char)(high << 4 | low);
	}
	return (ptrdiff_t)(len / 2);
}

/* The last two digits are other ones in the other alphabet. */
static int
base64_digit(const struct rule *rule, char c)
{
	int digit = base64_values[(unsigned char)c] - 1;

	return digit < 62 || rule->alphabet[digit] == c ? digit : -1;
}

/* Cut the padding off *len.  0, or -1 where it is not as it must be. */
static int
cut_padding(const struct rule *rule, const char *text, size_t *len)
{
	size_t padding = 0;

	while (padding < 2 && padding < *len && text[*len - padding - 1] == '=')
		padding++;
	if ((padding > 0 || rule->needs_padding) && *len % 4 != 0)
		return -1;
	*len -= padding;
	return *len % 4 == 1 ? -1 : 0;
}

static ptrdiff_t
decode_base64(const struct rule *rule, const char *text, size_t len,
    unsigned char *out, size_t size)
{
	unsigned bits = 0;
	unsigned n_bits = 0;
	size_t n = 0;

	if (cut_padding(rule, text, &len))
		return -1;
	for (size_t i = 0; i < len; i++) {
		int digit = base64_digit(rule, text[i]);

		if (digit < 0)
			return -1;
		bits = (bits << 6 | (unsigned)digit) & 0xffff;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		if (n < size)
			out[n] = (unsigned char)(bits >> n_bits & 0xff);
		n++;
	}
	/* bits that carry nothing must be zero: one text per value */
	return (bits & ((1U << n_bits) - 1)) == 0 ? (ptrdiff_t)n : -1;
}

ptrdiff_t
codec_decode_into(
    enum codec codec, const char *text, size_t len, void *out, size_t size)
{
	if (codec == CODEC_HEX)
		return decode_hex(text, len, out, size);
	return decode_base64(&rules[codec], text, len, out, size);
}

int
codec_decode(enum codec codec, const char *text, size_t len, struct buf *out)
{
	/* more than either takes */
	size_t size = len / 4 * 3 + 3;
	ptrdiff_t n;

	if (buf_reserve(out, size) != 0)
		return -1;
	n = codec_decode_into(codec, text, len, out->p + out->len, size);
	if (n < 0)
		return -1;
	out->len += (size_t)n;
	return 0;
}
