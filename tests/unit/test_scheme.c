/* Verifying and signing, and what refuses. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "../../shared/scheme.h"
#include "requests.h"
#include "support.h"

static void
test_round_trip_builtin(void **state)
{
	static const char *const names[] = {"github", "stripe", "slack",
	    "shopify", "standard-webhooks", "hmac", "token", "none"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		requests_round_trip(scheme_builtin(names[i]),
		    i == 4 ? "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
			   : "a secret of some length",
		    NULL);
	}
	requests_round_trip(scheme_builtin("basic"), "user:password", NULL);
	assert_null(scheme_builtin("nobody"));
}

/* Every section is whole, says where its rule comes from, and how far it was
 * checked. */
static void
test_every_builtin(void **state)
{
	static const char *const grades[] = {"official-vector", "sdk-vector",
	    "third-party-vector", "source-read", "generic", "weak"};
	const struct scheme *scheme;
	const char *name, *evidence;
	size_t i, k;

	(void)state;
	for (i = 0; (name = scheme_builtin_name(i)); i++) {
		scheme = scheme_builtin(name);
		assert_non_null(scheme);
		assert_ptr_equal(scheme_builtin(name), scheme);
		assert_string_equal(scheme_name(scheme), name);
		evidence = scheme_get(scheme, "evidence");
		for (k = 0; k < sizeof(grades) / sizeof(*grades); k++)
			if (evidence && strcmp(evidence, grades[k]) == 0)
				break;
		/* a generic one is nobody's in particular */
		if (k == sizeof(grades) / sizeof(*grades) ||
		    !scheme_get(scheme, "title") ||
		    (!scheme_get(scheme, "docs") &&
			strcmp(evidence, "generic") != 0))
			fail_msg("%s: title, docs or evidence", name);
	}
	assert_true(i > 180);
}

/* The other keys of the language, each in one scheme. */
static void
test_round_trip_language(void **state)
{
	static const char *const settings[][12] = {
	    {"kind=hash", "hash=sha1", "template={body}{timestamp}{secret}",
		"signature=header:x-s", "timestamp=header:x-t",
		"timestamp_unit=ms"},
	    {"kind=hmac", "hash=sha512", "signature=header:X-S",
		"template={method}{url}{url_no_query}{path}{path_query}{body}",
		"encoding=base64url"},
	    {"kind=hmac", "template=v1:{sha256hex_body}\\n{query:a}\\\\\\{x",
		"signature=header:authorization", "auth_scheme=HMAC"},
	    {"kind=hmac", "template={timestamp};{body}", "signature=header:s",
		"list_separator=comma", "timestamp=signature:0",
		"timestamp_unit=rfc3339"},
	    {"kind=hmac", "template={body}", "signature=header:s",
		"algorithm_prefix=sha384 sha512", "hash=sha512"},
	    {"kind=hmac", "template={body}", "signature=header:s",
		"algorithm_prefix=sha1 md5"},
	    {"kind=hmac", "template={param:who}{id}{body}", "param=who=me",
		"signature=header:s", "id=header:x-id", "key_signed=yes",
		"require=header:x-version=1", "secret_suffix=&"},
	    {"kind=hmac", "template={body}", "signature=header:s",
		"signature=header:s2", "candidates=all"},
	    {"kind=hmac", "template={timestamp}|{body}", "signature=header:s",
		"signature_key=s", "pair_separator=semicolon",
		"key_separator=colon", "timestamp=signature:t"},
	    {"kind=hmac", "template={json:/id}{body}", "signature=header:s",
		"prefix=x="},
	    {"kind=token", "signature=header:x-token"},
	    {"kind=token", "signature=header:authorization"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		struct scheme *scheme = requests_scheme(NULL, settings[i]);
		char error[SCHEME_ERROR_SIZE];

		if (scheme_check(scheme, error))
			fail_msg("%zu: %s", i, error);
		requests_round_trip(scheme, "a secret of some length", NULL);
		scheme_free(scheme);
	}
}

static char *
pem(EVP_PKEY *pkey, bool private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	char *copy;
	long len;

	if (private)
		assert_int_equal(PEM_write_bio_PrivateKey(
				     bio, pkey, NULL, NULL, 0, NULL, NULL),
		    1);
	else
		assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
	len = BIO_get_mem_data(bio, &text);
	copy = strndup(text, (size_t)len);
	BIO_free(bio);
	return copy;
}

/* Public keys: a private one signs, a public one verifies, and one of another
 * kind is refused when it is read. */
static void
test_public_keys(void **state)
{
	static const char *const settings[][6] = {
	    {"kind=ed25519", "template={body}", "signature=header:s",
		"encoding=base64"},
	    {"kind=ecdsa", "template={body}", "signature=header:s"},
	    {"kind=rsa", "template={body}", "signature=header:s",
		"secret_encoding=base64"},
	};
	EVP_PKEY *pkeys[] = {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
	    EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"),
	    EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048),
	    EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024),
	    EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384")};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct scheme *scheme = requests_scheme(NULL, settings[i]);

		for (size_t k = 0; k < 5; k++) {
			char *private = pem(pkeys[k], true);
			char *public = pem(pkeys[k], false);
			struct scheme_secret given = {
			    (unsigned char *)public, strlen(public)};
			char error[SCHEME_ERROR_SIZE] = "";

			if (k == i)
				requests_round_trip(scheme, private, public);
			else
				assert_null(
				    scheme_keys_new(scheme, &given, 1, error));
			assert_int_equal(*error != '\0', k != i);
			free(private);
			free(public);
		}
		scheme_free(scheme);
	}
	for (size_t k = 0; k < 5; k++)
		EVP_PKEY_free(pkeys[k]);
}

