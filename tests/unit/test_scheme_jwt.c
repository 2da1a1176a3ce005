/* Tokens: every algorithm, what a token must not choose, claims and times. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "../../shared/codec.h"
#include "../../shared/scheme.h"
#include "../../shared/scheme_jwt.h"
#include "requests.h"
#include "support.h"

#define SECRET "a secret of some length, for tests"
#define EXP    "{\"exp\":1700000100}"

static EVP_PKEY *rsa, *small, *p256, *p384, *p521, *edwards;

static int
make_keys(void **state)
{
	(void)state;
	rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	p256 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	p521 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return edwards && p521 && p384 && p256 && small && rsa ? 0 : -1;
}

static int
free_keys(void **state)
{
	EVP_PKEY *all[] = {rsa, small, p256, p384, p521, edwards};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		EVP_PKEY_free(all[i]);
	return 0;
}

/* ---- making tokens ---- */

static const struct algorithm {
	const char *name;
	const EVP_MD *(*md)(void);
	EVP_PKEY **key; /* NULL: HMAC */
	bool pss;
} algorithms[] = {
    {"HS256", EVP_sha256, NULL, false},
    {"HS384", EVP_sha384, NULL, false},
    {"HS512", EVP_sha512, NULL, false},
    {"RS256", EVP_sha256, &rsa, false},
    {"RS384", EVP_sha384, &rsa, false},
    {"RS512", EVP_sha512, &rsa, false},
    {"PS256", EVP_sha256, &rsa, true},
    {"PS384", EVP_sha384, &rsa, true},
    {"PS512", EVP_sha512, &rsa, true},
    {"ES256", EVP_sha256, &p256, false},
    {"ES384", EVP_sha384, &p384, false},
    {"ES512", EVP_sha512, &p521, false},
    {"EdDSA", NULL, &edwards, false},
};

enum { N_ALGORITHMS = sizeof(algorithms) / sizeof(*algorithms) };

/* r and s as halves of the bytes, instead of DER. */
static size_t
from_der(EVP_PKEY *key, unsigned char *p, size_t len)
{
	const unsigned char *der = p;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
	int size = (EVP_PKEY_get_bits(key) + 7) / 8;

	assert_non_null(pair);
	BN_bn2binpad(ECDSA_SIG_get0_r(pair), p, size);
	BN_bn2binpad(ECDSA_SIG_get0_s(pair), p + size, size);
	ECDSA_SIG_free(pair);
	return 2 * (size_t)size;
}

static size_t
sign(const struct algorithm *a, const char *secret, const struct buf *text,
    unsigned char *out, bool der)
{
	const unsigned char *p = (const unsigned char *)text->p;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;
	unsigned mac_len;
	size_t len = 1024;

	if (!a->key) {
		EVP_MD_CTX_free(ctx);
		HMAC(a->md(), secret, (int)strlen(secret), p, text->len, out,
		    &mac_len);
		return mac_len;
	}
	assert_int_equal(EVP_DigestSignInit(
			     ctx, &how, a->md ? a->md() : NULL, NULL, *a->key),
	    1);
	if (a->pss) {
		EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST);
	}
	assert_int_equal(EVP_DigestSign(ctx, out, &len, p, text->len), 1);
	EVP_MD_CTX_free(ctx);
	if (EVP_PKEY_get_base_id(*a->key) == EVP_PKEY_EC && !der)
		len = from_der(*a->key, out, len);
	return len;
}

/* A new request with a token of this header and payload. */
static void
send(const struct algorithm *a, const char *secret, const char *header,
    const char *payload, bool der)
{
	unsigned char signature[1024];
	struct buf token = {0};
	struct buf value = {0};

	codec_encode(CODEC_BASE64URL, header, strlen(header), &token);
	buf_add_char(&token, '.');
	codec_encode(CODEC_BASE64URL, payload, strlen(payload), &token);
	size_t len = sign(a, secret, &token, signature, der);
	buf_add_char(&token, '.');
	codec_encode(CODEC_BASE64URL, signature, len, &token);
	buf_printf(&value, "Bearer %s", buf_str(&token));
	requests_begin("");
	requests_put(NULL, "authorization", buf_str(&value));
	buf_clear(&token);
	buf_clear(&value);
}

