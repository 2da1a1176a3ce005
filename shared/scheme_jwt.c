#include "scheme_jwt.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "scheme_x509.h"

enum { SECONDS_DIGITS_MAX = 12, PARTS = 3 };

/* A token taken apart; nothing of it is trusted. */
struct token {
	const char *text; /* header.payload, which is signed */
	size_t text_len;
	struct buf part[PARTS]; /* decoded: header, payload, signature */
	enum scheme_jwt_algorithm algorithm;
	struct buf kid; /* "": none */
};

static void
clear_token(struct token *token)
{
	for (size_t i = 0; i < PARTS; i++)
		buf_clear(&token->part[i]);
	buf_clear(&token->kid);
}

static bool
brings_chain(const struct scheme_rules *rules)
{
	return rules->secret_encoding == SCHEME_SECRET_CERTIFICATE;
}

/* ---- reading ---- */

/* Take the three parts out of a text.  base64url without padding (RFC 7515, 2).
 */
static enum scheme_result
split(const struct scheme_rules *rules, const char *p, size_t len,
    struct token *token)
{
	const char *end = p + len;

	if (len > (size_t)(brings_chain(rules) ? SCHEME_JWT_CHAIN_MAX
					       : SCHEME_JWT_MAX))
		return SCHEME_BAD_FORMAT;
	token->text = p;
	for (size_t i = 0; i < PARTS; i++) {
		const char *stop = memchr(p, '.', (size_t)(end - p));
		struct buf *part = &token->part[i];

		if (!stop == (i < PARTS - 1))
			return SCHEME_BAD_FORMAT;
		if (!stop)
			stop = end;
		if (p == stop || stop[-1] == '=')
			return SCHEME_BAD_FORMAT;
		if (codec_decode(CODEC_BASE64URL, p, (size_t)(stop - p), part))
			return part->failed ? SCHEME_ERROR
					    : SCHEME_BAD_ENCODING;
		if (i == 1)
			token->text_len = (size_t)(stop - token->text);
		p = stop + 1;
	}
	return SCHEME_OK;
}

static enum scheme_result
read_algorithm(const struct scheme_rules *rules, const char *name,
    enum scheme_jwt_algorithm *algorithm)
{
	for (size_t i = 0; i < SCHEME_JWT__MAX; i++) {
		if (!rules->jwt_algorithms[i] ||
		    strcmp(scheme_jwt_words[i], name) != 0)
			continue;
		*algorithm = (enum scheme_jwt_algorithm)i;
		return SCHEME_OK;
	}
	return SCHEME_BAD_FORMAT;
}

static enum scheme_result
read_header(const struct scheme_rules *rules, struct token *token)
{
	static const char *const names[] = {"/alg", "/kid", "/crit"};
	struct jsonpick_pointer pointers[3];
	struct jsonpick_value values[3];
	struct buf alg = {0};
	enum scheme_result result = SCHEME_BAD_FORMAT;

	for (size_t i = 0; i < 3; i++)
		(void)jsonpick_compile(names[i], &pointers[i]);
	/* what crit lists must be understood, and nothing is */
	if (token->part[0].len > (size_t)(brings_chain(rules)
					      ? SCHEME_JWT_X5C_MAX
					      : SCHEME_JWT_HEADER_MAX) ||
	    jsonpick_scan(
		token->part[0].p, token->part[0].len, pointers, 3, values) ||
	    values[0].kind != JSONPICK_STRING ||
	    jsonpick_text(&values[0], &alg) || values[2].kind != JSONPICK_NONE)
		goto out;
	if (values[1].kind != JSONPICK_NONE &&
	    (values[1].kind != JSONPICK_STRING ||
		jsonpick_text(&values[1], &token->kid)))
		goto out;
	if (buf_str(&alg) && buf_str(&token->kid) && alg.len == strlen(alg.p))
		result =
		    read_algorithm(rules, buf_str(&alg), &token->algorithm);
out:
	if (alg.failed || token->kid.failed)
		result = SCHEME_ERROR;
	buf_clear(&alg);
	return result;
}

/* ---- the signature ---- */

static const EVP_MD *
digest_of(enum scheme_jwt_algorithm algorithm)
{
	if (algorithm == SCHEME_EDDSA)
		return NULL;
	switch (algorithm % 3) {
	case 0:
		return EVP_sha256();
	case 1:
		return EVP_sha384();
	default:
		return EVP_sha512();
	}
}

