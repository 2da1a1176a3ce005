#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "clock.h"
#include "scheme_impl.h"

enum {
	DIGITS_MAX = 15,
	TIME_TEXT_MAX = 63,
	PUBLIC_MAX = 8, /* signatures with public keys cost 0.1 ms each */
};

struct signature {
	const char *p;
	size_t len;
	enum scheme_hash hash;
};

/* One verification. */
struct proof {
	const struct scheme_rules *rules;
	const struct scheme_keys *keys;
	struct scheme_look look;
	struct scheme_text texts[SCHEME_SIGNATURES_MAX]; /* hold the next */
	size_t n_texts;
	struct signature signatures[SCHEME_SIGNATURES_MAX];
	size_t n_signatures;
	struct scheme_verdict *verdict;

	/* what was signed, made once: however many signatures a sender puts
	 * into a request, its body is gone through once per secret */
	struct buf message; /* asymmetric kinds */
	bool has_message;
	unsigned char digest[EVP_MAX_MD_SIZE];
	const struct scheme_key *digest_key; /* digest is under this key … */
	enum scheme_hash digest_hash;        /* … with this hash */
};

/* ---- signatures out of their text ---- */

static enum scheme_result
add_signature(
    struct proof *proof, const char *p, size_t len, enum scheme_hash hash)
{
	size_t max = scheme_is_asymmetric(proof->rules->kind)
			 ? (size_t)PUBLIC_MAX
			 : (size_t)SCHEME_SIGNATURES_MAX;

	if (proof->n_signatures == max)
		return SCHEME_BAD_FORMAT;
	proof->signatures[proof->n_signatures++] =
	    (struct signature){p, len, hash};
	return SCHEME_OK;
}

/* A timestamp that stands in the signature's text; there may be one. */
static enum scheme_result
set_timestamp(struct proof *proof, const char *p, size_t len)
{
	struct scheme_text *timestamp = &proof->look.timestamp;

	if (timestamp->p)
		return SCHEME_BAD_FORMAT;
	timestamp->p = p;
	timestamp->len = len;
	return SCHEME_OK;
}

static bool
is_timestamp_key(const struct scheme_rules *rules, const char *p, size_t len)
{
	for (size_t i = 0; i < rules->timestamp.n; i++) {
		const struct scheme_place *place = &rules->timestamp.v[i];

		if (place->kind == SCHEME_PLACE_SIGNATURE &&
		    strlen(place->name) == len &&
		    memcmp(place->name, p, len) == 0)
			return true;
	}
	return false;
}

static bool
is_signature_key(const struct scheme_rules *rules, const char *p, size_t len)
{
	for (size_t i = 0; i < rules->n_signature_keys; i++)
		if (strlen(rules->signature_keys[i]) == len &&
		    memcmp(rules->signature_keys[i], p, len) == 0)
			return true;
	return false;
}

static enum scheme_result
take_pair(struct proof *proof, const char *p, size_t len)
{
	const struct scheme_rules *rules = proof->rules;
	const char *separator = memchr(p, rules->key_separator, len);

	if (!separator)
		return SCHEME_OK; /* not ours: ignored like unknown keys */
	size_t key_len = (size_t)(separator - p);
	const char *value = separator + 1;
	size_t value_len = len - key_len - 1;

	if (is_timestamp_key(rules, p, key_len))
		return set_timestamp(proof, value, value_len);
	if (is_signature_key(rules, p, key_len))
		return add_signature(proof, value, value_len, rules->hash);
	return SCHEME_OK;
}

static enum scheme_result
take_item(struct proof *proof, size_t i, const char *p, size_t len)
{
	const struct scheme_rules *rules = proof->rules;

	if (rules->list_separator == '\0')
		return take_pair(proof, p, len);
	if (i == 0 && is_timestamp_key(rules, "0", 1))
		return set_timestamp(proof, p, len);
	return add_signature(proof, p, len, rules->hash);
}

/* Pairs or a list: items with blanks around them, empty ones left out. */
static enum scheme_result
take_items(struct proof *proof, const char *p, size_t len)
{
	const struct scheme_rules *rules = proof->rules;
	char separator = rules->list_separator != '\0' ? rules->list_separator
						       : rules->pair_separator;
	const char *end = p + len;
	size_t n = 0;

	while (p < end) {
		const char *stop = memchr(p, separator, (size_t)(end - p));
		const char *next = stop ? stop + 1 : end;

		if (!stop)
			stop = end;
		while (p < stop && *p == ' ')
			p++;
		while (stop > p && stop[-1] == ' ')
			stop--;
		if (p < stop) {
			enum scheme_result result =
			    take_item(proof, n++, p, (size_t)(stop - p));

			if (result != SCHEME_OK)
				return result;
		}
		p = next;
	}
	return proof->n_signatures > 0 ? SCHEME_OK : SCHEME_BAD_FORMAT;
}

