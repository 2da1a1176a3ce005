#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "clock.h"
#include "scheme_message.h"
#include "scheme_x509.h"

enum {
	DIGITS_MAX = 15,
	TIME_TEXT_MAX = 63,
};

/* ---- time ---- */

static enum scheme_result
find_timestamp(struct scheme_proof *proof)
{
	const struct scheme_rules *rules = proof->rules;
	struct scheme_text *text = &proof->look.timestamp;

	for (size_t i = 0; i < rules->timestamp.n && !text->p; i++) {
		const struct scheme_place *place = &rules->timestamp.v[i];
		enum scheme_result result =
		    scheme_look_at(&proof->look, place, text);

		if (result == SCHEME_OK)
			break;
		scheme_text_clear(text);
		if (result != SCHEME_HEADER_MISSING) {
			proof->verdict->where = place->name;
			return result;
		}
	}
	if (text->p)
		return SCHEME_OK;
	proof->verdict->where = rules->timestamp.v[0].name;
	return SCHEME_HEADER_MISSING;
}

static int
read_time(const struct scheme_rules *rules, const struct scheme_text *text,
    int64_t *wall_ms)
{
	char copy[TIME_TEXT_MAX + 1];
	int64_t number = 0;

	if (rules->unit == SCHEME_UNIT_RFC3339) {
		if (text->len > TIME_TEXT_MAX ||
		    memchr(text->p, '\0', text->len))
			return -1;
		memcpy(copy, text->p, text->len);
		copy[text->len] = '\0';
		return clock_parse(copy, wall_ms);
	}
	if (text->len == 0 || text->len > DIGITS_MAX)
		return -1;
	for (size_t i = 0; i < text->len; i++) {
		if (text->p[i] < '0' || text->p[i] > '9')
			return -1;
		number = number * 10 + (text->p[i] - '0');
	}
	*wall_ms = rules->unit == SCHEME_UNIT_S ? number * 1000 : number;
	return 0;
}

static enum scheme_result
check_time(struct scheme_proof *proof)
{
	const struct scheme_rules *rules = proof->rules;
	int64_t now_ms = proof->look.request->now_ms;
	enum scheme_result result;
	int64_t signed_ms;

	if (rules->timestamp.n == 0)
		return SCHEME_OK;
	result = find_timestamp(proof);
	if (result != SCHEME_OK)
		return result;
	if (read_time(rules, &proof->look.timestamp, &signed_ms)) {
		proof->verdict->where = rules->timestamp.v[0].name;
		return SCHEME_BAD_FORMAT;
	}
	/* whoever signs whole seconds counts in whole seconds */
	if (rules->unit == SCHEME_UNIT_S)
		now_ms -= now_ms % 1000;
	proof->verdict->has_skew = true;
	proof->verdict->skew_ms = signed_ms - now_ms;
	if (rules->no_tolerance)
		return SCHEME_OK;
	if (proof->verdict->skew_ms < -rules->tolerance_ms)
		return SCHEME_TOO_OLD;
	if (proof->verdict->skew_ms > rules->tolerance_ms && !rules->past_only)
		return SCHEME_TOO_NEW;
	return SCHEME_OK;
}

/* ---- comparing ---- */

/* The bytes a signature stands for, however many. */
static enum scheme_result
decode(const struct scheme_proof *proof,
    const struct scheme_signature *signature, struct buf *bytes)
{
	buf_reset(bytes);
	if (codec_decode(
		proof->rules->encoding, signature->p, signature->len, bytes))
		return bytes->failed ? SCHEME_ERROR : SCHEME_BAD_ENCODING;
	return bytes->len == 0 ? SCHEME_WRONG_LENGTH : SCHEME_OK;
}

/* Make the digest under a key, unless it is the last one made. */
static enum scheme_result
make_digest(struct scheme_proof *proof, const struct scheme_key *key,
    enum scheme_hash hash)
{
	enum scheme_result result;

	if (proof->digest_key == key && proof->digest_hash == hash)
		return SCHEME_OK;
	proof->digest_key = NULL;
	result = scheme_digest(
	    &proof->look, key, hash, proof->digest, &proof->verdict->where);
	if (result == SCHEME_OK) {
		proof->digest_key = key;
		proof->digest_hash = hash;
	}
	return result;
}