static void
send_by(const struct algorithm *a, const char *payload)
{
	char header[64];

	(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", a->name);
	send(a, SECRET, header, payload, false);
}

/* ---- verifying them ---- */

static struct scheme *
scheme_of(const char *algorithms_key, const char *a, const char *b)
{
	const char *settings[] = {"kind=jwt", "signature=header:authorization",
	    "auth_scheme=Bearer", "tolerance=10s", algorithms_key, a, b, NULL};

	return requests_scheme(NULL, settings);
}

#define ALL                                                                    \
	"algorithms=HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 "    \
	"ES256 ES384 ES512 EdDSA"

static enum scheme_result
verify(const char *secret, const char *algorithms_key, const char *claim)
{
	struct scheme *scheme = scheme_of(algorithms_key, claim, NULL);
	struct scheme_keys *keys = requests_keys(scheme, secret);
	enum scheme_result result = requests_verify(scheme, keys);

	scheme_keys_free(keys);
	scheme_free(scheme);
	return result;
}

static char *
pem_of(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *copy;
	long len;

	PEM_write_bio_PUBKEY(bio, key);
	len = BIO_get_mem_data(bio, &text);
	copy = strndup(text, (size_t)len);
	BIO_free(bio);
	return copy;
}

static void
add_member(struct buf *out, EVP_PKEY *key, const char *name, const char *param,
    int size)
{
	BIGNUM *number = NULL;
	unsigned char bytes[512];

	assert_int_equal(EVP_PKEY_get_bn_param(key, param, &number), 1);
	if (size == 0)
		size = BN_num_bytes(number);
	BN_bn2binpad(number, bytes, size);
	buf_printf(out, "\"%s\":\"", name);
	codec_encode(CODEC_BASE64URL, bytes, (size_t)size, out);
	buf_add_str(out, "\",");
	BN_free(number);
}

static void
add_jwk(struct buf *out, EVP_PKEY *key, const char *more)
{
	static const struct {
		int bits;
		const char *name;
	} curves[] = {{256, "P-256"}, {384, "P-384"}, {521, "P-521"}};

	int bits = EVP_PKEY_get_bits(key);
	unsigned char raw[32];
	size_t len = sizeof(raw);

	buf_add_str(out, out->len > 0 ? ",{" : "{");
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		add_member(out, key, "n", OSSL_PKEY_PARAM_RSA_N, 0);
		add_member(out, key, "e", OSSL_PKEY_PARAM_RSA_E, 0);
		buf_add_str(out, "\"kty\":\"RSA\"");
	} else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
		add_member(
		    out, key, "x", OSSL_PKEY_PARAM_EC_PUB_X, (bits + 7) / 8);
		add_member(
		    out, key, "y", OSSL_PKEY_PARAM_EC_PUB_Y, (bits + 7) / 8);
		for (size_t i = 0; i < 3; i++)
			if (curves[i].bits == bits)
				buf_printf(out, "\"kty\":\"EC\",\"crv\":\"%s\"",
				    curves[i].name);
	} else {
		EVP_PKEY_get_raw_public_key(key, raw, &len);
		buf_add_str(
		    out, "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
		codec_encode(CODEC_BASE64URL, raw, len, out);
		buf_add_str(out, "\"");
	}
	buf_printf(out, "%s}", more);
}

static char *
set_of(struct buf *keys)
{
	struct buf set = {0};

	buf_printf(&set, "{\"keys\":[%s]}", buf_str(keys));
	buf_clear(keys);
	return buf_take(&set);
}