static void
test_public_cannot_sign(void **state)
{
	static const char *const settings[] = {"kind=ed25519",
	    "template={body}", "signature=header:s", "secret_encoding=hex",
	    NULL};
	struct scheme *scheme = requests_scheme(NULL, settings);
	struct scheme_keys *keys = requests_keys(scheme,
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	assert_int_equal(
	    scheme_sign(scheme, keys,
		&(const struct scheme_signing){
		    requests_begin(REQUESTS_BODY), NULL, requests_put, NULL},
		error),
	    -1);
	support_contains(error, "public key cannot sign");
	scheme_keys_free(keys);
	scheme_free(scheme);
}

/* ---- what refuses ---- */

static void
test_verdicts(void **state)
{
	static const char *const mac =
	    "94b0b7e1c5e9d2c7a3d1f0e4b6a8c9d00112233445566778899aabbccddeeff0";

	struct {
		const char *value;
		enum scheme_result result;
	} rows[] = {
	    {"sha256=zz", SCHEME_BAD_ENCODING},
	    {"sha256=", SCHEME_WRONG_LENGTH},
	    {"sha256=00", SCHEME_WRONG_LENGTH},
	    {"sha256=000", SCHEME_BAD_ENCODING},
	    {"sha1=00", SCHEME_BAD_FORMAT},
	    {"SHA256=00", SCHEME_BAD_FORMAT},
	    {"00", SCHEME_BAD_FORMAT},
	    {"", SCHEME_HEADER_MISSING},
	};
	const struct scheme *github = scheme_builtin("github");
	struct scheme_keys *keys = requests_keys(github, "secret of mine");
	struct scheme_verdict verdict;
	char text[REQUESTS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		requests_begin(REQUESTS_BODY);
		requests_put(NULL, "x-hub-signature-256", rows[i].value);
		assert_int_equal(requests_verify(github, keys), rows[i].result);
	}
	requests_begin(REQUESTS_BODY);
	(void)snprintf(text, sizeof(text), "sha256=%s", mac);
	requests_put(NULL, "x-hub-signature-256", text);
	assert_int_equal(
	    scheme_verify(github, keys, &requests_sent.request, &verdict),
	    SCHEME_MISMATCH);
	assert_string_equal(verdict.where, "x-hub-signature-256");
	assert_int_equal(verdict.secrets_tried, 1);
	assert_false(verdict.has_skew);
	requests_put(NULL, "x-hub-signature-256", text);
	assert_int_equal(requests_verify(github, keys), SCHEME_HEADER_TWICE);
	/* no keys verify nothing */
	assert_int_equal(requests_verify(github, NULL), SCHEME_ERROR);
	scheme_keys_free(keys);
}

/* Timestamps that are no plain number, and a list with two of them. */
static void
test_bad_timestamps(void **state)
{
	static const char *const values[] = {"t=,v1=00", "t=-1,v1=00",
	    "t=+1700000000,v1=00", "t= 1700000000,v1=00", "t=1.7e9,v1=00",
	    "t=1700000000x,v1=00", "t=0x10,v1=00",
	    "t=99999999999999999999,v1=00", "t=1,t=1700000000,v1=00",
	    "t=1700000000", "t=1700000000,v0=00", "v1", ",,", "t;v1"};
	const struct scheme *stripe = scheme_builtin("stripe");
	struct scheme_keys *keys = requests_keys(stripe, "whsec_test");

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		requests_begin(REQUESTS_BODY);
		requests_put(NULL, "stripe-signature", values[i]);
		if (requests_verify(stripe, keys) != SCHEME_BAD_FORMAT)
			fail_msg("%s", values[i]);
	}
	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "stripe-signature", "v1=00");
	assert_int_equal(requests_verify(stripe, keys), SCHEME_HEADER_MISSING);
	scheme_keys_free(keys);
}

