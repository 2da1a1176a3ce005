/*
 * Tokens.  "raw", a token and a body a line each; or "sign", the header, the
 * payload, which are signed here, and a body.  What passes has the HMAC that
 * OpenSSL makes of its first two parts, names that algorithm and no other, and
 * has not run out; under a public key nothing of it passes.
 */

#include <stdio.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../../shared/codec.h"
#include "../../shared/scheme.h"
#include "fuzz.h"

enum { NOW_S = 1700000000, TOLERANCE_S = 60 };

static const char secret[] = "it is no secret";
static const char public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"
    "-----END PUBLIC KEY-----\n";

static void
add_signature(struct buf *token)
{
	unsigned char mac[32];
	unsigned n;

	FUZZ_MUST(
	    HMAC(EVP_sha256(), secret, (int)strlen(secret),
		(const unsigned char *)token->p, token->len, mac, &n) != NULL);
	(void)buf_add_char(token, '.');
	(void)codec_encode(CODEC_BASE64URL, mac, n, token);
}

/* ---- what a token that passed must be ---- */

static json_t *
part(const char *p, size_t len)
{
	struct buf bytes = {0};
	json_t *json;

	FUZZ_MUST(codec_decode(CODEC_BASE64URL, p, len, &bytes) == 0);
	/* numbers of any size and halves of surrogates are JSON, too */
	json = json_loadb(
	    bytes.p, bytes.len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
	buf_clear(&bytes);
	return json;
}

static void
check(const char *token)
{
	const char *first = strchr(token, '.'), *last = strrchr(token, '.');
	struct buf again = {0};
	json_t *header, *payload, *exp;

	FUZZ_MUST(first != NULL && last != first);
	(void)buf_add(&again, token, (size_t)(last - token));
	add_signature(&again);
	FUZZ_MUST(strcmp(buf_str(&again), token) == 0);
	header = part(token, (size_t)(first - token));
	payload = part(first + 1, (size_t)(last - first - 1));
	if (header)
		FUZZ_MUST(
		    strcmp(json_string_value(json_object_get(header, "alg")),
			"HS256") == 0 &&
		    !json_object_get(header, "crit"));
	exp = json_object_get(payload, "exp");
	if (payload)
		FUZZ_MUST(json_is_number(exp) &&
			  json_number_value(exp) + TOLERANCE_S > NOW_S);
	json_decref(header);
	json_decref(payload);
	buf_clear(&again);
}

/* ---- trying ---- */

static struct scheme *
new_scheme(const char *algorithms)
{
	static const char *const rows[][2] = {{"kind", "jwt"},
	    {"signature", "header:authorization"}, {"auth_scheme", "Bearer"},
	    {"claim", "exp"}, {"claim", "sha256?={sha256hex_body}"},
	    {"tolerance", "60s"}, {"id", "claim:jti"}};
	struct scheme *scheme = scheme_new("x", NULL);
	char error[SCHEME_ERROR_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		FUZZ_MUST(
		    scheme_set(scheme, rows[i][0], rows[i][1], error) == 0);
	FUZZ_MUST(scheme_set(scheme, "algorithms", algorithms, error) == 0);
	return scheme;
}

/* A scheme and its key, made once. */
struct pair {
	const char *algorithms, *key;
	struct scheme *scheme;
	struct scheme_keys *keys;
};

static struct pair shared = {"HS256", secret, NULL, NULL};
static struct pair owned = {"HS256 EdDSA", public, NULL, NULL};

static void
open_pair(struct pair *pair)
{
	const struct scheme_secret given = {
	    (const unsigned char *)pair->key, strlen(pair->key)};
	char error[SCHEME_ERROR_SIZE];

	if (pair->scheme)
		return;
	pair->scheme = new_scheme(pair->algorithms);
	pair->keys = scheme_keys_new(pair->scheme, &given, 1, error);
	FUZZ_MUST(pair->keys != NULL);
}

static enum scheme_result
verify(struct pair *pair, const char *token, const char *body)
{
	struct buf value = {0};
	struct scheme_header header = {"authorization", NULL};
	struct scheme_request request = {
	    .method = "POST",
	    .url = "",
	    .path = "/x",
	    .query = "",
	    .content_type = "application/json",
	    .headers = &header,
	    .n_headers = 1,
	    .body = body,
	    .body_len = strlen(body),
	    .now_ms = INT64_C(1000) * NOW_S,
	};
	struct scheme_verdict verdict;
	struct scheme_facts facts;
	enum scheme_result result;

	open_pair(pair);
	(void)buf_printf(&value, "Bearer %s", token);
	header.value = buf_str(&value);
	result = scheme_verify(pair->scheme, pair->keys, &request, &verdict);
	if (result == SCHEME_OK) {
		FUZZ_MUST(scheme_find(pair->scheme, &request, &facts) == 0);
		scheme_facts_clear(&facts);
	}
	buf_clear(&value);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text;
	const char *mode = strsep(&rest, "\n");
	const char *first = rest ? strsep(&rest, "\n") : "";
	struct buf token = {0};

	if (strcmp(mode, "sign") == 0) {
		const char *second = rest ? strsep(&rest, "\n") : "";

		(void)codec_encode(
		    CODEC_BASE64URL, first, strlen(first), &token);
		(void)buf_add_char(&token, '.');
		(void)codec_encode(
		    CODEC_BASE64URL, second, strlen(second), &token);
		add_signature(&token);
	} else {
		/* blanks before it are no part of it */
		(void)buf_add_str(&token, first + strspn(first, " "));
	}
	if (verify(&shared, buf_str(&token), rest ? rest : "") == SCHEME_OK)
		check(token.p);
	FUZZ_MUST(verify(&owned, token.p, rest ? rest : "") != SCHEME_OK);
	buf_clear(&token);
	free(text);
	return 0;
}