static void
test_every_algorithm(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ALGORITHMS; i++) {
		const struct algorithm *a = &algorithms[i];
		struct buf keys = {0};
		char only[32];
		char *pem, *set;

		send_by(a, EXP);
		(void)snprintf(only, sizeof(only), "algorithms=%s", a->name);
		if (!a->key) {
			assert_int_equal(verify(SECRET, only, NULL), SCHEME_OK);
			assert_int_equal(
			    verify("another", ALL, NULL), SCHEME_MISMATCH);
			continue;
		}
		pem = pem_of(*a->key);
		assert_int_equal(verify(pem, only, NULL), SCHEME_OK);
		assert_int_equal(verify(pem, ALL, NULL), SCHEME_OK);
		add_jwk(&keys, *a->key, "");
		set = set_of(&keys);
		assert_int_equal(verify(set, only, NULL), SCHEME_OK);
		/* a JWK alone, too */
		set[strlen(set) - 2] = '\0';
		assert_int_equal(
		    verify(strchr(set + 1, '{'), only, NULL), SCHEME_OK);
		free(pem);
		free(set);
	}
}

/* Under a key each algorithm is refused but those of the key's own type. */
static void
test_no_confusion(void **state)
{
	EVP_PKEY *keys[] = {rsa, p256, p384, p521, edwards};

	(void)state;
	for (size_t k = 0; k < 5; k++) {
		char *pem = pem_of(keys[k]);

		for (size_t i = 0; i < N_ALGORITHMS; i++) {
			const struct algorithm *a = &algorithms[i];
			char header[64];

			(void)snprintf(header, sizeof(header),
			    "{\"alg\":\"%s\"}", a->name);
			/* an HMAC's secret here is the public key's text */
			send(a, pem, header, EXP, false);
			assert_int_equal(verify(pem, ALL, NULL),
			    a->key && *a->key == keys[k] ? SCHEME_OK
							 : SCHEME_NO_SUCH_KEY);
		}
		free(pem);
	}
}

static void
header(const char *text, enum scheme_result result)
{
	send(&algorithms[0], SECRET, text, EXP, false);
	assert_int_equal(
	    verify(SECRET, "algorithms=HS256 HS384", NULL), result);
}

static void
test_headers(void **state)
{
	(void)state;
	header("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", SCHEME_OK);
	header("{\"alg\":\"none\"}", SCHEME_BAD_FORMAT);
	header("{\"alg\":\"None\"}", SCHEME_BAD_FORMAT);
	header("{\"alg\":\"\"}", SCHEME_BAD_FORMAT);
	header("{\"alg\":\"hs256\"}", SCHEME_BAD_FORMAT);
	header("{\"alg\":\"HS256\\u0000\"}", SCHEME_BAD_FORMAT);
	header("{\"alg\":\"HS384\"}", SCHEME_WRONG_LENGTH);
	header("{\"alg\":\"HS512\"}", SCHEME_BAD_FORMAT);
	header("{\"alg\":[\"HS256\"]}", SCHEME_BAD_FORMAT);
	header("{\"alg\":\"HS256\",\"alg\":\"HS256\"}", SCHEME_BAD_FORMAT);
	header("{\"alg\":\"HS256\",\"kid\":7}", SCHEME_BAD_FORMAT);
	header("{\"alg\":\"HS256\",\"crit\":[\"b64\"]}", SCHEME_BAD_FORMAT);
	header("{\"alg\":\"HS256\",\"crit\":null}", SCHEME_BAD_FORMAT);
	header("{}", SCHEME_BAD_FORMAT);
	header("HS256", SCHEME_BAD_FORMAT);
}

static void
test_forms(void **state)
{
	static const char *const bad[] = {"Bearer", "Bearer a", "Bearer a.b",
	    "Bearer ..", "Bearer e30.e30.", "Bearer .e30.e30",
	    "Bearer e30.e30.e30.e30", "Bearer e30=.e30.e30",
	    "Bearer e30.e30.e30=", "Bearer e3 0.e30.e30"};
	struct buf long_one = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		requests_begin("");
		requests_put(NULL, "authorization", bad[i]);
		assert_int_not_equal(verify(SECRET, ALL, NULL), SCHEME_OK);
	}
	for (size_t i = 0; i <= SCHEME_JWT_MAX; i++)
		buf_add_char(&long_one, 'A');
	requests_begin("");
	requests_sent.request.n_headers = 1;
	requests_sent.headers[0] =
	    (struct scheme_header){"authorization", buf_str(&long_one)};
	memcpy(long_one.p, "Bearer ", 7);
	assert_int_equal(verify(SECRET, ALL, NULL), SCHEME_BAD_FORMAT);
	buf_clear(&long_one);
	/* DER where two halves are expected */
	send(&algorithms[9], "", "{\"alg\":\"ES256\"}", EXP, true);
	char *pem = pem_of(p256);
	assert_int_equal(verify(pem, ALL, NULL), SCHEME_WRONG_LENGTH);
	free(pem);
}