/* Several signatures and unknown keys: one good v1 is enough, v0 is none. */
static void
test_stripe_rotation(void **state)
{
	const struct scheme *stripe = scheme_builtin("stripe");
	struct scheme_keys *keys = requests_keys(stripe, "whsec_test");
	char error[SCHEME_ERROR_SIZE];
	char good[REQUESTS_TEXT_MAX];
	char text[2 * REQUESTS_TEXT_MAX];

	(void)state;
	assert_int_equal(
	    scheme_sign(stripe, keys,
		&(const struct scheme_signing){
		    requests_begin(REQUESTS_BODY), NULL, requests_put, NULL},
		error),
	    0);
	(void)snprintf(good, sizeof(good), "%s",
	    strstr(requests_sent.headers[0].value, "v1=") + 3);

	requests_begin(REQUESTS_BODY);
	(void)snprintf(text, sizeof(text), "t=%d,v1=%064d,v1=xx, v1=%s ,v0=00",
	    REQUESTS_NOW_S, 0, good);
	requests_put(NULL, "stripe-signature", text);
	assert_int_equal(requests_verify(stripe, keys), SCHEME_OK);
	requests_begin(REQUESTS_BODY);
	(void)snprintf(
	    text, sizeof(text), "t=%d,v1=%064d,v0=%s", REQUESTS_NOW_S, 0, good);
	requests_put(NULL, "stripe-signature", text);
	assert_int_equal(requests_verify(stripe, keys), SCHEME_MISMATCH);
	scheme_keys_free(keys);
}

/* More signatures than may be: refused before any is tried. */
static void
test_many_signatures(void **state)
{
	const struct scheme *stripe = scheme_builtin("stripe");
	struct scheme_keys *keys = requests_keys(stripe, "whsec_test");
	struct buf text = {0};

	(void)state;
	(void)buf_printf(&text, "t=%d", REQUESTS_NOW_S);
	for (size_t i = 0; i < 33; i++)
		(void)buf_add_str(&text, ",v1=00");
	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "stripe-signature", buf_str(&text));
	assert_int_equal(requests_verify(stripe, keys), SCHEME_BAD_FORMAT);
	buf_clear(&text);
	scheme_keys_free(keys);
}

