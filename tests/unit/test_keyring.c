/* Keys as a gateway has them: what a request gets, and what it waits for. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../fcgi/keyring.h"
#include "../../shared/clock.h"
#include "support.h"

#define URL "https://keys.example/set"
/* RFC 8037, A.2. */
#define SET                                                                    \
	"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"               \
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"

enum { HOUR_MS = 3600000, LONG_MS = 20000 };

static struct clock_fake now;

static void
pass(int64_t ms)
{
	now.boot_ms += ms;
	clock_set_fake(&now);
}

static int
open_keyring(void **state)
{
	now = (struct clock_fake){1795305600000, 1000000};
	clock_set_fake(&now);
	*state = keyring_new(1);
	return *state != NULL ? 0 : -1;
}

static int
close_keyring(void **state)
{
	clock_set_fake(NULL);
	keyring_free(*state);
	return 0;
}

static void
answer(struct keyring *keyring, enum wire_blob_status status, const char *bytes,
    int64_t age_ms)
{
	const struct wire_blob blob = {.how = WIRE_FETCH,
	    .name = URL,
	    .status = status,
	    .age_ms = age_ms,
	    .fresh_ms = HOUR_MS,
	    .error = "",
	    .bytes = bytes,
	    .len = strlen(bytes)};

	keyring_take(keyring, &blob);
}

/* What a new request gets, and whether it has something to wait for. */
static bool
gives(struct keyring *keyring, bool again, bool waited, bool *waits)
{
	struct keyring_want want = {.keyring = keyring, .waited = waited};
	struct scheme_fetched *fetched = keyring_give(&want, URL, again);
	bool given = fetched != NULL;

	*waits = want.url != NULL;
	scheme_fetched_unref(fetched);
	keyring_forget(&want);
	return given;
}

static void
test_first(void **state)
{
	struct keyring *keyring = *state;
	bool waits;

	/* a look alone is no wish */
	assert_false(gives(keyring, false, false, &waits));
	assert_false(waits);
	assert_false(gives(keyring, true, false, &waits));
	assert_true(waits);
	answer(keyring, WIRE_BLOB_HERE, SET, 0);
	assert_true(gives(keyring, false, false, &waits));
	assert_false(waits);
}

/* A request names a key that is not there. */
static void
test_unknown(void **state)
{
	struct keyring *keyring = *state;
	bool waits;

	assert_false(gives(keyring, true, false, &waits));
	answer(keyring, WIRE_BLOB_HERE, SET, 0);
	/* there may be newer ones */
	assert_false(gives(keyring, true, false, &waits));
	assert_true(waits);
	/* whoever has waited takes what there is */
	assert_true(gives(keyring, true, true, &waits));
	answer(keyring, WIRE_BLOB_HERE, SET, 0);
	/* a moment later there are none */
	pass(KEYRING_AGAIN_MS - 1);
	assert_true(gives(keyring, true, false, &waits));
	assert_false(waits);
	pass(1);
	assert_false(gives(keyring, true, false, &waits));
	assert_true(waits);
	/* nobody could look: then nothing is known */
	answer(keyring, WIRE_BLOB_FAILED, SET, HOUR_MS);
	assert_false(gives(keyring, true, true, &waits));
	assert_false(gives(keyring, true, false, &waits));
	assert_false(waits);
	assert_true(gives(keyring, false, false, &waits));
}

static void
test_failed(void **state)
{
	struct keyring *keyring = *state;
	bool waits;

	assert_false(gives(keyring, true, false, &waits));
	answer(keyring, WIRE_BLOB_FAILED, "", 0);
	pass(KEYRING_FAILED_MS - 1);
	assert_false(gives(keyring, true, false, &waits));
	assert_false(waits);
	pass(1);
	assert_false(gives(keyring, true, false, &waits));
	assert_true(waits);
	/* old ones do for who has none */
	answer(keyring, WIRE_BLOB_FAILED, SET, HOUR_MS);
	assert_true(gives(keyring, false, false, &waits));
	/* bytes that are no keys do not drive them out */
	answer(keyring, WIRE_BLOB_HERE, "<html>", 0);
	assert_true(gives(keyring, false, false, &waits));
	/* two days are the end */
	pass(WIRE_BLOB_OLD_MS - HOUR_MS - 1);
	assert_true(gives(keyring, false, false, &waits));
	pass(1);
	assert_false(gives(keyring, false, false, &waits));
}

/* Many URLs that requests name do not drive out those of the configuration. */
static void
test_many(void **state)
{
	struct keyring *keyring = *state;
	struct config_source source = {.name = NULL};
	const struct config config = {.sources = &source, .n_sources = 1};
	char error[SCHEME_ERROR_SIZE];
	struct scheme *scheme = scheme_new("x", NULL);
	char url[64];
	bool waits;

	assert_int_equal(scheme_set(scheme, "keys_url", URL, error), 0);
	source.scheme = scheme;
	keyring_use(keyring, &config);
	answer(keyring, WIRE_BLOB_HERE, SET, 0);
	for (int i = 0; i < 3 * KEYRING_URLS_MAX; i++) {
		struct keyring_want want = {.keyring = keyring};

		(void)snprintf(url, sizeof url, "https://k.example/%d", i);
		pass(1);
		assert_null(keyring_give(&want, url, true));
		keyring_forget(&want);
	}
	assert_true(gives(keyring, false, false, &waits));
	/* with a secret of its own nothing is wanted */
	source.n_secrets = 1;
	keyring_use(keyring, &config);
	for (int i = 0; i < 3 * KEYRING_URLS_MAX; i++) {
		struct keyring_want want = {.keyring = keyring};
		const struct wire_blob blob = {.name = url,
		    .error = "",
		    .bytes = SET,
		    .len = sizeof SET - 1};

		(void)snprintf(url, sizeof url, "https://l.example/%d", i);
		pass(1);
		assert_null(keyring_give(&want, url, true));
		keyring_take(keyring, &blob);
		keyring_forget(&want);
	}
	assert_false(gives(keyring, false, false, &waits));
	scheme_free(scheme);
}

/* ---- waiting ---- */

static void *
answer_soon(void *keyring)
{
	answer(keyring, WIRE_BLOB_HERE, SET, 0);
	return NULL;
}

static void
test_wait(void **state)
{
	struct keyring *keyring = *state;
	struct keyring_want want = {.keyring = keyring};
	pthread_t thread;

	assert_null(keyring_give(&want, URL, true));
	assert_false(keyring_wait(&want, now.boot_ms));
	assert_true(want.waited);
	assert_int_equal(
	    pthread_create(&thread, NULL, answer_soon, keyring), 0);
	/* whether it comes before or behind */
	assert_true(keyring_wait(&want, now.boot_ms + LONG_MS));
	assert_int_equal(pthread_join(thread, NULL), 0);
	keyring_forget(&want);
}

#define TEST(test)                                                             \
	cmocka_unit_test_setup_teardown(test, open_keyring, close_keyring)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_first),
	    TEST(test_unknown),
	    TEST(test_failed),
	    TEST(test_many),
	    TEST(test_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
