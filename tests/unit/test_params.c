/* The CGI variables of a request, split. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../fcgi/params.h"
#include "support.h"

static enum params_result
read_all(struct params *params, const char *const *envp)
{
	return params_read(params, (char *const *)(uintptr_t)envp);
}

static void
test_known_and_headers(void **state)
{
	static const char *const envp[] = {"REQUEST_METHOD=POST",
	    "REQUEST_URI=/hooks/a?b=c", "CONTENT_LENGTH=7",
	    "CONTENT_TYPE=application/json", "REMOTE_ADDR=192.0.2.1",
	    "HTTPS=on", "HTTP_X_HUB_SIGNATURE_256=sha256=ab",
	    "HTTP_EMPTY=", "SERVER_SOFTWARE=x", "HTTP_NO_VALUE", NULL};
	struct params params;

	(void)state;
	assert_int_equal(read_all(&params, envp), PARAMS_OK);
	assert_string_equal(params.known[PARAM_METHOD], "POST");
	assert_string_equal(params.known[PARAM_URI], "/hooks/a?b=c");
	assert_string_equal(params.known[PARAM_LENGTH], "7");
	assert_string_equal(params.known[PARAM_REMOTE], "192.0.2.1");
	assert_string_equal(params.known[PARAM_HTTPS], "on");
	assert_string_equal(params.known[PARAM_SCHEME], "");
	assert_string_equal(
	    params_header(&params, "x-hub-signature-256"), "sha256=ab");
	assert_string_equal(params_header(&params, "empty"), "");
	assert_string_equal(params_header(&params, "no-value"), "");
	assert_string_equal(
	    params_header(&params, "content-type"), "application/json");
	assert_string_equal(params_header(&params, "content-length"), "7");
	assert_null(params_header(&params, "server-software"));
	params_clear(&params);
}

/* nginx passes a header that came twice as two variables. */
static void
test_header_twice_stays(void **state)
{
	static const char *const envp[] = {
	    "HTTP_X_SIG=a", "HTTP_X_SIG=b", "HTTP_CONTENT_TYPE=x", NULL};
	struct params params;

	(void)state;
	assert_int_equal(read_all(&params, envp), PARAMS_OK);
	assert_int_equal(params.n_headers, 2);
	assert_string_equal(params.headers[0].value, "a");
	assert_string_equal(params.headers[1].value, "b");
	assert_string_equal(params.headers[1].name, "x-sig");
	params_clear(&params);
}

static void
test_known_twice_is_refused(void **state)
{
	static const char *const twice[] = {"REQUEST_METHOD=POST",
	    "REQUEST_URI=/", "CONTENT_LENGTH=1", "CONTENT_TYPE=a",
	    "REMOTE_ADDR=::1", "HTTPS=on", "REQUEST_SCHEME=http",
	    "HTTP_HOST=a"};

	(void)state;
	for (size_t i = 0; i < sizeof twice / sizeof *twice; i++) {
		const char *const envp[] = {twice[i], "A=b", twice[i], NULL};
		struct params params;

		assert_int_equal(read_all(&params, envp), PARAMS_TWICE);
		assert_int_equal(params.n_headers, 0);
		assert_string_equal(params.known[PARAM_URI], "");
		params_clear(&params);
	}
}

static void
test_too_many(void **state)
{
	const char *envp[PARAMS_MAX + 2];
	struct params params;

	(void)state;
	for (size_t i = 0; i <= PARAMS_MAX; i++)
		envp[i] = "HTTP_X=y";
	envp[PARAMS_MAX + 1] = NULL;
	assert_int_equal(read_all(&params, envp), PARAMS_TOO_MANY);
	params_clear(&params);
	envp[PARAMS_MAX] = NULL;
	assert_int_equal(read_all(&params, envp), PARAMS_OK);
	assert_int_equal(params.n_headers, PARAMS_MAX);
	params_clear(&params);
}

static void
test_too_large(void **state)
{
	char *text = malloc(PARAMS_BYTES_MAX + 1);
	const char *const envp[] = {text, NULL};
	struct params params;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', PARAMS_BYTES_MAX);
	text[PARAMS_BYTES_MAX] = '\0';
	assert_int_equal(read_all(&params, envp), PARAMS_TOO_MANY);
	params_clear(&params);
	text[PARAMS_BYTES_MAX - 1] = '\0';
	assert_int_equal(read_all(&params, envp), PARAMS_OK);
	params_clear(&params);
	free(text);
}

static void
test_no_memory(void **state)
{
	static const char *const envp[] = {"HTTP_X=y", NULL};
	struct params params;

	(void)state;
	support_fail_alloc(1);
	assert_int_equal(read_all(&params, envp), PARAMS_NO_MEMORY);
	support_fail_alloc(0);
	params_clear(&params);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known_and_headers),
	    cmocka_unit_test(test_header_twice_stays),
	    cmocka_unit_test(test_known_twice_is_refused),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_too_large),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