/* Not what a handshake signs for anybody. */
static enum scheme_result
refuse_word(struct scheme_proof *proof)
{
	struct scheme_word word = {0};
	enum scheme_result result =
	    scheme_look_fill(&proof->look, proof->look.template,
		scheme_sink_word, &word, &proof->verdict->where);

	return result == SCHEME_OK && scheme_is_word(&word) ? SCHEME_BAD_FORMAT
							    : result;
}

static enum scheme_result
check_digest(struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_signature *signature)
{
	size_t len = scheme_digest_len(proof->rules, signature->hash);
	unsigned char bytes[EVP_MAX_MD_SIZE];
	ptrdiff_t n = codec_decode_into(proof->rules->encoding, signature->p,
	    signature->len, bytes, sizeof bytes);
	enum scheme_result result = SCHEME_OK;

	if (n < 0)
		return SCHEME_BAD_ENCODING;
	if ((size_t)n != len)
		return SCHEME_WRONG_LENGTH;
	result = make_digest(proof, key, signature->hash);
	if (result == SCHEME_OK &&
	    CRYPTO_memcmp(bytes, proof->digest, len) != 0)
		result = SCHEME_MISMATCH;
	if (result == SCHEME_OK && proof->rules->signs_words)
		result = refuse_word(proof);
	return result;
}

static enum scheme_result
make_message(struct scheme_proof *proof)
{
	enum scheme_result result = SCHEME_OK;

	if (!proof->has_message)
		result = scheme_look_fill(&proof->look, proof->look.template,
		    scheme_sink_buf, &proof->message, &proof->verdict->where);
	proof->has_message = result == SCHEME_OK;
	return result;
}

static enum scheme_result
check_public(struct scheme_proof *proof, EVP_PKEY *pkey,
    const struct scheme_signature *signature)
{
	const EVP_MD *md = proof->rules->kind == SCHEME_KIND_ED25519
			       ? NULL
			       : scheme_md(signature->hash);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf bytes = {0};
	enum scheme_result result = decode(proof, signature, &bytes);

	if (result == SCHEME_OK)
		result = make_message(proof);
	if (result == SCHEME_OK &&
	    (!ctx || EVP_DigestVerifyInit(ctx, NULL, md, NULL, pkey) != 1))
		result = SCHEME_ERROR;
	if (result == SCHEME_OK &&
	    EVP_DigestVerify(ctx, (const unsigned char *)bytes.p, bytes.len,
		(const unsigned char *)buf_str(&proof->message),
		proof->message.len) != 1)
		result = SCHEME_MISMATCH;
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	buf_clear(&bytes);
	return result;
}

/* ---- certificates ---- */

static enum scheme_result
refuse_certificate(struct scheme_proof *proof)
{
	proof->verdict->where = "certificate";
	return SCHEME_BAD_CERTIFICATE;
}

/* Under what a URL had: a signer's certificate, and those above it. */
static enum scheme_result
check_chain(struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_signature *signature)
{
	struct buf bytes = {0};
	enum scheme_result result = decode(proof, signature, &bytes);

	buf_clear(&bytes);
	if (result != SCHEME_OK)
		return result;
	if (!key->chain)
		return SCHEME_NO_SUCH_KEY;
	result = scheme_x509_check(proof, proof->trusted, key->chain);
	if (result != SCHEME_OK)
		return result == SCHEME_BAD_CERTIFICATE
			   ? refuse_certificate(proof)
			   : result;
	return check_public(
	    proof, X509_get0_pubkey(sk_X509_value(key->chain, 0)), signature);
}

/* The URL that the request names; "" for none. */
static enum scheme_result
check_named(
    struct scheme_proof *proof, const struct scheme_signature *signature)
{
	const struct scheme_place *at = &proof->rules->keys_at;
	struct scheme_text url = {0};
	enum scheme_result result = scheme_look_at(&proof->look, at, &url);

	proof->verdict->where = at->name;
	if (result == SCHEME_OK)
		result = strlen(url.p) == url.len
			     ? scheme_check_fetched(
				   proof, url.p, check_chain, signature)
			     : SCHEME_BAD_FORMAT;
	scheme_text_clear(&url);
	return result;
}