static enum scheme_result
check_hmac(const struct token *token, const struct scheme_key *key)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	const struct buf *signature = &token->part[2];
	enum scheme_result result = SCHEME_MISMATCH;
	unsigned len;

	if (!HMAC(digest_of(token->algorithm), key->p, (int)key->len,
		(const unsigned char *)token->text, token->text_len, mac, &len))
		return SCHEME_ERROR;
	if (signature->len != len)
		result = SCHEME_WRONG_LENGTH;
	else if (CRYPTO_memcmp(mac, signature->p, len) == 0)
		result = SCHEME_OK;
	OPENSSL_cleanse(mac, sizeof(mac));
	return result;
}

/* From r and s in equal halves (RFC 7518, 3.4) to DER, which OpenSSL takes. */
static enum scheme_result
to_der(const struct buf *halves, const EVP_PKEY *pkey, struct buf *out)
{
	size_t size = ((size_t)EVP_PKEY_get_bits(pkey) + 7) / 8;
	const unsigned char *p = (const unsigned char *)halves->p;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r, *s;
	unsigned char *der = NULL;
	int len = -1;

	if (halves->len != 2 * size) {
		ECDSA_SIG_free(pair);
		return SCHEME_WRONG_LENGTH;
	}
	r = BN_bin2bn(p, (int)size, NULL);
	s = BN_bin2bn(p + size, (int)size, NULL);
	if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
		len = i2d_ECDSA_SIG(pair, &der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(pair);
	if (len > 0)
		(void)buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	return len > 0 && !out->failed ? SCHEME_OK : SCHEME_ERROR;
}

static bool
is_pss(enum scheme_jwt_algorithm algorithm)
{
	return algorithm >= SCHEME_PS256 && algorithm <= SCHEME_PS512;
}

static enum scheme_result
verify_public(
    const struct token *token, EVP_PKEY *pkey, const struct buf *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;
	enum scheme_result result = SCHEME_ERROR;

	if (!ctx || EVP_DigestVerifyInit(ctx, &how, digest_of(token->algorithm),
			NULL, pkey) != 1)
		goto out;
	if (is_pss(token->algorithm) &&
	    (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) != 1 ||
		EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) !=
		    1))
		goto out;
	result = EVP_DigestVerify(ctx, (const unsigned char *)signature->p,
		     signature->len, (const unsigned char *)token->text,
		     token->text_len) == 1
		     ? SCHEME_OK
		     : SCHEME_MISMATCH;
out:
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	return result;
}

static enum scheme_result
check_jwk(const struct token *token, EVP_PKEY *pkey)
{
	struct buf der = {0};
	enum scheme_result result;

	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC)
		return verify_public(token, pkey, &token->part[2]);
	result = to_der(&token->part[2], pkey, &der);
	if (result == SCHEME_OK)
		result = verify_public(token, pkey, &der);
	buf_clear(&der);
	return result;
}

/* Whether a key of the set may be the token's: of its algorithm and name. */
static bool
is_meant(const struct token *token, const struct scheme_jwk *jwk)
{
	if (!scheme_jwt_fits(token->algorithm, jwk->pkey) ||
	    (jwk->alg &&
		strcmp(jwk->alg, scheme_jwt_words[token->algorithm]) != 0))
		return false;
	return !jwk->kid || token->kid.len == 0 ||
	       strcmp(jwk->kid, token->kid.p) == 0;
}

/* Under the certificate that the token brings along. */
static enum scheme_result
check_x5c(struct scheme_proof *proof, const struct token *token,
    const struct scheme_key *key)
{
	STACK_OF(X509) *chain = scheme_x509_x5c(&token->part[0]);
	enum scheme_result result = scheme_x509_check(proof, key, chain);

	if (result == SCHEME_OK) {
		EVP_PKEY *pkey = X509_get0_pubkey(sk_X509_value(chain, 0));

		result = scheme_jwt_fits(token->algorithm, pkey)
			     ? check_jwk(token, pkey)
			     : SCHEME_BAD_CERTIFICATE;
	}
	if (result == SCHEME_BAD_CERTIFICATE)
		proof->verdict->where = "x5c";
	sk_X509_pop_free(chain, X509_free);
	return result;
}