static void
test_tokens(void **state)
{
	static const char *const refused[] = {"Bearer secret",
	    "Bearer secrets!", "Bearer ", "Bearer", "secrets", "Basic secrets",
	    "Bearersecrets", "Bearer secret\xf3", "Bearer Secrets",
	    "Bearer secrets,"};
	const struct scheme *token = scheme_builtin("token");
	struct scheme_keys *keys = requests_keys(token, "secrets");

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		requests_begin(REQUESTS_BODY);
		requests_put(NULL, "authorization", refused[i]);
		if (requests_verify(token, keys) == SCHEME_OK)
			fail_msg("`%s` was accepted", refused[i]);
	}
	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "authorization", "bearer  secrets");
	assert_int_equal(requests_verify(token, keys), SCHEME_OK);
	scheme_keys_free(keys);
}

static void
test_basic(void **state)
{
	static const char *const settings[] = {"kind=basic", NULL};
	struct scheme *basic = requests_scheme("token", settings);
	struct scheme_keys *keys = requests_keys(basic, "user:pass");
	struct scheme_secret bad = {(const unsigned char *)"password", 8};
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "authorization", "Basic dXNlcjpwYXNz");
	assert_int_equal(requests_verify(basic, keys), SCHEME_OK);
	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "authorization", "Basic dXNlcjpwYXNt");
	assert_int_equal(requests_verify(basic, keys), SCHEME_BAD_TOKEN);
	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "authorization", "Basic !");
	assert_int_equal(requests_verify(basic, keys), SCHEME_BAD_ENCODING);
	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "authorization", "Bearer user:pass");
	assert_int_equal(requests_verify(basic, keys), SCHEME_BAD_FORMAT);
	assert_null(scheme_keys_new(basic, &bad, 1, error));
	support_contains(error, "user:password");
	scheme_keys_free(keys);
	scheme_free(basic);
}