/* Under the signers among the certificates of a secret, or the one that a URL
 * has, which leads to them. */
static enum scheme_result
check_trusted(struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_signature *signature)
{
	enum scheme_result result = SCHEME_BAD_CERTIFICATE;

	for (size_t i = 0; i < scheme_x509_count(key); i++) {
		EVP_PKEY *pkey = scheme_x509_signer(proof, key, i);

		if (pkey)
			result = check_public(proof, pkey, signature);
		if (result != SCHEME_MISMATCH &&
		    result != SCHEME_BAD_CERTIFICATE)
			return result;
	}
	if (proof->rules->certificate_chain && proof->rules->has_keys_at &&
	    result == SCHEME_BAD_CERTIFICATE) {
		proof->trusted = key;
		return check_named(proof, signature);
	}
	return result == SCHEME_BAD_CERTIFICATE ? refuse_certificate(proof)
						: result;
}

static enum scheme_result
check_token(const struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_signature *token)
{
	struct buf decoded = {0};
	const char *p = token->p;
	size_t len = token->len;
	enum scheme_result result = SCHEME_BAD_TOKEN;

	if (proof->rules->kind == SCHEME_KIND_BASIC) {
		if (codec_decode(CODEC_BASE64, p, len, &decoded)) {
			result =
			    decoded.failed ? SCHEME_ERROR : SCHEME_BAD_ENCODING;
			goto out;
		}
		p = decoded.p;
		len = decoded.len;
	}
	if (len == key->len && CRYPTO_memcmp(p, key->p, len) == 0)
		result = SCHEME_OK;
out:
	if (decoded.p)
		OPENSSL_cleanse(decoded.p, decoded.cap);
	buf_clear(&decoded);
	return result;
}

static enum scheme_result
check_one(struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_signature *signature)
{
	if (proof->rules->kind == SCHEME_KIND_TOKEN ||
	    proof->rules->kind == SCHEME_KIND_BASIC)
		return check_token(proof, key, signature);
	if (proof->rules->kind == SCHEME_KIND_JWT)
		return scheme_jwt_check(proof, key, signature);
	if (proof->rules->kind == SCHEME_KIND_MESSAGE)
		return scheme_message_check(proof, key, signature);
	if (key->trust)
		return check_trusted(proof, key, signature);
	if (scheme_is_asymmetric(proof->rules->kind))
		return check_public(proof, key->pkey, signature);
	return check_digest(proof, key, signature);
}

/* The same under keys that have to be fetched. */
static enum scheme_result
check_by_url(struct scheme_proof *proof)
{
	enum scheme_result first = SCHEME_ERROR;

	proof->verdict->secrets_tried = 1;
	for (size_t i = 0; i < proof->n_signatures; i++) {
		const struct scheme_signature *signature =
		    &proof->signatures[i];
		enum scheme_result result =
		    proof->rules->has_keys_at
			? check_named(proof, signature)
			: scheme_check_fetched(proof, proof->rules->keys_url,
			      check_one, signature);

		if (result == SCHEME_OK || result == SCHEME_ERROR ||
		    result == SCHEME_NO_KEY_YET)
			return result;
		if (i == 0)
			first = result;
	}
	return first;
}

/* Any signature under any key will do.  What was wrong with the first stands
 * for all. */
static enum scheme_result
check_template(struct scheme_proof *proof)
{
	enum scheme_result first = SCHEME_ERROR;
	const char *where = proof->verdict->where;

	if (proof->keys->fetched)
		return check_by_url(proof);
	proof->verdict->secrets_tried = 0;
	for (size_t k = 0; k < proof->keys->n; k++) {
		proof->verdict->secrets_tried++;
		for (size_t i = 0; i < proof->n_signatures; i++) {
			enum scheme_result result = check_one(
			    proof, &proof->keys->v[k], &proof->signatures[i]);

			if (result == SCHEME_OK || result == SCHEME_ERROR)
				return result;
			if (k == 0 && i == 0) {
				first = result;
				where = proof->verdict->where;
			}
		}
	}
	proof->verdict->where = where;
	return first;
}

