#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "clock.h"
#include "scheme_message.h"
#include "scheme_parse.h"

enum { TOKEN_LIFE_S = 60, OWN_MAX = 4 };

enum { ADDED_MAX = 24 }; /* headers put in before the signature is made */

/* One request being signed. */
struct signing {
	const struct scheme_rules *rules;
	const struct scheme_key *key;
	struct scheme_request request; /* with what was added */
	struct scheme_header *headers;
	size_t n_given;
	char *own[OWN_MAX]; /* values of headers made here */
	size_t n_own;
	const char *id;
	char time_text[CLOCK_TEXT_SIZE];
	struct scheme_look look;
	char *error;
};

static int fault(struct signing *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
fault(struct signing *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->error, SCHEME_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return -1;
}

/* Add a header unless the request has it. */
static int
add_header(struct signing *s, const char *name, const char *value)
{
	if (scheme_look_count(&s->request, name) > 0)
		return 0;
	if (s->request.n_headers == s->n_given + ADDED_MAX)
		return fault(s, "too many headers");
	s->headers[s->request.n_headers++] =
	    (struct scheme_header){name, value};
	return 0;
}

static void
write_time(struct signing *s)
{
	int64_t now_ms = s->request.now_ms;

	if (s->rules->unit == SCHEME_UNIT_RFC3339)
		clock_format(now_ms, s->time_text);
	else
		(void)snprintf(s->time_text, sizeof(s->time_text), "%" PRId64,
		    s->rules->unit == SCHEME_UNIT_S ? now_ms / 1000 : now_ms);
}

/* The timestamp: a header gets one, another place has its own. */
static int
add_timestamp(struct signing *s)
{
	const struct scheme_places *places = &s->rules->timestamp;
	struct scheme_text *text = &s->look.timestamp;

	if (places->n == 0)
		return 0;
	write_time(s);
	if (places->v[0].kind == SCHEME_PLACE_HEADER &&
	    add_header(s, places->v[0].name, s->time_text))
		return -1;
	if (places->v[0].kind == SCHEME_PLACE_SIGNATURE) {
		text->p = s->time_text;
		text->len = strlen(s->time_text);
		return 0;
	}
	for (size_t i = 0; i < places->n; i++) {
		scheme_text_clear(text);
		if (scheme_look_at(&s->look, &places->v[i], text) == SCHEME_OK)
			return 0;
	}
	return fault(
	    s, "the request has no timestamp at %s", places->v[0].name);
}

/* The id goes into its header where the signature covers it. */
static int
add_id(struct signing *s, const char *id)
{
	const struct scheme_joins *joins = &s->rules->id;
	const struct scheme_place *place;

	if (joins->n == 0 || !id || *id == '\0')
		return 0;
	place = &joins->v[0].v[0];
	if (place->kind != SCHEME_PLACE_HEADER ||
	    !scheme_covers(s->rules, place))
		return 0;
	return add_header(s, place->name, id);
}

/* Headers that must have a value have it. */
static int
add_required(struct signing *s)
{
	const struct scheme_conditions *require = &s->rules->require;

	for (size_t i = 0; i < require->n; i++) {
		const struct scheme_condition *condition = &require->v[i];

		if (condition->place.kind == SCHEME_PLACE_HEADER &&
		    condition->value &&
		    add_header(s, condition->place.name, condition->value))
			return -1;
	}
	return 0;
}

/* Pairs of the signature's text that are signed: the param of that name, or
 * any word. */
static void
add_pairs(struct signing *s)
{
	const struct scheme_rules *rules = s->rules;

	for (size_t i = 0; i < rules->n_pairs; i++) {
		const char *value = "gaff";

		for (size_t k = rules->n_params; k-- > 0;)
			if (strcmp(rules->params[k].name, rules->pairs[i]) == 0)
				value = rules->params[k].value;
		s->look.pairs[i].p = value;
		s->look.pairs[i].len = strlen(value);
	}
}

/* ---- the signature ---- */

static int
sign_public(struct signing *s, struct buf *out)
{
	const EVP_MD *md = s->rules->kind == SCHEME_KIND_ED25519
			       ? NULL
			       : scheme_md(s->rules->hash);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf text = {0};
	const char *where = "";
	size_t len = 0;
	int rc = -1;

	if (!s->key->can_sign) {
		(void)fault(s, "a public key cannot sign: give the private "
			       "one in PEM");
		goto out;
	}
	if (scheme_look_fill(&s->look, s->look.template, scheme_sink_buf, &text,
		&where) != SCHEME_OK) {
		(void)fault(s, "the request has no %s, which is signed", where);
		goto out;
	}
	const unsigned char *p = (const unsigned char *)buf_str(&text);
	if (!ctx || !p ||
	    EVP_DigestSignInit(ctx, NULL, md, NULL, s->key->pkey) != 1 ||
	    EVP_DigestSign(ctx, NULL, &len, p, text.len) != 1 ||
	    buf_reserve(out, len) ||
	    EVP_DigestSign(ctx, (unsigned char *)out->p, &len, p, text.len) !=
		1) {
		(void)fault(s, "the key does not sign");
		goto out;
	}
	out->len = len;
	rc = 0;
out:
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	buf_clear(&text);
	return rc;
}

/* The hash to sign with: the scheme's own if the request may name it. */
static enum scheme_hash
choose_hash(const struct scheme_rules *rules)
{
	size_t hash = rules->hash;

	if (!rules->has_algorithms || rules->algorithms[hash])
		return rules->hash;
	for (hash = 0; hash < SCHEME_HASH__MAX; hash++)
		if (rules->algorithms[hash])
			break;
	return (enum scheme_hash)hash;
}

static int
sign_digest(struct signing *s, struct buf *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	enum scheme_hash hash = choose_hash(s->rules);
	const char *where = "";
	enum scheme_result result =
	    scheme_digest(&s->look, s->key, hash, digest, &where);

	if (result == SCHEME_ERROR)
		return fault(s, "the digest could not be made");
	if (result != SCHEME_OK)
		return fault(
		    s, "the request has no %s, which is signed", where);
	if (buf_add(out, digest, scheme_digest_len(s->rules, hash)))
		return fault(s, "no memory");
	return 0;
}

/* ---- tokens ---- */

static enum scheme_jwt_algorithm
token_algorithm(const struct signing *s)
{
	const EVP_PKEY *pkey = s->key->n_jwks > 0 ? s->key->jwks[0].pkey : NULL;
	size_t i = 0;

	for (; i < SCHEME_JWT__MAX; i++) {
		enum scheme_jwt_algorithm a = (enum scheme_jwt_algorithm)i;

		if (s->rules->jwt_algorithms[i] &&
		    (pkey ? scheme_jwt_fits(a, pkey) : scheme_jwt_is_hmac(a)))
			break;
	}
	return (enum scheme_jwt_algorithm)i;
}

/* `,"NAME":"VALUE"`, the value as the claim wants it; any other is the id. */
static int
put_claim(struct signing *s, const struct scheme_claim *claim, struct buf *out)
{
	struct buf value = {0};
	const char *where = "";
	int rc = 0;

	if (!claim->template)
		(void)buf_add_str(&value, s->id ? s->id : "gaff");
	else if (scheme_look_fill(&s->look, claim->template, scheme_sink_buf,
		     &value, &where) != SCHEME_OK)
		rc = fault(s, "the request has no %s, which is signed", where);
	if (rc == 0) {
		(void)buf_printf(out, ",\"%.*s\":\"",
		    (int)strcspn(claim->name, "|"), claim->name);
		(void)buf_add_json(out, value.p ? value.p : "", value.len);
		(void)buf_add_char(out, '"');
	}
	out->failed = out->failed || value.failed;
	buf_clear(&value);
	return rc;
}

/* The id, where that is a claim. */
static void
put_id(const struct signing *s, struct buf *out)
{
	const struct scheme_joins *joins = &s->rules->id;
	const struct scheme_place *place = &joins->v[0].v[0];

	if (joins->n == 0 || place->kind != SCHEME_PLACE_CLAIM || !s->id)
		return;
	for (size_t i = 0; i < s->rules->n_claims; i++)
		if (strcmp(s->rules->claims[i].name, place->name) == 0)
			return;
	(void)buf_printf(out, ",\"%s\":\"", place->name);
	(void)buf_add_json(out, s->id, strlen(s->id));
	(void)buf_add_char(out, '"');
}

static int
put_claims(struct signing *s, struct buf *out)
{
	static const char *const times[] = {"iat", "exp", "nbf"};
	int64_t now_s = s->request.now_ms / 1000;

	(void)buf_printf(out, "{\"iat\":%" PRId64 ",\"exp\":%" PRId64, now_s,
	    now_s + TOKEN_LIFE_S);
	for (size_t i = 0; i < s->rules->n_claims; i++) {
		const struct scheme_claim *claim = &s->rules->claims[i];
		size_t k = 0;

		while (k < 2 && strcmp(times[k], claim->name) != 0)
			k++;
		if (strcmp(times[2], claim->name) == 0)
			(void)buf_printf(out, ",\"nbf\":%" PRId64, now_s);
		else if (k == 2 && put_claim(s, claim, out))
			return -1;
	}
	put_id(s, out);
	return buf_add_char(out, '}');
}

/* A token (RFC 7519) with the claims that the scheme wants. */
static int
sign_token(struct signing *s, struct buf *out)
{
	struct scheme_jws jws = {.algorithm = token_algorithm(s)};
	struct buf header = {0}, claims = {0}, text = {0}, signature = {0};
	int rc = -1;

	if (s->rules->payload)
		return fault(s, "tokens whose payload is the request are not "
				"made here");
	if (s->key->n_jwks > 0 && !s->key->can_sign)
		return fault(s, "a public key cannot sign: give the private "
				"one in PEM");
	(void)buf_printf(&header, "{\"alg\":\"%s\",\"typ\":\"JWT\"}",
	    scheme_jwt_words[jws.algorithm]);
	if (put_claims(s, &claims))
		goto out;
	(void)codec_encode(CODEC_BASE64URL, header.p, header.len, &text);
	(void)buf_add_char(&text, '.');
	(void)codec_encode(CODEC_BASE64URL, claims.p, claims.len, &text);
	jws.text = buf_str(&text);
	jws.text_len = text.len;
	if (!jws.text || scheme_jws_sign(&jws, s->key, &signature) ||
	    buf_printf(out, "%s.", text.p) ||
	    codec_encode(CODEC_BASE64URL, signature.p, signature.len, out))
		rc = fault(s, "the key does not sign");
	else
		rc = 0;
out:
	buf_clear(&header);
	buf_clear(&claims);
	buf_clear(&text);
	buf_clear(&signature);
	return rc;
}

/* ---- message signatures ---- */

static int
add_made(void *arg, const char *name, const char *value)
{
	struct signing *s = arg;
	char *copy;

	if (scheme_look_count(&s->request, name) > 0)
		return 0;
	copy = s->n_own < OWN_MAX ? strdup(value) : NULL;
	if (!copy)
		return -1;
	s->own[s->n_own++] = copy;
	return add_header(s, name, copy);
}

static int
sign_message(struct signing *s, struct buf *out)
{
	const struct scheme_message_making making = {
	    s->rules, s->key, &s->look, add_made, s};
	const char *text = "";

	return scheme_message_make(&making, out, &text) ? fault(s, "%s", text)
							: 0;
}

/* ---- any ---- */

/* The bytes that prove the request, as text. */
static int
make_proof(struct signing *s, struct buf *out)
{
	const struct scheme_rules *rules = s->rules;
	struct buf bytes = {0};
	enum codec codec = rules->encoding;
	int rc;

	switch (rules->kind) {
	case SCHEME_KIND_TOKEN:
		return buf_add(out, s->key->p, s->key->len);
	case SCHEME_KIND_BASIC:
		return codec_encode(CODEC_BASE64, s->key->p, s->key->len, out);
	case SCHEME_KIND_HMAC:
	case SCHEME_KIND_HASH:
		rc = sign_digest(s, &bytes);
		break;
	case SCHEME_KIND_ED25519:
	case SCHEME_KIND_ECDSA:
	case SCHEME_KIND_RSA:
		rc = sign_public(s, &bytes);
		break;
	case SCHEME_KIND_JWT:
		return sign_token(s, out);
	case SCHEME_KIND_MESSAGE:
		return sign_message(s, out);
	case SCHEME_KIND_UNSET:
	case SCHEME_KIND_NONE:
	case SCHEME_KIND__MAX:
	default:
		return fault(s, "there is nothing to sign with");
	}
	if (rc == 0 && codec_encode(codec, bytes.p, bytes.len, out))
		rc = fault(s, "no memory");
	buf_clear(&bytes);
	return rc;
}

/* What stands before the proof: prefix, algorithm, or the pairs up to it. */
static void
put_before(
    const struct signing *s, const struct scheme_place *place, struct buf *out)
{
	const struct scheme_rules *rules = s->rules;
	bool has_time = rules->timestamp.n > 0 &&
			rules->timestamp.v[0].kind == SCHEME_PLACE_SIGNATURE;

	if (strcmp(place->name, "authorization") == 0) {
		const char *word = rules->kind == SCHEME_KIND_BASIC
				       ? "Basic"
				       : rules->auth_scheme;

		if (*word != '\0')
			(void)buf_printf(out, "%s ", word);
	}
	(void)buf_add_str(out, rules->prefix);
	if (rules->has_algorithms)
		(void)buf_printf(
		    out, "%s=", scheme_hash_words[choose_hash(rules)]);
	if (rules->list_separator != '\0' && has_time)
		(void)buf_printf(
		    out, "%s%c", s->time_text, rules->list_separator);
	if (rules->n_signature_keys == 0)
		return;
	if (has_time)
		(void)buf_printf(out, "%s%c%s%c", rules->timestamp.v[0].name,
		    rules->key_separator, s->time_text, rules->pair_separator);
	for (size_t i = 0; i < rules->n_pairs; i++)
		(void)buf_printf(out, "%s%c%s%c", rules->pairs[i],
		    rules->key_separator, s->look.pairs[i].p,
		    rules->pair_separator);
	(void)buf_printf(
	    out, "%s%c", rules->signature_keys[0], rules->key_separator);
}

/* Put everything into the request but the signature. */
static int
complete(struct signing *s, const char *id)
{
	scheme_look_init(&s->look, s->rules, &s->request);
	add_pairs(s);
	if (add_id(s, id) || add_required(s))
		return -1;
	return add_timestamp(s);
}

/* Hand the proof over; `place` says where it goes when that is no header. */
static void
tell_proof(const struct scheme_signing *signing, const char *place,
    const struct scheme_place *at, const char *value)
{
	if (at->kind == SCHEME_PLACE_HEADER)
		signing->fn(signing->arg, at->name, value);
	else
		signing->put(signing->arg, place, value);
}

static int
sign(struct signing *s, const struct scheme *scheme,
    const struct scheme_signing *signing)
{
	const struct scheme_place *place = &s->rules->signature.v[0];
	struct buf value = {0};
	int rc = -1;

	if (place->kind != SCHEME_PLACE_HEADER &&
	    (!signing->put || scheme_covers(s->rules, place)))
		return fault(s,
		    "the signature stands in the %s, not in a "
		    "header: this cannot be signed from outside",
		    place->kind == SCHEME_PLACE_QUERY ? "URL" : "body");
	if (complete(s, signing->id))
		goto out;
	put_before(s, place, &value);
	if (make_proof(s, &value))
		goto out;
	if (!buf_str(&value)) {
		(void)fault(s, "no memory");
		goto out;
	}
	for (size_t i = s->n_given; i < s->request.n_headers; i++)
		signing->fn(
		    signing->arg, s->headers[i].name, s->headers[i].value);
	tell_proof(
	    signing, scheme_value(scheme, "signature", 0), place, value.p);
	rc = 0;
out:
	scheme_look_clear(&s->look);
	buf_clear(&value);
	return rc;
}

int
scheme_sign(const struct scheme *scheme, const struct scheme_keys *keys,
    const struct scheme_signing *signing, char error[SCHEME_ERROR_SIZE])
{
	struct signing s = {.rules = scheme->rules, .error = error};
	const struct scheme_request *request = signing->request;
	int rc;

	if (s.rules->kind == SCHEME_KIND_NONE)
		return 0;
	if (!keys || keys->n == 0)
		return fault(&s, "there is no secret to sign with");
	s.key = &keys->v[0];
	s.n_given = request->n_headers;
	s.headers = calloc(s.n_given + ADDED_MAX, sizeof(*s.headers));
	if (!s.headers)
		return fault(&s, "no memory");
	for (size_t i = 0; i < s.n_given; i++)
		s.headers[i] = request->headers[i];
	s.request = *request;
	s.request.headers = s.headers;
	s.id = signing->id;
	rc = sign(&s, scheme, signing);
	for (size_t i = 0; i < s.n_own; i++)
		free(s.own[i]);
	free(s.headers);
	return rc;
}

/* Tell the headers of an id or type that has some: of several joined places
 * each has what stands between two dots of the text, the last one the rest; a
 * text with fewer dots stands in all that are left. */
static void
describe_joined(const struct scheme_joins *joins, const char *text,
    scheme_header_fn *fn, void *arg)
{
	const struct scheme_joined *joined = &joins->v[0];
	struct buf value = {0};

	if (joins->n == 0 || !text || *text == '\0')
		return;
	for (size_t i = 0; i < joined->n; i++) {
		size_t len =
		    i + 1 < joined->n ? strcspn(text, ".") : strlen(text);

		buf_reset(&value);
		if (joined->v[i].kind == SCHEME_PLACE_HEADER &&
		    buf_add(&value, text, len) == 0 && buf_str(&value))
			fn(arg, joined->v[i].name, buf_str(&value));
		text += text[len] == '.' ? len + 1 : 0;
	}
	buf_clear(&value);
}

void
scheme_describe_event(const struct scheme *scheme, const char *key,
    const char *type, scheme_header_fn *fn, void *arg)
{
	const struct scheme_rules *rules = scheme->rules;

	/* a signed id is added by scheme_sign() */
	if (rules->id.n > 0 && !scheme_covers(rules, &rules->id.v[0].v[0]))
		describe_joined(&rules->id, key, fn, arg);
	describe_joined(&rules->type, type, fn, arg);
}
