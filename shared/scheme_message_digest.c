#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "scheme_message.h"

static const struct digest {
	const char *name;
	enum scheme_hash hash;
} digests[] = {
    {"sha-256", SCHEME_HASH_SHA256},
    {"sha-512", SCHEME_HASH_SHA512},
};

enum { N_DIGESTS = sizeof(digests) / sizeof(*digests) };

const char *
scheme_message_digest_name(const struct scheme_rules *rules)
{
	return rules->syntax == SCHEME_SYNTAX_CAVAGE ? "digest"
						     : "content-digest";
}

/* The entry of a name, or NULL; cavage writes them in any case. */
static const struct digest *
find_digest(const char *name, size_t len)
{
	for (size_t i = 0; i < N_DIGESTS; i++)
		if (strlen(digests[i].name) == len &&
		    strncasecmp(digests[i].name, name, len) == 0)
			return &digests[i];
	return NULL;
}

static enum scheme_result
compare(const struct scheme_request *request, const struct digest *digest,
    const struct buf *bytes)
{
	unsigned char made[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(request->body, request->body_len, made, &len,
		scheme_md(digest->hash), NULL) != 1)
		return SCHEME_ERROR;
	if (bytes->len != len)
		return SCHEME_WRONG_LENGTH;
	return CRYPTO_memcmp(made, bytes->p, len) == 0 ? SCHEME_OK
						       : SCHEME_MISMATCH;
}

/* Content-Digest: a dictionary of byte sequences (RFC 9530, 2). */
static enum scheme_result
check_dictionary(const struct scheme_request *request, const char *text)
{
	struct sfv field;
	const struct sfv_node *node;
	enum scheme_result result = SCHEME_NO_SUCH_KEY;

	if (sfv_dictionary(text, strlen(text), &field))
		return SCHEME_BAD_FORMAT;
	for (node = sfv_first(&field); node; node = sfv_next(&field, node)) {
		const struct digest *digest =
		    find_digest(node->key, node->key_len);
		struct buf bytes = {0};

		if (!digest)
			continue;
		result = sfv_bytes(node, &bytes)
			     ? SCHEME_BAD_ENCODING
			     : compare(request, digest, &bytes);
		if (bytes.failed)
			result = SCHEME_ERROR;
		buf_clear(&bytes);
		if (result != SCHEME_OK)
			break;
	}
	return result;
}

/* Digest: NAME=BASE64, … (RFC 3230). */
static enum scheme_result
check_instances(const struct scheme_request *request, const char *text)
{
	enum scheme_result result = SCHEME_NO_SUCH_KEY;

	while (*text != '\0') {
		size_t len = strcspn(text, ",");
		const char *equals = memchr(text, '=', len);
		size_t name = equals ? (size_t)(equals - text) : len;
		const struct digest *digest = find_digest(text, name);
		struct buf bytes = {0};

		if (digest && equals) {
			result = codec_decode(CODEC_BASE64, equals + 1,
				     len - name - 1, &bytes)
				     ? SCHEME_BAD_ENCODING
				     : compare(request, digest, &bytes);
			if (bytes.failed)
				result = SCHEME_ERROR;
			buf_clear(&bytes);
			if (result != SCHEME_OK)
				return result;
		}
		text += len + strspn(text + len, ", ");
	}
	return result;
}

enum scheme_result
scheme_message_digest(struct scheme_look *look)
{
	struct scheme_place place = {
	    SCHEME_PLACE_HEADER, scheme_message_digest_name(look->rules), 0};
	struct scheme_text text = {0};
	enum scheme_result result = scheme_look_at(look, &place, &text);

	if (result == SCHEME_OK)
		result = look->rules->syntax == SCHEME_SYNTAX_CAVAGE
			     ? check_instances(look->request, text.p)
			     : check_dictionary(look->request, text.p);
	scheme_text_clear(&text);
	return result;
}

int
scheme_message_put_digest(const struct scheme_rules *rules,
    const struct scheme_request *request, struct buf *out)
{
	bool cavage = rules->syntax == SCHEME_SYNTAX_CAVAGE;
	unsigned char made[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(request->body, request->body_len, made, &len,
		EVP_sha256(), NULL) != 1)
		return -1;
	(void)buf_add_str(out, cavage ? "sha-256=" : "sha-256=:");
	(void)codec_encode(CODEC_BASE64, made, len, out);
	if (!cavage)
		(void)buf_add_char(out, ':');
	return buf_str(out) ? 0 : -1;
}