/* Tokens in other places, and each of them there twice. */
static void
test_places(void **state)
{
	static const struct {
		const char *setting;
		const char *query;
		const char *body;
		enum scheme_result result;
	} rows[] = {
	    {"signature=query:t", "a=1&t=secrets", "{}", SCHEME_OK},
	    {"signature=query:t", "t=secrets&t=secrets", "{}",
		SCHEME_HEADER_TWICE},
	    {"signature=query:t", "t=", "{}", SCHEME_HEADER_MISSING},
	    {"signature=query:t", "", "{}", SCHEME_HEADER_MISSING},
	    {"signature=form:t", "", "t=secrets", SCHEME_OK},
	    {"signature=form:t", "", "t=secrets&t=x", SCHEME_HEADER_TWICE},
	    {"signature=form:t", "t=secrets", "{\"t\":1}",
		SCHEME_HEADER_MISSING},
	    {"signature=json:/t", "", "{\"t\":\"secrets\"}", SCHEME_OK},
	    {"signature=json:/t", "", "{\"t\":\"secrets\",\"t\":\"secrets\"}",
		SCHEME_HEADER_MISSING},
	    {"signature=json:/t", "", "{\"t\":{}}", SCHEME_HEADER_MISSING},
	    {"signature=json:/t", "", "{\"t\":\"secrets\"",
		SCHEME_HEADER_MISSING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *settings[] = {rows[i].setting, NULL};
		struct scheme *scheme = requests_scheme("token", settings);
		struct scheme_keys *keys = requests_keys(scheme, "secrets");

		requests_begin(rows[i].body);
		requests_sent.request.query = rows[i].query;
		if (requests_verify(scheme, keys) != rows[i].result)
			fail_msg("row %zu", i);
		scheme_keys_free(keys);
		scheme_free(scheme);
	}
}

/* ---- secrets ---- */

static void
refuse_secret(const struct scheme *scheme, const char *secret, const char *why)
{
	struct scheme_secret given = {
	    (const unsigned char *)secret, strlen(secret)};
	char error[SCHEME_ERROR_SIZE];

	assert_null(scheme_keys_new(scheme, &given, 1, error));
	support_contains(error, why);
	if (*secret != '\0')
		assert_null(strstr(error, secret));
}

static void
test_secrets(void **state)
{
	const struct scheme *standard = scheme_builtin("standard-webhooks");
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	refuse_secret(standard, "", "empty");
	refuse_secret(standard, "whsec_", "empty");
	refuse_secret(standard, "whsec_!!!notbase64", "base64 behind whsec_");
	refuse_secret(scheme_builtin("github"), "", "empty");
	refuse_secret(scheme_builtin("token"), "", "empty");
	assert_null(scheme_keys_new(standard, NULL, 0, error));
	support_contains(error, "no secret");
}

static void
test_no_secret_needed(void **state)
{
	const struct scheme *none = scheme_builtin("none");
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = scheme_keys_new(none, NULL, 0, error);

	(void)state;
	assert_non_null(keys);
	requests_begin(REQUESTS_BODY);
	assert_int_equal(requests_verify(none, keys), SCHEME_OK);
	assert_int_equal(requests_verify(none, NULL), SCHEME_OK);
	assert_true(scheme_is_none(none));
	assert_false(scheme_is_none(scheme_builtin("token")));
	scheme_keys_free(keys);
}

/* ---- no memory ---- */

static void
test_no_memory_build(void **state)
{
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	for (unsigned n = 1;; n++) {
		struct scheme *scheme;
		int rc = -1;

		support_fail_alloc(n);
		scheme = scheme_new("x", scheme_builtin("slack"));
		if (scheme)
			rc = scheme_set(scheme, "signature", "header:x", error);
		support_fail_alloc(0);
		scheme_free(scheme);
		if (rc == 0)
			break;
		assert_true(n < 1000);
	}
}

/* Without memory nothing is known, and nothing verified. */
static void
test_no_memory_verify(void **state)
{
	static const char *const names[] = {
	    "github", "stripe", "slack", "standard-webhooks", "basic"};
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct scheme *scheme = scheme_builtin(names[i]);
		struct scheme_keys *keys = requests_keys(
		    scheme, i == 3 ? "whsec_c2VjcmV0" : "user:pass");
		enum scheme_result result;

		assert_int_equal(scheme_sign(scheme, keys,
				     &(const struct scheme_signing){
					 requests_begin(REQUESTS_BODY), "m",
					 requests_put, NULL},
				     error),
		    0);
		for (unsigned n = 1;; n++) {
			struct scheme_facts facts;
			int rc;

			support_fail_alloc(n);
			result = requests_verify(scheme, keys);
			rc = result == SCHEME_OK
				 ? scheme_find(
				       scheme, &requests_sent.request, &facts)
				 : -1;
			support_fail_alloc(0);
			if (rc == 0) {
				scheme_facts_clear(&facts);
				break;
			}
			assert_true(
			    result == SCHEME_OK || result == SCHEME_ERROR);
			assert_true(n < 1000);
		}
		scheme_keys_free(keys);
	}
}

static void
test_no_memory_keys(void **state)
{
	struct scheme_secret secrets[] = {
	    {(const unsigned char *)"whsec_c2VjcmV0", 14},
	    {(const unsigned char *)"whsec_c2VjcmV1", 14}};
	struct scheme_keys *keys = NULL;
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	for (unsigned n = 1; !keys; n++) {
		support_fail_alloc(n);
		keys = scheme_keys_new(
		    scheme_builtin("standard-webhooks"), secrets, 2, error);
		support_fail_alloc(0);
		assert_true(n < 1000);
	}
	scheme_keys_free(keys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip_builtin),
	    cmocka_unit_test(test_every_builtin),
	    cmocka_unit_test(test_round_trip_language),
	    cmocka_unit_test(test_public_keys),
	    cmocka_unit_test(test_public_cannot_sign),
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_bad_timestamps),
	    cmocka_unit_test(test_stripe_rotation),
	    cmocka_unit_test(test_many_signatures),
	    cmocka_unit_test(test_tokens),
	    cmocka_unit_test(test_basic),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_secrets),
	    cmocka_unit_test(test_no_secret_needed),
	    cmocka_unit_test(test_no_memory_build),
	    cmocka_unit_test(test_no_memory_verify),
	    cmocka_unit_test(test_no_memory_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