static enum scheme_result
take_algorithm(struct proof *proof, const char *p, size_t len)
{
	static const char *const names[] = {
	    [SCHEME_HASH_SHA256] = "sha256=",
	    [SCHEME_HASH_SHA1] = "sha1=",
	    [SCHEME_HASH_SHA384] = "sha384=",
	    [SCHEME_HASH_SHA512] = "sha512=",
	    [SCHEME_HASH_MD5] = "md5=",
	};

	for (size_t hash = 0; hash < SCHEME_HASH__MAX; hash++) {
		size_t n = strlen(names[hash]);

		if (proof->rules->algorithms[hash] && len > n &&
		    memcmp(p, names[hash], n) == 0)
			return add_signature(
			    proof, p + n, len - n, (enum scheme_hash)hash);
	}
	return SCHEME_BAD_FORMAT;
}

/* Cut "Bearer " off the Authorization header (RFC 9110, 11.4). */
static enum scheme_result
cut_auth_scheme(const struct scheme_rules *rules, const char **p, size_t *len)
{
	const char *word =
	    rules->kind == SCHEME_KIND_BASIC ? "Basic" : rules->auth_scheme;
	size_t n = strlen(word);

	if (n == 0)
		return SCHEME_OK;
	if (*len <= n || strncasecmp(*p, word, n) != 0 || (*p)[n] != ' ')
		return SCHEME_BAD_FORMAT;
	while (n < *len && (*p)[n] == ' ')
		n++;
	*p += n;
	*len -= n;
	return SCHEME_OK;
}

/* Take the signatures out of one text. */
static enum scheme_result
take_text(struct proof *proof, const struct scheme_place *place,
    const struct scheme_text *text)
{
	const struct scheme_rules *rules = proof->rules;
	size_t prefix = strlen(rules->prefix);
	const char *p = text->p;
	size_t len = text->len;

	proof->verdict->where = place->name;
	if (place->kind == SCHEME_PLACE_HEADER &&
	    strcmp(place->name, "authorization") == 0) {
		enum scheme_result result = cut_auth_scheme(rules, &p, &len);

		if (result != SCHEME_OK)
			return result;
	}
	if (len < prefix || memcmp(p, rules->prefix, prefix) != 0)
		return SCHEME_BAD_FORMAT;
	p += prefix;
	len -= prefix;
	if (rules->n_signature_keys > 0 || rules->list_separator != '\0')
		return take_items(proof, p, len);
	if (rules->has_algorithms)
		return take_algorithm(proof, p, len);
	return add_signature(proof, p, len, rules->hash);
}

/* All values of a repeated header, where each may be the one. */
static enum scheme_result
take_header_values(struct proof *proof, const struct scheme_place *place)
{
	const struct scheme_request *request = proof->look.request;
	size_t n = scheme_look_count(request, place->name);

	for (size_t i = 0; i < n; i++) {
		struct scheme_text text = {0};
		enum scheme_result result;

		text.p = scheme_look_header(request, place->name, i);
		text.len = strlen(text.p);
		result = take_text(proof, place, &text);
		if (result != SCHEME_OK)
			return result;
	}
	return n > 0 ? SCHEME_OK : SCHEME_HEADER_MISSING;
}

static enum scheme_result
take_place(struct proof *proof, const struct scheme_place *place)
{
	struct scheme_text *text = &proof->texts[proof->n_texts];
	enum scheme_result result;

	if (proof->rules->all_candidates && place->kind == SCHEME_PLACE_HEADER)
		return take_header_values(proof, place);
	result = scheme_look_at(&proof->look, place, text);
	proof->n_texts++;
	return result == SCHEME_OK ? take_text(proof, place, text) : result;
}

/* Find the signatures: of the first place that has some, or of all. */
static enum scheme_result
take_signatures(struct proof *proof)
{
	const struct scheme_rules *rules = proof->rules;

	for (size_t i = 0; i < rules->signature.n; i++) {
		const struct scheme_place *place = &rules->signature.v[i];
		enum scheme_result result = take_place(proof, place);

		if (result == SCHEME_HEADER_MISSING)
			continue;
		if (result != SCHEME_OK) {
			proof->verdict->where = place->name;
			return result;
		}
		if (!rules->all_candidates)
			return SCHEME_OK;
	}
	if (proof->n_signatures > 0)
		return SCHEME_OK;
	proof->verdict->where = rules->signature.v[0].name;
	return SCHEME_HEADER_MISSING;
}

/* ---- time ---- */

static enum scheme_result
find_timestamp(struct proof *proof)
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
check_time(struct proof *proof)
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

/* ---- digests ---- */

size_t
scheme_digest_len(const struct scheme_rules *rules, enum scheme_hash hash)
{
	if (rules->kind != SCHEME_KIND_HMAC && rules->kind != SCHEME_KIND_HASH)
		return 0;
	return (size_t)EVP_MD_get_size(scheme_md(hash));
}

static int
sink_mac(void *arg, const void *p, size_t len)
{
	return EVP_MAC_update(arg, p, len) == 1 ? 0 : -1;
}

static int
sink_digest(void *arg, const void *p, size_t len)
{
	return EVP_DigestUpdate(arg, p, len) == 1 ? 0 : -1;
}

