/* The value that verifies a request: HMAC or digest of its signed text. */

#include <string.h>

#include <openssl/evp.h>

#include "scheme_impl.h"

enum { GATHERED_MAX = 256 };

size_t
scheme_digest_len(const struct scheme_rules *rules, enum scheme_hash hash)
{
	if (rules->kind != SCHEME_KIND_HMAC && rules->kind != SCHEME_KIND_HASH)
		return 0;
	return (size_t)EVP_MD_get_size(scheme_md(hash));
}

/* Small parts of what is signed go to the HMAC together: each update of its
 * own costs OpenSSL as much as some hundred bytes. */
struct mac_sink {
	EVP_MAC_CTX *ctx;
	size_t len;
	unsigned char small[GATHERED_MAX];
};

static int
flush_mac(struct mac_sink *sink)
{
	size_t len = sink->len;

	sink->len = 0;
	return len == 0 || EVP_MAC_update(sink->ctx, sink->small, len) == 1
		   ? 0
		   : -1;
}

static int
sink_mac(void *arg, const void *p, size_t len)
{
	struct mac_sink *sink = arg;

	if (len > sizeof sink->small - sink->len && flush_mac(sink) != 0)
		return -1;
	if (len > sizeof sink->small)
		return EVP_MAC_update(sink->ctx, p, len) == 1 ? 0 : -1;
	memcpy(sink->small + sink->len, p, len);
	sink->len += len;
	return 0;
}

static int
sink_digest(void *arg, const void *p, size_t len)
{
	return EVP_DigestUpdate(arg, p, len) == 1 ? 0 : -1;
}

/* A context to begin an HMAC with; NULL without memory. */
static EVP_MAC_CTX *
take_mac(struct scheme_mac *mac)
{
	EVP_MAC_CTX *ctx = atomic_exchange(&mac->spare, NULL);

	if (ctx == NULL)
		return EVP_MAC_CTX_dup(mac->keyed);
	if (EVP_MAC_init(ctx, NULL, 0, NULL) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static void
give_mac(struct scheme_mac *mac, EVP_MAC_CTX *ctx)
{
	EVP_MAC_CTX_free(atomic_exchange(&mac->spare, ctx));
}

static enum scheme_result
mac(struct scheme_look *look, struct scheme_mac *keyed, unsigned char *out,
    const char **where)
{
	struct mac_sink sink;
	enum scheme_result result;
	size_t len;

	sink.ctx = keyed != NULL ? take_mac(keyed) : NULL;
	sink.len = 0;
	if (!sink.ctx)
		return SCHEME_ERROR;
	result = scheme_look_fill(look, look->template, sink_mac, &sink, where);
	if (result == SCHEME_OK &&
	    (flush_mac(&sink) != 0 ||
		EVP_MAC_final(sink.ctx, out, &len, EVP_MAX_MD_SIZE) != 1))
		result = SCHEME_ERROR;
	give_mac(keyed, sink.ctx);
	return result;
}

static enum scheme_result
digest(struct scheme_look *look, enum scheme_hash hash, unsigned char *out,
    const char **where)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	enum scheme_result result = SCHEME_ERROR;

	if (ctx && EVP_DigestInit_ex(ctx, scheme_md(hash), NULL) == 1)
		result = scheme_look_fill(
		    look, look->template, sink_digest, ctx, where);
	if (result == SCHEME_OK && EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		result = SCHEME_ERROR;
	EVP_MD_CTX_free(ctx);
	return result;
}

enum scheme_result
scheme_digest(struct scheme_look *look, const struct scheme_key *key,
    enum scheme_hash hash, unsigned char *out, const char **where)
{
	look->key = key->p;
	look->key_len = key->len;
	return look->rules->kind == SCHEME_KIND_HMAC
		   ? mac(look, key->mac[hash], out, where)
		   : digest(look, hash, out, where);
}