static void
by_kid(const char *set, const char *kid, enum scheme_result result)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "{\"alg\":\"ES256\"%s%s%s}",
	    *kid ? ",\"kid\":\"" : "", kid, *kid ? "\"" : "");
	send(&algorithms[9], "", text, EXP, false);
	assert_int_equal(verify(set, ALL, NULL), result);
}

static void
test_sets(void **state)
{
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	struct buf keys = {0};
	char *set;

	(void)state;
	add_jwk(&keys, other, ",\"kid\":\"1\"");
	add_jwk(
	    &keys, p256, ",\"kid\":\"2\",\"alg\":\"ES256\",\"use\":\"sig\"");
	add_jwk(&keys, rsa, ",\"kid\":\"2\"");
	buf_add_str(&keys, ",{\"kty\":\"new\"},7");
	set = set_of(&keys);
	by_kid(set, "2", SCHEME_OK);
	by_kid(set, "1", SCHEME_MISMATCH);
	by_kid(set, "3", SCHEME_NO_SUCH_KEY);
	by_kid(set, "", SCHEME_OK);
	free(set);
	add_jwk(&keys, p256, ",\"alg\":\"ES384\"");
	set = set_of(&keys);
	by_kid(set, "", SCHEME_NO_SUCH_KEY);
	free(set);
	EVP_PKEY_free(other);
}

static void
refuse_secret(char *secret, const char *algorithms_key)
{
	struct scheme *scheme = scheme_of(algorithms_key, NULL, NULL);
	struct scheme_secret given = {
	    (const unsigned char *)secret, strlen(secret)};
	char error[SCHEME_ERROR_SIZE];

	assert_null(scheme_keys_new(scheme, &given, 1, error));
	support_contains(error, "secret 1 is no ");
	scheme_free(scheme);
	free(secret);
}

static void
test_refused_secrets(void **state)
{
	struct buf keys = {0};

	(void)state;
	refuse_secret(pem_of(small), ALL);
	refuse_secret(pem_of(rsa), "algorithms=ES256");
	refuse_secret(pem_of(rsa), "algorithms=HS256");
	refuse_secret(strdup(SECRET), "algorithms=RS256 EdDSA");
	refuse_secret(strdup("-----BEGIN PUBLIC KEY-----\nx\n"), ALL);
	refuse_secret(strdup("{\"keys\":[]}"), ALL);
	refuse_secret(strdup("{\"keys\":7}"), ALL);
	refuse_secret(strdup("{"), ALL);
	refuse_secret(strdup("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\","
			     "\"y\":\"AA\"}"),
	    ALL);
	add_jwk(&keys, small, "");
	refuse_secret(set_of(&keys), ALL);
	add_jwk(&keys, rsa, ",\"use\":\"enc\"");
	refuse_secret(set_of(&keys), ALL);
	for (size_t i = 0; i <= SCHEME_JWKS_MAX; i++)
		add_jwk(&keys, p256, "");
	refuse_secret(set_of(&keys), ALL);
}

static void
payload(const char *text, const char *claim, enum scheme_result result)
{
	send_by(&algorithms[0], text);
	assert_int_equal(verify(SECRET, ALL, claim), result);
}