static enum scheme_result
mac(struct scheme_look *look, const EVP_MAC_CTX *keyed, unsigned char *out,
    const char **where)
{
	EVP_MAC_CTX *ctx = keyed ? EVP_MAC_CTX_dup(keyed) : NULL;
	enum scheme_result result = SCHEME_ERROR;
	size_t len;

	if (!ctx)
		return SCHEME_ERROR;
	result =
	    scheme_look_fill(look, look->rules->template, sink_mac, ctx, where);
	if (result == SCHEME_OK &&
	    EVP_MAC_final(ctx, out, &len, EVP_MAX_MD_SIZE) != 1)
		result = SCHEME_ERROR;
	EVP_MAC_CTX_free(ctx);
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
		    look, look->rules->template, sink_digest, ctx, where);
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

/* ---- comparing ---- */

/* The bytes a signature stands for, of the length they must have. */
static enum scheme_result
decode(const struct proof *proof, const struct signature *signature,
    struct buf *bytes)
{
	size_t wanted = scheme_digest_len(proof->rules, signature->hash);

	buf_reset(bytes);
	if (codec_decode(
		proof->rules->encoding, signature->p, signature->len, bytes))
		return bytes->failed ? SCHEME_ERROR : SCHEME_BAD_ENCODING;
	if (wanted > 0 ? bytes->len != wanted : bytes->len == 0)
		return SCHEME_WRONG_LENGTH;
	return SCHEME_OK;
}

/* Make the digest under a key, unless it is the last one made. */
static enum scheme_result
make_digest(
    struct proof *proof, const struct scheme_key *key, enum scheme_hash hash)
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

static enum scheme_result
check_digest(struct proof *proof, const struct scheme_key *key,
    const struct signature *signature)
{
	size_t len = scheme_digest_len(proof->rules, signature->hash);
	struct buf bytes = {0};
	enum scheme_result result = decode(proof, signature, &bytes);

	if (result == SCHEME_OK)
		result = make_digest(proof, key, signature->hash);
	if (result == SCHEME_OK &&
	    CRYPTO_memcmp(bytes.p, proof->digest, len) != 0)
		result = SCHEME_MISMATCH;
	buf_clear(&bytes);
	return result;
}

static enum scheme_result
make_message(struct proof *proof)
{
	enum scheme_result result = SCHEME_OK;

	if (!proof->has_message)
		result = scheme_look_fill(&proof->look, proof->rules->template,
		    scheme_sink_buf, &proof->message, &proof->verdict->where);
	proof->has_message = result == SCHEME_OK;
	return result;
}

static enum scheme_result
check_public(struct proof *proof, const struct scheme_key *key,
    const struct signature *signature)
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
	    (!ctx || EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->pkey) != 1))
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

static enum scheme_result
check_token(const struct proof *proof, const struct scheme_key *key,
    const struct signature *token)
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
check_one(struct proof *proof, const struct scheme_key *key,
    const struct signature *signature)
{
	if (proof->rules->kind == SCHEME_KIND_TOKEN ||
	    proof->rules->kind == SCHEME_KIND_BASIC)
		return check_token(proof, key, signature);
	if (scheme_is_asymmetric(proof->rules->kind))
		return check_public(proof, key, signature);
	return check_digest(proof, key, signature);
}

/* Any signature under any key will do.  What was wrong with the first stands
 * for all. */
static enum scheme_result
check_signatures(struct proof *proof)
{
	enum scheme_result first = SCHEME_ERROR;
	const char *where = proof->verdict->where;

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

static enum scheme_result
check_all(struct proof *proof)
{
	enum scheme_result result = take_signatures(proof);

	if (result == SCHEME_OK)
		result = scheme_look_if(&proof->look, &proof->rules->require,
		    &proof->verdict->where);
	if (result == SCHEME_OK)
		result = check_time(proof);
	if (result == SCHEME_OK)
		result = check_signatures(proof);
	return result;
}

enum scheme_result
scheme_verify(const struct scheme *scheme, const struct scheme_keys *keys,
    const struct scheme_request *request, struct scheme_verdict *verdict)
{
	struct proof proof;

	*verdict = (struct scheme_verdict){.result = SCHEME_OK, .where = ""};
	if (scheme->rules->kind == SCHEME_KIND_NONE)
		return SCHEME_OK;
	if (!keys || keys->n == 0 || scheme->rules->kind == SCHEME_KIND_UNSET) {
		verdict->result = SCHEME_ERROR;
		return SCHEME_ERROR;
	}
	memset(&proof, 0, sizeof(proof));
	proof.rules = scheme->rules;
	proof.keys = keys;
	proof.verdict = verdict;
	scheme_look_init(&proof.look, scheme->rules, request);
	verdict->result = check_all(&proof);
	scheme_look_clear(&proof.look);
	OPENSSL_cleanse(proof.digest, sizeof(proof.digest));
	buf_clear(&proof.message);
	for (size_t i = 0; i < proof.n_texts; i++)
		scheme_text_clear(&proof.texts[i]);
	return verdict->result;
}