static enum scheme_result
check_signature(struct scheme_proof *proof, const struct token *token,
    const struct scheme_key *key)
{
	enum scheme_result result = SCHEME_NO_SUCH_KEY;

	if (key->trust)
		return check_x5c(proof, token, key);
	if (scheme_jwt_is_hmac(token->algorithm))
		return key->n_jwks > 0 ? SCHEME_NO_SUCH_KEY
				       : check_hmac(token, key);
	for (size_t i = 0; i < key->n_jwks && result != SCHEME_OK; i++) {
		if (is_meant(token, &key->jwks[i]))
			result = check_jwk(token, key->jwks[i].pkey);
		if (result == SCHEME_ERROR)
			break;
	}
	return result;
}

/* ---- claims ---- */

enum { TIMES = 3, AUDIENCES_MAX = 16 /* of a token, looked at */ };

static const char *const times[TIMES] = {"exp", "nbf", "iat"};

static void
point_at(const char *name, struct jsonpick_pointer *pointer)
{
	char text[SCHEME_CLAIM_MAX + 2];

	(void)snprintf(text, sizeof(text), "/%s", name);
	(void)jsonpick_compile(text, pointer);
}

/* Seconds (RFC 7519, NumericDate); a fraction is cut off. */
static bool
read_seconds(const struct jsonpick_value *value, int64_t *ms)
{
	int64_t seconds = 0;
	size_t i = 0;

	if (value->kind != JSONPICK_NUMBER)
		return false;
	for (; i < value->len && value->p[i] >= '0' && value->p[i] <= '9'; i++)
		if (i < SECONDS_DIGITS_MAX)
			seconds = seconds * 10 + (value->p[i] - '0');
	if (i == 0 || i > SECONDS_DIGITS_MAX ||
	    (i < value->len &&
		(value->p[i] != '.' || memchr(value->p, 'e', value->len) ||
		    memchr(value->p, 'E', value->len))))
		return false;
	*ms = seconds * 1000;
	return true;
}

static enum scheme_result
check_times(
    struct scheme_proof *proof, const struct jsonpick_value values[TIMES])
{
	const struct scheme_rules *rules = proof->rules;
	int64_t now_ms = proof->look.request->now_ms;
	int64_t at_ms[TIMES] = {0};
	bool has[TIMES];

	for (size_t i = 0; i < TIMES; i++) {
		has[i] = values[i].kind != JSONPICK_NONE;
		proof->verdict->where = times[i];
		if (has[i] && !read_seconds(&values[i], &at_ms[i]))
			return SCHEME_BAD_FORMAT;
	}
	if (has[2]) {
		proof->verdict->has_skew = true;
		proof->verdict->skew_ms = at_ms[2] - now_ms;
	} else if (rules->max_age_ms > 0) {
		return SCHEME_HEADER_MISSING;
	}
	if (has[0] && now_ms >= at_ms[0] + rules->tolerance_ms)
		return SCHEME_TOO_OLD;
	if (rules->max_age_ms > 0 && now_ms > at_ms[2] + rules->max_age_ms)
		return SCHEME_TOO_OLD;
	if ((has[1] && now_ms < at_ms[1] - rules->tolerance_ms) ||
	    (has[2] && now_ms < at_ms[2] - rules->tolerance_ms))
		return SCHEME_TOO_NEW;
	return SCHEME_OK;
}

static bool
same_text(const struct scheme_claim *claim, struct buf *is, struct buf *wanted)
{
	const struct scheme_template *template = claim->template;
	size_t n = template->n;

	/* padding of base64 is written by some and left out by others */
	if (n > 0 && template->v[n - 1].kind == SCHEME_PART_MADE) {
		while (is->len > 0 && is->p[is->len - 1] == '=')
			is->len--;
		while (wanted->len > 0 && wanted->p[wanted->len - 1] == '=')
			wanted->len--;
	}
	return wanted->len > 0 && is->len == wanted->len &&
	       CRYPTO_memcmp(is->p, wanted->p, is->len) == 0;
}

static enum scheme_result
check_text(struct scheme_proof *proof, const struct scheme_claim *claim,
    const struct jsonpick_value *value)
{
	struct buf is = {0};
	struct buf wanted = {0};
	enum scheme_result result = SCHEME_OK;

	if (jsonpick_text(value, &is))
		result = is.failed ? SCHEME_ERROR : SCHEME_BAD_FORMAT;
	else
		result = scheme_look_fill(&proof->look, claim->template,
		    scheme_sink_buf, &wanted, &proof->verdict->where);
	if (result == SCHEME_OK && !same_text(claim, &is, &wanted))
		result = SCHEME_BAD_TOKEN;
	buf_clear(&is);
	buf_clear(&wanted);
	return result;
}

