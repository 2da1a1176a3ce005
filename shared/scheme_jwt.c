#include "scheme_jwt.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "scheme_x509.h"

enum { SECONDS_DIGITS_MAX = 12, PARTS = 3 };

/* A token taken apart; nothing of it is trusted. */
struct token {
	struct scheme_jws jws;  /* header.payload, which is signed */
	struct buf part[PARTS]; /* decoded: header, payload, signature */
	struct buf kid;         /* "": none */
	struct buf text;        /* that, where it had to be made */
};

static void
clear_token(struct token *token)
{
	for (size_t i = 0; i < PARTS; i++)
		buf_clear(&token->part[i]);
	buf_clear(&token->kid);
	buf_clear(&token->text);
}

static bool
brings_chain(const struct scheme_rules *rules)
{
	return rules->secret_encoding == SCHEME_SECRET_CERTIFICATE;
}

/* ---- reading ---- */

/* Take the three parts out of a text.  base64url without padding (RFC 7515, 2);
 * a payload that is elsewhere is empty. */
static enum scheme_result
split(const struct scheme_rules *rules, const char *p, size_t len,
    struct token *token)
{
	const char *end = p + len;
	bool detached = rules->payload != NULL;

	if (len > (size_t)(brings_chain(rules) ? SCHEME_JWT_CHAIN_MAX
					       : SCHEME_JWT_MAX))
		return SCHEME_BAD_FORMAT;
	token->jws.text = p;
	for (size_t i = 0; i < PARTS; i++) {
		const char *stop = memchr(p, '.', (size_t)(end - p));
		struct buf *part = &token->part[i];

		if (!stop == (i < PARTS - 1))
			return SCHEME_BAD_FORMAT;
		if (!stop)
			stop = end;
		if ((p == stop) != (detached && i == 1) ||
		    (p < stop && stop[-1] == '='))
			return SCHEME_BAD_FORMAT;
		if (codec_decode(CODEC_BASE64URL, p, (size_t)(stop - p), part))
			return part->failed ? SCHEME_ERROR
					    : SCHEME_BAD_ENCODING;
		if (i == 1)
			token->jws.text_len = (size_t)(stop - token->jws.text);
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
		    read_algorithm(rules, buf_str(&alg), &token->jws.algorithm);
out:
	if (alg.failed || token->kid.failed)
		result = SCHEME_ERROR;
	buf_clear(&alg);
	return result;
}

/* The text that is signed where the payload is no part of the token. */
static enum scheme_result
attach(struct scheme_proof *proof, struct token *token)
{
	struct buf payload = {0};
	enum scheme_result result;

	proof->look.jose = &token->part[0];
	result = scheme_look_fill(&proof->look, proof->rules->payload,
	    scheme_sink_buf, &payload, &proof->verdict->where);
	proof->look.jose = NULL;
	if (result == SCHEME_OK &&
	    (buf_add(&token->text, token->jws.text, token->jws.text_len) ||
		codec_encode(
		    CODEC_BASE64URL, payload.p, payload.len, &token->text)))
		result = SCHEME_ERROR;
	token->jws.text = token->text.p;
	token->jws.text_len = token->text.len;
	buf_clear(&payload);
	return result;
}

/* ---- the signature ---- */

/* Whether a key of the set may be the token's: of its algorithm and name. */
static bool
is_meant(const struct token *token, const struct scheme_jwk *jwk)
{
	if (!scheme_jwt_fits(token->jws.algorithm, jwk->pkey) ||
	    (jwk->alg &&
		strcmp(jwk->alg, scheme_jwt_words[token->jws.algorithm]) != 0))
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

		result =
		    scheme_jwt_fits(token->jws.algorithm, pkey)
			? scheme_jws_check(&token->jws, pkey, &token->part[2])
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
	if (scheme_jwt_is_hmac(token->jws.algorithm))
		return key->n_jwks > 0 ? SCHEME_NO_SUCH_KEY
				       : scheme_jws_check_hmac(
					     &token->jws, key, &token->part[2]);
	for (size_t i = 0; i < key->n_jwks && result != SCHEME_OK; i++) {
		if (is_meant(token, &key->jwks[i]))
			result = scheme_jws_check(
			    &token->jws, key->jwks[i].pkey, &token->part[2]);
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
	bool detached = proof->rules->payload != NULL;
	enum scheme_result result =
	    split(proof->rules, signature->p, signature->len, &token);

	if (result == SCHEME_OK)
		result = read_header(proof->rules, &token);
	if (result == SCHEME_OK && detached)
		result = attach(proof, &token);
	if (result == SCHEME_OK)
		result = check_signature(proof, &token, key);
	if (result == SCHEME_OK && !detached)
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