/* Now is 1700000000, the tolerance 10 s. */
static void
test_times(void **state)
{
	(void)state;
	payload("{\"exp\":1699999991}", NULL, SCHEME_OK);
	payload("{\"exp\":1699999990}", NULL, SCHEME_TOO_OLD);
	payload("{\"exp\":1699999991.9}", NULL, SCHEME_OK);
	payload("{\"nbf\":1700000010}", NULL, SCHEME_OK);
	payload("{\"nbf\":1700000011}", NULL, SCHEME_TOO_NEW);
	payload("{\"iat\":1700000010}", NULL, SCHEME_OK);
	payload("{\"iat\":1700000011}", NULL, SCHEME_TOO_NEW);
	payload("{\"iat\":1699999700}", "max_age=300s", SCHEME_OK);
	payload("{\"iat\":1699999699}", "max_age=300s", SCHEME_TOO_OLD);
	payload("{\"exp\":1800000000}", "max_age=300s", SCHEME_HEADER_MISSING);
	payload("{}", NULL, SCHEME_OK);
	payload("{}", "claim=exp", SCHEME_HEADER_MISSING);
	payload("{\"exp\":1,\"exp\":1800000000}", NULL, SCHEME_BAD_FORMAT);
	payload("{\"exp\":\"1800000000\"}", NULL, SCHEME_BAD_FORMAT);
	payload("{\"exp\":null}", NULL, SCHEME_BAD_FORMAT);
	payload("{\"exp\":18e8}", NULL, SCHEME_BAD_FORMAT);
	payload("{\"exp\":1.8e9}", NULL, SCHEME_BAD_FORMAT);
	payload("{\"exp\":-1}", NULL, SCHEME_BAD_FORMAT);
	payload("{\"exp\":99999999999999999999}", NULL, SCHEME_BAD_FORMAT);
	payload("no JSON", NULL, SCHEME_BAD_FORMAT);
}

static void
test_claims(void **state)
{
	(void)state;
	payload("{\"iss\":\"a\"}", "claim=iss=a", SCHEME_OK);
	payload("{\"iss\":\"ab\"}", "claim=iss=a", SCHEME_BAD_TOKEN);
	payload("{\"iss\":\"a=\"}", "claim=iss=a", SCHEME_BAD_TOKEN);
	payload("{\"iss\":[\"a\"]}", "claim=iss=a", SCHEME_BAD_FORMAT);
	payload(
	    "{\"iss\":\"a\",\"iss\":\"a\"}", "claim=iss=a", SCHEME_BAD_FORMAT);
	payload("{\"ok\":true}", "claim=ok=true", SCHEME_OK);
	payload("{\"ok\":false}", "claim=ok=true", SCHEME_BAD_TOKEN);
	/* a param that nobody has given matches nothing */
	payload("{\"aud\":\"\"}", "claim=aud={param:a}", SCHEME_BAD_TOKEN);
	payload("{\"aud\":\"x\"}", "claim=aud={param:a}", SCHEME_BAD_TOKEN);
}

/* A token for several (RFC 7519, section 4.1.3). */
static void
test_audiences(void **state)
{
	struct buf many = {0};

	(void)state;
	payload("{\"aud\":\"a\"}", "claim=aud=a", SCHEME_OK);
	payload("{\"aud\":[\"a\"]}", "claim=aud=a", SCHEME_OK);
	payload("{\"aud\":[\"b\",\"a\"]}", "claim=aud=a", SCHEME_OK);
	payload("{\"aud\":[{},[\"x\"],7,\"a\"]}", "claim=aud=a", SCHEME_OK);
	payload("{\"aud\":[\"b\",\"c\"]}", "claim=aud=a", SCHEME_BAD_TOKEN);
	payload("{\"aud\":[\"aa\",\"\"]}", "claim=aud=a", SCHEME_BAD_TOKEN);
	payload("{\"aud\":[]}", "claim=aud=a", SCHEME_BAD_TOKEN);
	payload("{\"aud\":[[\"a\"]]}", "claim=aud=a", SCHEME_BAD_FORMAT);
	payload("{\"aud\":{\"0\":\"a\"}}", "claim=aud=a", SCHEME_BAD_FORMAT);
	payload("{\"aud\":[\"\"]}", "claim=aud={param:a}", SCHEME_BAD_TOKEN);
	payload("{\"aud\":[\"b\"]}", "claim=aud", SCHEME_OK);
	/* the sixteen first are looked at */
	(void)buf_add_str(&many, "{\"aud\":[");
	for (int i = 0; i < 16; i++)
		(void)buf_add_str(&many, "\"b\",");
	(void)buf_add_str(&many, "\"a\"]}");
	payload(buf_str(&many), "claim=aud=a", SCHEME_BAD_TOKEN);
	buf_clear(&many);
}

