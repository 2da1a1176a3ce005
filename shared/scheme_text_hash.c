/* Digests of the body and the URL, as claims of tokens have them. */

#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "form.h"
#include "scheme_text.h"

static enum scheme_result
add_digest(const void *p, size_t len, enum codec codec, struct buf *out)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	if (EVP_Digest(p, len, digest, NULL, EVP_sha256(), NULL) != 1)
		return SCHEME_ERROR;
	(void)codec_encode(codec, digest, sizeof(digest), out);
	return SCHEME_OK;
}

enum scheme_result
scheme_make_sha256base64_body(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	(void)words;
	return add_digest(
	    look->request->body, look->request->body_len, CODEC_BASE64, out);
}

enum scheme_result
scheme_make_sha256base64url_body(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	(void)words;
	return add_digest(
	    look->request->body, look->request->body_len, CODEC_BASE64URL, out);
}

enum scheme_result
scheme_make_sha256hex_url(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	const char *url = look->request->url;

	(void)words;
	if (*url == '\0')
		return SCHEME_BAD_FORMAT;
	return add_digest(url, strlen(url), CODEC_HEX, out);
}

/* METHOD&PATH&QUERY, the query in its canonical form without the token. */
enum scheme_result
scheme_make_atlassian_qsh(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	const struct scheme_request *request = look->request;
	struct buf text = {0};
	enum scheme_result result = SCHEME_BAD_FORMAT;

	(void)words;
	(void)buf_printf(&text, "%s&%s&", request->method, request->path);
	if (form_canonical(
		request->query, strlen(request->query), "jwt", &text) == 0)
		result = add_digest(text.p, text.len, CODEC_HEX, out);
	if (text.failed)
		result = SCHEME_ERROR;
	buf_clear(&text);
	return result;
}

/* CRC-32 of IEEE 802.3, reflected, as zlib has it; half a byte at a time. */
enum scheme_result
scheme_make_crc32_body(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	static const uint32_t halves[] = {0x00000000, 0x1db71064, 0x3b6e20c8,
	    0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0,
	    0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};

	const unsigned char *p = look->request->body;
	uint32_t crc = UINT32_MAX;

	(void)words;
	for (size_t i = 0; i < look->request->body_len; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ halves[crc & 15];
		crc = crc >> 4 ^ halves[crc & 15];
	}
	(void)buf_printf(out, "%" PRIu32, ~crc);
	return SCHEME_OK;
}
