/* Digests of the body and the URL, as claims of tokens have them. */

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