static enum scheme_result
with_body(const char *text, const char *body, const char *claim)
{
	send_by(&algorithms[0], text);
	requests_sent.request.body = body;
	requests_sent.request.body_len = strlen(body);
	return verify(SECRET, ALL, claim);
}

static void
test_body_hash(void **state)
{
	static const char hex[] = "{\"h\":\"ba7816bf8f01cfea414140de5dae2223"
				  "b00361a396177a9cb410ff61f20015ad\"}";
	static const char padded[] =
	    "{\"h\":\"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=\"}";
	static const char plain[] =
	    "{\"h\":\"ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0\"}";

	(void)state;
	assert_int_equal(
	    with_body(hex, "abc", "claim=h={sha256hex_body}"), SCHEME_OK);
	assert_int_equal(with_body(hex, "abd", "claim=h={sha256hex_body}"),
	    SCHEME_BAD_TOKEN);
	assert_int_equal(
	    with_body(padded, "abc", "claim=h={sha256base64url_body}"),
	    SCHEME_OK);
	assert_int_equal(
	    with_body(plain, "abc", "claim=h={sha256base64_body}"), SCHEME_OK);
	assert_int_equal(with_body("{}", "abc", "claim=h={sha256hex_body}"),
	    SCHEME_HEADER_MISSING);
	/* `?`: an empty body needs no hash, any other does */
	assert_int_equal(
	    with_body("{}", "", "claim=h?={sha256hex_body}"), SCHEME_OK);
	assert_int_equal(with_body("{}", "a", "claim=h?={sha256hex_body}"),
	    SCHEME_HEADER_MISSING);
	assert_int_equal(
	    with_body(hex, "", "claim=h?={sha256hex_body}"), SCHEME_BAD_TOKEN);
}

static void
test_id_of_claim(void **state)
{
	struct scheme *scheme =
	    scheme_of(ALL, "id=claim:jti", "type=claim:event");
	struct scheme_facts facts;

	(void)state;
	send_by(&algorithms[0], "{\"jti\":\"7\",\"event\":\"a.b\"}");
	assert_int_equal(
	    scheme_find(scheme, &requests_sent.request, &facts), 0);
	assert_string_equal(buf_str(&facts.key), "7");
	assert_string_equal(buf_str(&facts.type), "a.b");
	assert_true(scheme_key_signed(scheme));
	scheme_facts_clear(&facts);
	send_by(&algorithms[0], "{\"jti\":[7]}");
	assert_int_equal(
	    scheme_find(scheme, &requests_sent.request, &facts), 0);
	assert_string_equal(buf_str(&facts.key), "");
	scheme_facts_clear(&facts);
	scheme_free(scheme);
}

static void
refuse(const char *a, const char *b, const char *sentence)
{
	const char *settings[] = {"signature=header:x", a, b, NULL};
	char error[SCHEME_ERROR_SIZE];
	struct scheme *scheme = requests_scheme(NULL, settings);

	assert_int_equal(scheme_check(scheme, error), -1);
	support_contains(error, sentence);
	scheme_free(scheme);
}

static void
test_refused_settings(void **state)
{
	(void)state;
	refuse("kind=jwt", NULL, "algorithms: missing");
	refuse("kind=token", "claim=exp", "for kind jwt");
	refuse("kind=token", "id=claim:jti", "kind jwt");
	refuse("kind=jwt", "template={body}", "signs nothing");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_algorithm),
	    cmocka_unit_test(test_no_confusion),
	    cmocka_unit_test(test_headers),
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_sets),
	    cmocka_unit_test(test_refused_secrets),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_claims),
	    cmocka_unit_test(test_audiences),
	    cmocka_unit_test(test_body_hash),
	    cmocka_unit_test(test_id_of_claim),
	    cmocka_unit_test(test_refused_settings),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
