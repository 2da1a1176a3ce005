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

int
codec_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int
decode_hex(const char *text, size_t len, struct buf *out)
{
	size_t start = out->len;

	if (len % 2 || buf_reserve(out, len / 2))
		return -1;
	for (size_t i = 0; i < len; i += 2) {
		int high = codec_hex_digit(text[i]);
		int low = codec_hex_digit(text[i + 1]);

		if (high < 0 || low < 0) {
			out->len = start;
			return -1;
		}
		out->p[out->len++] = (char)(high << 4 | low);
	}
	return 0;
}

static int
base64_digit(const struct rule *rule, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == rule->alphabet[62])
		return 62;
	if (c == rule->alphabet[63])
		return 63;
	return -1;
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

static int
decode_base64(
    const struct rule *rule, const char *text, size_t len, struct buf *out)
{
	size_t start = out->len;
	unsigned bits = 0;
	unsigned n_bits = 0;

	if (cut_padding(rule, text, &len) || buf_reserve(out, len / 4 * 3 + 3))
		return -1;
	for (size_t i = 0; i < len; i++) {
		int digit = base64_digit(rule, text[i]);

		if (digit < 0)
			goto bad;
		bits = (bits << 6 | (unsigned)digit) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out->p[out->len++] = (char)(bits >> n_bits & 0xff);
		}
	}
	/* bits that carry nothing must be zero: one text per value */
	if ((bits & ((1U << n_bits) - 1)) == 0)
		return 0;
bad:
	out->len = start;
	return -1;
}

int
codec_decode(enum codec codec, const char *text, size_t len, struct buf *out)
{
	if (codec == CODEC_HEX)
		return decode_hex(text, len, out);
	return decode_base64(&rules[codec], text, len, out);
}
