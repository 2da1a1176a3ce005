/* Providers with several schemes: which one decides, and that it does alone. */

#include <string.h>

#include "../../shared/scheme.h"
#include "requests.h"
#include "support.h"

#define SIGNING_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define TOKEN          "no base64, but a token"

static const char *const signing[] = {"kind=hmac", "template={body}",
    "signature=header:x-signature", "secret_encoding=base64",
    "secret_prefix=whsec_", "encoding=hex", "id=json:/id", "also=token", NULL};
static const char *const token[] = {
    "kind=token", "signature=header:x-token", "id=header:x-id", NULL};

static struct scheme *other;

static const struct scheme *
look_up(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "token") == 0 ? other : NULL;
}

static struct scheme *
linked(void)
{
	struct scheme *scheme = requests_scheme(NULL, signing);
	char error[SCHEME_ERROR_SIZE];

	other = requests_scheme(NULL, token);
	assert_int_equal(scheme_link(scheme, look_up, NULL, error), 0);
	scheme_free(other);
	return scheme;
}

static struct scheme_keys *
open_keys(const struct scheme *scheme, const char *a, const char *b,
    char error[SCHEME_ERROR_SIZE])
{
	const struct scheme_secret secrets[] = {
	    {(const unsigned char *)a, strlen(a)},
	    {(const unsigned char *)b, strlen(b)}};

	return scheme_keys_new(scheme, secrets, *b != '\0' ? 2 : 1, error);
}

/* Sign the request with the first scheme. */
static void
sign(const struct scheme *scheme, const struct scheme_keys *keys)
{
	const struct scheme_signing signing_of = {
	    &requests_sent.request, NULL, requests_put, NULL};
	char error[SCHEME_ERROR_SIZE];

	if (scheme_sign(scheme, keys, &signing_of, error))
		fail_msg("%s", error);
}

static const struct scheme *
expect(const struct scheme *scheme, const struct scheme_keys *keys,
    enum scheme_result result)
{
	struct scheme_verdict verdict;

	assert_int_equal(
	    scheme_verify(scheme, keys, &requests_sent.request, &verdict),
	    result);
	assert_int_equal(verdict.result, result);
	return verdict.scheme;
}

static void
test_first_there_decides(void **state)
{
	struct scheme *scheme = linked();
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys =
	    open_keys(scheme, TOKEN, SIGNING_SECRET, error);

	(void)state;
	assert_non_null(keys);
	(void)requests_begin(REQUESTS_BODY);
	sign(scheme, keys);
	assert_ptr_equal(expect(scheme, keys, SCHEME_OK), scheme);

	(void)requests_begin(REQUESTS_BODY);
	requests_put(NULL, "x-token", TOKEN);
	assert_ptr_not_equal(expect(scheme, keys, SCHEME_OK), scheme);

	/* a good token does not heal a bad signature */
	requests_put(NULL, "x-signature",
	    "00000000000000000000000000000000"
	    "00000000000000000000000000000000");
	(void)expect(scheme, keys, SCHEME_MISMATCH);

	(void)requests_begin(REQUESTS_BODY);
	assert_ptr_equal(expect(scheme, keys, SCHEME_HEADER_MISSING), scheme);
	scheme_keys_free(keys);
	scheme_free(scheme);
}

/* Who has only a token configured does not stumble over a signature. */
static void
test_without_its_secret(void **state)
{
	struct scheme *scheme = linked();
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = open_keys(scheme, TOKEN, "", error);

	(void)state;
	assert_non_null(keys);
	(void)requests_begin(REQUESTS_BODY);
	requests_put(NULL, "x-signature", "00");
	requests_put(NULL, "x-token", TOKEN);
	assert_ptr_not_equal(expect(scheme, keys, SCHEME_OK), scheme);
	(void)requests_begin(REQUESTS_BODY);
	requests_put(NULL, "x-token", "another token, as long");
	(void)expect(scheme, keys, SCHEME_BAD_TOKEN);
	(void)requests_begin(REQUESTS_BODY);
	(void)expect(scheme, keys, SCHEME_HEADER_MISSING);
	scheme_keys_free(keys);
	scheme_free(scheme);
}

/* Id and type are found by the rules of the one that decided. */
static void
test_its_own_id(void **state)
{
	struct scheme *scheme = linked();
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = open_keys(scheme, TOKEN, "", error);
	const struct scheme *decided;
	struct scheme_facts facts;

	(void)state;
	(void)requests_begin(REQUESTS_BODY);
	requests_put(NULL, "x-token", TOKEN);
	requests_put(NULL, "x-id", "its own");
	decided = expect(scheme, keys, SCHEME_OK);
	assert_int_equal(
	    scheme_find(decided, &requests_sent.request, &facts), 0);
	assert_string_equal(buf_str(&facts.key), "its own");
	assert_true(scheme_key_signed(scheme));
	assert_false(scheme_key_signed(decided));
	scheme_facts_clear(&facts);
	scheme_keys_free(keys);
	scheme_free(scheme);
}

/* A copy is linked like its original, and hides the proofs of all. */
static void
test_copy_and_hide(void **state)
{
	struct scheme *scheme = linked();
	struct scheme *copy = scheme_new("copy", scheme);

	(void)state;
	scheme_free(scheme);
	assert_true(scheme_hides_header(copy, "x-signature"));
	assert_true(scheme_hides_header(copy, "x-token"));
	assert_false(scheme_hides_header(copy, "x-id"));
	scheme_free(copy);
}

static void
test_useless_secret(void **state)
{
	static const char *const strict[] = {"kind=ed25519", "template={body}",
	    "signature=header:x-signature", "secret_encoding=hex", "also=token",
	    NULL};
	static const char *const basic[] = {
	    "kind=basic", "signature=header:authorization", NULL};
	struct scheme *scheme = requests_scheme(NULL, strict);
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys;

	(void)state;
	other = requests_scheme(NULL, basic);
	assert_int_equal(scheme_link(scheme, look_up, NULL, error), 0);
	keys = open_keys(scheme, "user:password", "", error);
	assert_non_null(keys);
	scheme_keys_free(keys);
	assert_null(open_keys(scheme, "user:password", "nothing", error));
	assert_string_equal(error, "secret 2 is not hex");
	scheme_free(other);
	scheme_free(scheme);
}

static void
test_bad_links(void **state)
{
	static const char *const none[] = {"kind=none", NULL};
	struct scheme *scheme = requests_scheme(NULL, signing);
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	other = NULL;
	assert_int_equal(scheme_link(scheme, look_up, NULL, error), -1);
	assert_non_null(strstr(error, "also: `token`"));
	other = requests_scheme(NULL, none);
	assert_int_equal(scheme_link(scheme, look_up, NULL, error), -1);
	scheme_free(other);
	other = linked();
	assert_int_equal(scheme_link(scheme, look_up, NULL, error), -1);
	scheme_free(other);
	scheme_free(scheme);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_first_there_decides),
	    cmocka_unit_test(test_without_its_secret),
	    cmocka_unit_test(test_its_own_id),
	    cmocka_unit_test(test_copy_and_hide),
	    cmocka_unit_test(test_useless_secret),
	    cmocka_unit_test(test_bad_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
