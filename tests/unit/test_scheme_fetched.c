/* Keys that come from the network: which URLs may be asked, and what a scheme
 * makes of what its caller has of them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "../../shared/codec.h"
#include "../../shared/scheme_impl.h"
#include "requests.h"
#include "support.h"

#define URL "https://keys.example/set.json"

static EVP_PKEY *first, *second;

static int
make_keys(void **state)
{
	(void)state;
	first = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	second = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return first && second ? 0 : -1;
}

static int
free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(first);
	EVP_PKEY_free(second);
	return 0;
}

static void
encode(const void *p, size_t len, struct buf *out)
{
	assert_int_equal(codec_encode(CODEC_BASE64URL, p, len, out), 0);
	while (out->len > 0 && out->p[out->len - 1] == '=')
		out->len--;
}

/* ---- URLs ---- */

static void
test_url(void **state)
{
	static const char *const good[] = {"https://a/b", "https://a.b-c.d/",
	    "https://a:8443/x/y.json", "https://a/x.y/z~_-9",
	    "https://a/.well-known/jwks"};
	static const char *const bad[] = {"", "http://a/b", "https://a",
	    "https:///b", "https://A/b", "https://u@a/b", "https://a:/b",
	    "https://a:123456/b", "https://a..b/c", "https://.a/c",
	    "https://a./c", "https://a/b?c", "https://a/b#c", "https://a/%2e",
	    "https://a/../b", "https://a/b/..", "https://a/...", "https://a/.",
	    "https://a/./b", "https://a//b", "https://a/b\\c", "https://a/b c",
	    "https://a/\n", "HTTPS://a/b", "https://a:443@b/c",
	    "https://[::1]/a", "file:///etc/passwd"};
	char url[SCHEME_URL_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(scheme_is_url(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(scheme_is_url(bad[i]));
	memset(url, 'a', sizeof url);
	memcpy(url, "https://a/", 10);
	url[SCHEME_URL_MAX] = '\0';
	assert_true(scheme_is_url(url));
	url[SCHEME_URL_MAX] = 'a';
	url[SCHEME_URL_MAX + 1] = '\0';
	assert_false(scheme_is_url(url));
}

static void
test_from(void **state)
{
	static const char sns[] = "sns.*.amazonaws.com/*.pem";

	static const struct {
		const char *pattern, *url;
		bool matches;
	} rows[] = {
	    {sns, "https://sns.us-east-1.amazonaws.com/S-0a1.pem", true},
	    {sns, "https://sns.amazonaws.com/S.pem", false},
	    {sns, "https://sns.x.y.amazonaws.com/S.pem", false},
	    {sns, "https://sns.x.amazonaws.com.evil.example/S.pem", false},
	    {sns, "https://sns.x.amazonaws.com:8443/S.pem", false},
	    {sns, "https://evil.example/sns.x.amazonaws.com/S.pem", false},
	    {sns, "https://sns.evil.example/x.amazonaws.com/S.pem", false},
	    {sns, "https://sns.x.amazonaws.com/a/S.pem", false},
	    {sns, "https://sns.x.amazonaws.com/S.pem.exe", false},
	    {sns, "https://sns.x.amazonaws.com/S.pem?x=.pem", false},
	    {sns, "http://sns.x.amazonaws.com/S.pem", false},
	    {sns, "https://u@sns.x.amazonaws.com/S.pem", false},
	    {sns, "https://esns.x.amazonaws.com/S.pem", false},
	    {"a.example/*ab.c*d", "https://a.example/abab.cxdyd", true},
	    {"a.example/*ab.c*d", "https://a.example/abab.cxdye", false},
	    {"a.*.b.*.c/x", "https://a.b.b.b.c/x", true},
	    {"a.*.b.*.c/x", "https://a.b.b.c/x", false},
	    {"a.example/v1/*", "https://a.example/v1/CERT-1", true},
	    {"a.example/v1/*", "https://a.example/v1/x/y", false},
	    {"a.example/v1/*", "https://a.example/v1/..", false},
	    {"a.example/v1/*", "https://a.example/v2/x", false},
	    {"a.example/v1/*", "https://b.example/v1/x", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(
		    scheme_from_matches(rows[i].pattern, rows[i].url),
		    rows[i].matches);
}

/* ---- the language ---- */

static const char *const bearer[] = {"kind=jwt",
    "signature=header:authorization", "auth_scheme=Bearer",
    "algorithms=EdDSA ES256", "claim=exp", "keys_url=" URL, NULL};

static int
set(struct scheme *scheme, const char *key, const char *value)
{
	char error[SCHEME_ERROR_SIZE];

	return scheme_set(scheme, key, value, error);
}

static int
check(const struct scheme *scheme)
{
	char error[SCHEME_ERROR_SIZE];

	return scheme_check(scheme, error);
}

static void
test_language(void **state)
{
	struct scheme *scheme = requests_scheme(NULL, bearer);

	(void)state;
	assert_int_equal(check(scheme), 0);
	assert_true(scheme_fetches(scheme));
	assert_string_equal(scheme_keys_url(scheme, 0), URL);
	assert_null(scheme_keys_url(scheme, 1));
	assert_true(scheme_url_allowed(scheme, URL));
	assert_false(scheme_url_allowed(scheme, URL "x"));
	assert_false(scheme_url_allowed(scheme, ""));
	/* a param is put in, the request is not known yet */
	assert_int_equal(
	    set(scheme, "keys_url", "https://k.example/{param:tenant}/keys"),
	    0);
	assert_string_equal(scheme_wanted_param(scheme), "tenant");
	assert_int_equal(set(scheme, "param", "tenant=../x"), -1);
	assert_int_equal(set(scheme, "param", "tenant=t-1"), 0);
	assert_int_equal(
	    set(scheme, "keys_url", "https://k.example/{param:tenant}/keys"),
	    0);
	assert_true(scheme_url_allowed(scheme, "https://k.example/t-1/keys"));
	assert_int_equal(set(scheme, "keys_url", "https://k/{header:x}"), -1);
	assert_int_equal(set(scheme, "keys_url", "http://k/x"), -1);
	/* no HMAC under what everybody can read */
	assert_int_equal(set(scheme, "algorithms", "EdDSA HS256"), 0);
	assert_int_equal(check(scheme), -1);
	assert_int_equal(set(scheme, "keys_url", ""), 0);
	assert_int_equal(check(scheme), 0);
	assert_false(scheme_fetches(scheme));
	scheme_free(scheme);
}

static void
test_language_from(void **state)
{
	struct scheme *scheme = scheme_new("x", NULL);

	(void)state;
	assert_int_equal(set(scheme, "keys_from", "a.*.example/*.pem"), 0);
	assert_int_equal(set(scheme, "keys_from", "b.example/v1/*"), 0);
	assert_string_equal(scheme_keys_from(scheme, 0), "a.*.example/*.pem");
	assert_string_equal(scheme_keys_from(scheme, 1), "b.example/v1/*");
	assert_null(scheme_keys_from(scheme, 2));
	assert_true(scheme_url_allowed(scheme, "https://b.example/v1/1"));
	assert_false(scheme_url_allowed(scheme, "https://b.example/v2/1"));
	assert_int_equal(set(scheme, "keys_from", "a.example"), -1);
	assert_int_equal(set(scheme, "keys_from", "a.example:x/x"), -1);
	assert_int_equal(set(scheme, "keys_from", "a.example:8443/x"), 0);
	assert_true(scheme_url_allowed(scheme, "https://a.example:8443/x"));
	assert_false(scheme_url_allowed(scheme, "https://a.example/x"));
	assert_false(scheme_url_allowed(scheme, "https://b.example:8443/v1/1"));
	assert_int_equal(set(scheme, "keys_from", "https://a.example/x"), -1);
	assert_int_equal(set(scheme, "keys_from", "a.example/../x"), -1);
	scheme_free(scheme);
}

/* ---- verifying ---- */

/* A JWK set of a key under a name. */
static void
make_set(EVP_PKEY *key, const char *kid, struct buf *out)
{
	unsigned char raw[32];
	struct buf x = {0};
	size_t len = sizeof raw;

	assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &len), 1);
	encode(raw, len, &x);
	buf_printf(out,
	    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\","
	    "\"x\":\"%s\"}]}",
	    kid, buf_str(&x));
	buf_clear(&x);
}

static struct scheme_fetched *
fetched(EVP_PKEY *key, const char *kid)
{
	char error[SCHEME_ERROR_SIZE];
	struct scheme_fetched *result;
	struct buf text = {0};

	make_set(key, kid, &text);
	result = scheme_fetched_new(text.p, text.len, error);
	assert_non_null(result);
	buf_clear(&text);
	return result;
}

static void
send_token(EVP_PKEY *key, const char *kid, const char *payload)
{
	unsigned char signature[64];
	char header[128];
	struct buf token = {0};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = sizeof signature;

	(void)snprintf(
	    header, sizeof header, "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", kid);
	(void)buf_add_str(&token, "Bearer ");
	encode(header, strlen(header), &token);
	(void)buf_add_char(&token, '.');
	encode(payload, strlen(payload), &token);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	assert_int_equal(
	    EVP_DigestSign(ctx, signature, &len,
		(const unsigned char *)buf_str(&token) + 7, token.len - 7),
	    1);
	EVP_MD_CTX_free(ctx);
	(void)buf_add_char(&token, '.');
	encode(signature, len, &token);
	requests_begin("{}");
	requests_put(NULL, "authorization", buf_str(&token));
	buf_clear(&token);
}

/* What the caller of scheme_verify() has. */
static struct {
	struct scheme_fetched *has, *newer; /* of the URL */
	unsigned asked, asked_again;
} caller;

static struct scheme_fetched *
give(void *arg, const char *url, bool again)
{
	struct scheme_fetched *result = again ? caller.newer : caller.has;

	assert_ptr_equal(arg, &caller);
	assert_string_equal(url, URL);
	caller.asked++;
	caller.asked_again += again;
	return result ? scheme_fetched_ref(result) : NULL;
}

static enum scheme_result
verify(const struct scheme *scheme, const struct scheme_keys *keys)
{
	caller.asked = caller.asked_again = 0;
	requests_sent.request.fetch = give;
	requests_sent.request.fetch_arg = &caller;
	return requests_verify(scheme, keys);
}

static const char payload[] = "{\"exp\":1700000100}";

static void
test_verify(void **state)
{
	struct scheme *scheme = requests_scheme(NULL, bearer);
	struct scheme_fetched *old = fetched(first, "a");
	struct scheme_fetched *new = fetched(second, "b");
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = scheme_keys_new(scheme, NULL, 0, error);

	(void)state;
	assert_non_null(keys);
	send_token(first, "a", payload);
	caller.has = caller.newer = NULL;
	assert_int_equal(verify(scheme, keys), SCHEME_NO_KEY_YET);
	caller.has = old;
	assert_int_equal(verify(scheme, keys), SCHEME_OK);
	assert_int_equal(caller.asked_again, 0);
	/* a caller without keys is none that lets in */
	requests_sent.request.fetch = NULL;
	assert_int_equal(requests_verify(scheme, keys), SCHEME_NO_KEY_YET);
	/* forged under the known name: nothing newer is asked for */
	send_token(second, "a", payload);
	assert_int_equal(verify(scheme, keys), SCHEME_MISMATCH);
	assert_int_equal(caller.asked_again, 0);
	/* an unknown name */
	send_token(second, "b", payload);
	assert_int_equal(verify(scheme, keys), SCHEME_NO_KEY_YET);
	assert_int_equal(caller.asked_again, 1);
	caller.newer = old;
	assert_int_equal(verify(scheme, keys), SCHEME_NO_SUCH_KEY);
	caller.newer = new;
	assert_int_equal(verify(scheme, keys), SCHEME_OK);
	send_token(first, "b", payload);
	assert_int_equal(verify(scheme, keys), SCHEME_MISMATCH);
	scheme_fetched_unref(old);
	scheme_fetched_unref(new);
	scheme_keys_free(keys);
	scheme_free(scheme);
}

/* What is wrong without any key makes nobody fetch one. */
static void
test_garbage(void **state)
{
	static const char *const tokens[] = {"Bearer x", "Bearer a.b.c",
	    "Bearer eyJhbGciOiJub25lIn0.e30.eA",
	    "Bearer eyJhbGciOiJIUzI1NiJ9.e30.eA"};
	struct scheme *scheme = requests_scheme(NULL, bearer);
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = scheme_keys_new(scheme, NULL, 0, error);

	(void)state;
	caller.has = caller.newer = NULL;
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
		requests_begin("{}");
		requests_put(NULL, "authorization", tokens[i]);
		assert_int_not_equal(verify(scheme, keys), SCHEME_NO_KEY_YET);
		assert_int_equal(caller.asked_again, 0);
	}
	requests_begin("{}");
	assert_int_equal(verify(scheme, keys), SCHEME_HEADER_MISSING);
	assert_int_equal(caller.asked, 0);
	scheme_keys_free(keys);
	scheme_free(scheme);
}

/* With a secret nothing is fetched. */
static void
test_stand_in(void **state)
{
	struct scheme *scheme = requests_scheme(NULL, bearer);
	struct scheme_keys *keys;
	struct buf text = {0};

	(void)state;
	make_set(first, "a", &text);
	keys = requests_keys(scheme, buf_str(&text));
	send_token(first, "a", payload);
	assert_int_equal(verify(scheme, keys), SCHEME_OK);
	send_token(second, "b", payload);
	assert_int_equal(verify(scheme, keys), SCHEME_NO_SUCH_KEY);
	assert_int_equal(caller.asked, 0);
	buf_clear(&text);
	scheme_keys_free(keys);
	scheme_free(scheme);
}

static void
test_bytes(void **state)
{
	static const char *const bad[] = {"", "{}", "{\"keys\":[]}", "[1]",
	    "<html>", "-----BEGIN", "-----BEGIN PUBLIC KEY-----\n",
	    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}"};
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		error[0] = '\0';
		assert_null(scheme_fetched_new(bad[i], strlen(bad[i]), error));
		assert_true(error[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_url),
	    cmocka_unit_test(test_from),
	    cmocka_unit_test(test_language),
	    cmocka_unit_test(test_language_from),
	    cmocka_unit_test(test_verify),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_stand_in),
	    cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