/* Any of the texts will do, too. */
static enum scheme_result
check_signatures(struct scheme_proof *proof)
{
	enum scheme_result first = check_template(proof);
	enum scheme_result result = first;
	const char *where = proof->verdict->where;

	for (size_t i = 1; i < proof->rules->n_templates; i++) {
		if (result == SCHEME_OK || result == SCHEME_ERROR)
			return result;
		proof->look.template = proof->rules->templates[i];
		proof->digest_key = NULL;
		proof->has_message = false;
		buf_reset(&proof->message);
		result = check_template(proof);
	}
	if (result == SCHEME_OK || result == SCHEME_ERROR)
		return result;
	proof->verdict->where = where;
	return first;
}

static enum scheme_result
check_taken(struct scheme_proof *proof)
{
	enum scheme_result result = scheme_look_if(
	    &proof->look, &proof->rules->require, &proof->verdict->where);

	if (result == SCHEME_OK)
		result = check_time(proof);
	if (result == SCHEME_OK)
		result = check_signatures(proof);
	return result;
}

/* Find what is to be checked, where this scheme takes the request at all. */
static enum scheme_result
take(struct scheme_proof *proof)
{
	const char *where;
	enum scheme_result result =
	    scheme_look_if(&proof->look, &proof->rules->when, &where);

	if (result == SCHEME_OK || result == SCHEME_ERROR)
		return result == SCHEME_OK ? scheme_take(proof) : result;
	proof->verdict->where = proof->rules->signature.v[0].name;
	return SCHEME_HEADER_MISSING;
}

/* Verify one group of signatures.  Whether it was there at all. */
static bool
verify_group(struct scheme_proof *proof)
{
	struct scheme_verdict *verdict = proof->verdict;
	bool is_there;

	verdict->result = take(proof);
	is_there = verdict->result == SCHEME_OK;
	if (is_there)
		verdict->result = check_taken(proof);
	scheme_look_clear(&proof->look);
	OPENSSL_cleanse(proof->digest, sizeof(proof->digest));
	buf_clear(&proof->message);
	for (size_t i = 0; i < proof->n_texts; i++)
		scheme_text_clear(&proof->texts[i]);
	return is_there;
}

/* Verify by one scheme: whether its signature was there at all.  What was wrong
 * with the first group stands for all. */
static bool
verify_by(const struct scheme *scheme, const struct scheme_keys *keys,
    const struct scheme_request *request, struct scheme_verdict *verdict)
{
	bool is_there = false;
	size_t n = 1;

	for (size_t i = 0; i < n; i++) {
		struct scheme_verdict one = {.scheme = scheme, .where = ""};
		struct scheme_proof proof;

		scheme_proof_init(&proof, scheme->rules, request);
		proof.keys = keys;
		proof.verdict = &one;
		proof.group = i;
		is_there = verify_group(&proof) || is_there;
		n = proof.n_groups;
		if (i == 0 || one.result == SCHEME_OK)
			*verdict = one;
		if (one.result == SCHEME_OK || one.result == SCHEME_ERROR)
			break;
	}
	return is_there;
}

enum scheme_result
scheme_verify(const struct scheme *scheme, const struct scheme_keys *keys,
    const struct scheme_request *request, struct scheme_verdict *verdict)
{
	struct scheme_verdict other;
	bool done = false;

	*verdict = (struct scheme_verdict){
	    .result = SCHEME_ERROR, .scheme = scheme, .where = ""};
	if (scheme->rules->kind == SCHEME_KIND_NONE) {
		verdict->result = SCHEME_OK;
		return SCHEME_OK;
	}
	if (!keys || scheme->rules->kind == SCHEME_KIND_UNSET)
		return SCHEME_ERROR;
	if (keys->awaited)
		verdict->result = SCHEME_NO_KEY_YET;
	if (keys->n > 0 || keys->fetched)
		done = verify_by(scheme, keys, request, verdict);
	for (size_t i = 0; i < keys->n_others && !done; i++) {
		if (keys->others[i]->n == 0 && !keys->others[i]->fetched)
			continue;
		done = verify_by(
		    scheme->others[i], keys->others[i], request, &other);
		/* where none is there, the first says what is missing */
		if (done || verdict->result == SCHEME_ERROR)
			*verdict = other;
	}
	return verdict->result;
}