/* A token may be for several (RFC 7519, section 4.1.3): one of them is us. */
static enum scheme_result
check_audiences(struct scheme_proof *proof, const struct scheme_claim *claim,
    const struct buf *payload)
{
	struct jsonpick_pointer pointers[AUDIENCES_MAX];
	struct jsonpick_value values[AUDIENCES_MAX];
	enum scheme_result result = SCHEME_BAD_TOKEN;
	char name[sizeof("aud/") + 4];

	for (unsigned i = 0; i < AUDIENCES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "aud/%u", i);
		point_at(name, &pointers[i]);
	}
	(void)jsonpick_scan(
	    payload->p, payload->len, pointers, AUDIENCES_MAX, values);
	for (size_t i = 0;
	     i < AUDIENCES_MAX && result != SCHEME_OK && result != SCHEME_ERROR;
	     i++)
		if (values[i].kind != JSONPICK_NONE)
			result = check_text(proof, claim, &values[i]);
	return result;
}

/* The first that is there of NAME|NAME…. */
static void
find_first(
    const char *names, const struct buf *payload, struct jsonpick_value *value)
{
	char name[SCHEME_CLAIM_MAX + 1];
	struct jsonpick_pointer pointer;
	size_t len;

	do {
		len = strcspn(names, "|");
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, names);
		point_at(name, &pointer);
		(void)jsonpick_scan(
		    payload->p, payload->len, &pointer, 1, value);
		names += len + (names[len] == '|');
	} while (*names != '\0' && value->kind == JSONPICK_NONE);
}

static enum scheme_result
check_claim(struct scheme_proof *proof, const struct scheme_claim *claim,
    const struct jsonpick_value *value, const struct buf *payload)
{
	struct jsonpick_value other;

	proof->verdict->where = claim->name;
	if (strchr(claim->name, '|')) {
		find_first(claim->name, payload, &other);
		value = &other;
	}
	if (value->kind == JSONPICK_NONE)
		return claim->unless_empty && proof->look.request->body_len == 0
			   ? SCHEME_OK
			   : SCHEME_HEADER_MISSING;
	if (!claim->template)
		return SCHEME_OK;
	if (value->kind == JSONPICK_ARRAY && strcmp(claim->name, "aud") == 0)
		return check_audiences(proof, claim, payload);
	return check_text(proof, claim, value);
}

static enum scheme_result
check_claims(struct scheme_proof *proof, const struct buf *payload)
{
	const struct scheme_rules *rules = proof->rules;
	struct jsonpick_pointer pointers[TIMES + SCHEME_RULES_MAX];
	struct jsonpick_value values[TIMES + SCHEME_RULES_MAX];
	enum scheme_result result;

	for (size_t i = 0; i < TIMES; i++)
		point_at(times[i], &pointers[i]);
	for (size_t i = 0; i < rules->n_claims; i++)
		point_at(rules->claims[i].name, &pointers[TIMES + i]);
	if (jsonpick_scan(payload->p, payload->len, pointers,
		TIMES + rules->n_claims, values))
		return SCHEME_BAD_FORMAT;
	result = check_times(proof, values);
	for (size_t i = 0; i < rules->n_claims && result == SCHEME_OK; i++)
		result = check_claim(
		    proof, &rules->claims[i], &values[TIMES + i], payload);
	return result;
}

enum scheme_result
scheme_jwt_check(struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_signature *signature)
{
	struct token token = {0};
	enum scheme_result result =
	    split(proof->rules, signature->p, signature->len, &token);

	if (result == SCHEME_OK)
		result = read_header(proof->rules, &token);
	if (result == SCHEME_OK)
		result = check_signature(proof, &token, key);
	if (result == SCHEME_OK)
		result = check_claims(proof, &token.part[1]);
	clear_token(&token);
	return result;
}

enum scheme_result
scheme_jwt_claim(
    const struct scheme_proof *proof, const char *name, struct buf *out)
{
	const struct scheme_signature *token = &proof->signatures[0];
	struct token parts = {0};
	struct jsonpick_pointer pointer;
	struct jsonpick_value value;
	enum scheme_result result =
	    split(proof->rules, token->p, token->len, &parts);

	if (result == SCHEME_OK) {
		point_at(name, &pointer);
		(void)jsonpick_scan(
		    parts.part[1].p, parts.part[1].len, &pointer, 1, &value);
		if (jsonpick_text(&value, out))
			result = SCHEME_HEADER_MISSING;
	}
	clear_token(&parts);
	return out->failed ? SCHEME_ERROR : result;
}
