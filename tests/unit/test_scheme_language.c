/* The keys of the language: bad values, contradictions, overrides. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../shared/scheme.h"
#include "requests.h"
#include "support.h"

static void
test_bad_values(void **state)
{
	static const char *const rows[][3] = {
	    {"kind", "hmca", "none of: hmac"},
	    {"hash", "sha3", "none of: sha256"},
	    {"signature", "x-signature", "header:NAME"},
	    {"signature", "header:", "header:NAME"},
	    {"signature", "header:a b", "no header name"},
	    {"signature", "json:id", "no JSON pointer"},
	    {"signature", "signature:t", "timestamps"},
	    {"encoding", "base32", "none of: hex"},
	    {"template", "{bdoy}", "{bdoy} is no placeholder"},
	    {"template", "{body", "has no }"},
	    {"template", "a\\tb", "backslash"},
	    {"template", "{header:}", "none of header:NAME"},
	    {"timestamp_unit", "us", "none of: s"},
	    {"tolerance", "300", "no duration"},
	    {"tolerance", "0s", "no duration"},
	    {"tolerance", "-5s", "no duration"},
	    {"direction", "future", "none of: both"},
	    {"key_signed", "true", "none of: no, yes"},
	    {"require", "header:x=", "nothing behind"},
	    {"param", "x", "NAME=VALUE"},
	    {"max_body", "1000", "no size"},
	    {"response_status", "301", "no status"},
	    {"refused_status", "200", "no status"},
	    {"handshake", "GET", "-> STATUS"},
	    {"handshake", "-> 200", "method or a condition"},
	    {"handshake", "GET -> 400", "no status"},
	    {"handshake", "signed POST keep:header:x -> 200", "keep:PLACE is"},
	    {"handshake", "unsigned POST keep:header:x keep:form:y -> 200",
		"keep:PLACE is"},
	    {"handshake", "unsigned POST keep:claim:x -> 200",
		"for id and type"},
	    {"handshake", "unsigned POST keep:x -> 200", "is none of"},
	    {"handshake", "GET query:x -> 200 text/plain {hmac:x}", "{hmac:"},
	    {"handshake", "GET -> 200 header:x", "header:NAME=VALUE"},
	    {"handshake", "GET -> 200 header:=x", "header:NAME=VALUE"},
	    {"handshake", "GET -> 200 header:X-A=x", "lower-case"},
	    {"handshake",
		"GET -> 200 header:a=1 header:b=2 header:c=3 header:d=4 "
		"header:e=5",
		"up to 4"},
	    {"handshake", "GET -> 200 header:x={bdoy}", "no placeholder"},
	    {"pair_separator", ",", "none of: comma"},
	    {"auth_scheme", "Bearer x", "one word"},
	    {"algorithm_prefix", "sha1,sha256", "none of: sha256"},
	    {"secret_encoding", "raw", "none of: text"},
	    {"colour", "red", "no key"},
	};
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scheme *scheme = scheme_new("x", scheme_builtin("hmac"));
		struct buf before = {0};
		struct buf after = {0};

		scheme_print(scheme, &before);
		if (scheme_set(scheme, rows[i][0], rows[i][1], error) == 0)
			fail_msg("%s = %s", rows[i][0], rows[i][1]);
		support_contains(error, rows[i][2]);
		support_contains(error, rows[i][0]);
		/* nothing has changed, and it still works */
		scheme_print(scheme, &after);
		assert_string_equal(buf_str(&before), buf_str(&after));
		requests_round_trip(scheme, "a secret of some length", NULL);
		buf_clear(&before);
		buf_clear(&after);
		scheme_free(scheme);
	}
}

static void
test_contradictions(void **state)
{
	static const struct {
		const char *settings[8];
		const char *why;
	} rows[] = {
	    {{NULL}, "kind: missing"},
	    {{"kind=hmac", "template={body}"}, "signature:"},
	    {{"kind=hmac", "signature=header:s"}, "template:"},
	    {{"kind=hash", "signature=header:s", "template={body}"},
		"needs {secret}"},
	    {{"kind=ed25519", "signature=header:s", "template={secret}{body}"},
		"is no {secret}"},
	    {{"kind=hmac", "signature=header:s", "template={timestamp}{body}"},
		"needs the key `timestamp`"},
	    {{"kind=hmac", "signature=header:s", "template={body}",
		 "timestamp=header:t"},
		"anyone could change it"},
	    {{"kind=hmac", "signature=header:s", "template={timestamp}{body}",
		 "timestamp=signature:t"},
		"needs signature_key"},
	    {{"kind=hmac", "signature=header:s", "template={id}{body}"},
		"needs the key `id`"},
	    {{"kind=hmac", "signature=header:s", "template={body}",
		 "id=header:x", "key_signed=yes"},
		"x is not signed"},
	    {{"kind=token", "signature=header:s", "template={body}"},
		"signs nothing"},
	    {{"kind=token", "signature=header:s", "timestamp=header:t"},
		"signs none"},
	    {{"kind=none", "signature=header:s"}, "verifies nothing"},
	    {{"kind=hmac", "signature=header:s", "template={body}",
		 "secret_encoding=pem"},
		"pem"},
	    {{"kind=hmac", "signature=header:s", "template={body}",
		 "list_separator=comma", "signature_key=v1"},
		"list_separator"},
	    {{"kind=hmac", "signature=header:s", "template={body}",
		 "algorithm_prefix=sha1", "prefix=x"},
		"algorithm_prefix"},
	};

	char error[SCHEME_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scheme *scheme = requests_scheme(NULL, rows[i].settings);

		if (scheme_check(scheme, error) == 0)
			fail_msg("row %zu", i);
		support_contains(error, rows[i].why);
		scheme_free(scheme);
	}
}

/* Lists: an override replaces what is inherited, then goes on; an empty value
 * takes a key away. */
static void
test_override(void **state)
{
	static const char *const settings[] = {"signature=header:a",
	    "signature=header:b", "prefix=p=", "prefix=", NULL};
	struct scheme *scheme = requests_scheme("shopify", settings);
	struct scheme *copy = scheme_new("copy", scheme);
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	assert_string_equal(scheme_value(scheme, "signature", 0), "header:a");
	assert_string_equal(scheme_value(scheme, "signature", 1), "header:b");
	assert_null(scheme_value(scheme, "signature", 2));
	assert_null(scheme_get(scheme, "prefix"));
	assert_string_equal(scheme_get(scheme, "title"), "Shopify");
	assert_int_equal(scheme_set(copy, "signature", "header:c", error), 0);
	assert_string_equal(scheme_value(copy, "signature", 0), "header:c");
	assert_null(scheme_value(copy, "signature", 1));
	assert_true(scheme_key_is_list("signature"));
	assert_false(scheme_key_is_list("prefix"));
	assert_true(scheme_hides_header(copy, "c"));
	assert_false(scheme_hides_header(copy, "a"));
	/* GitHub's older signature is one too, though nobody looks at it. */
	assert_true(
	    scheme_hides_header(scheme_builtin("github"), "x-hub-signature"));
	scheme_free(copy);
	scheme_free(scheme);
}

/* What is printed reads back to the same. */
static void
test_print(void **state)
{
	const char *name;

	(void)state;
	for (size_t i = 0; (name = scheme_builtin_name(i)); i++) {
		struct scheme *scheme = scheme_new(name, NULL);
		struct buf text = {0};
		struct buf again = {0};
		char error[SCHEME_ERROR_SIZE];
		char *copy, *rest, *line;

		scheme_print(scheme_builtin(name), &text);
		copy = rest = strdup(buf_str(&text));
		while ((line = strsep(&rest, "\n"))) {
			char *value = strstr(line, " = ");

			if (!value)
				continue;
			*value = '\0';
			assert_int_equal(
			    scheme_set(scheme, line, value + 3, error), 0);
		}
		scheme_print(scheme, &again);
		assert_string_equal(buf_str(&text), buf_str(&again));
		free(copy);
		buf_clear(&text);
		buf_clear(&again);
		scheme_free(scheme);
	}
}

static void
test_describe(void **state)
{
	static const char *const rows[][2] = {
	    {"stripe", "stripe (hmac-sha256, 300s)"},
	    {"github", "github (hmac-sha256)"},
	    {"token", "token (token)"},
	    {"none", "none (none)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf out = {0};

		scheme_describe(scheme_builtin(rows[i][0]), &out);
		assert_string_equal(buf_str(&out), rows[i][1]);
		buf_clear(&out);
	}
	assert_int_equal(scheme_max_body(scheme_builtin("github")), 25 << 20);
	assert_int_equal(scheme_max_body(scheme_builtin("stripe")), 0);
	assert_int_equal(scheme_tolerance_ms(scheme_builtin("slack")), 300000);
	assert_int_equal(scheme_tolerance_ms(scheme_builtin("github")), 0);
	assert_false(scheme_needs_url(scheme_builtin("github")));
}

/* Headers for `gaff send`: none that scheme_sign() adds too. */
static void
test_describe_event(void **state)
{
	(void)state;
	requests_begin(REQUESTS_BODY);
	scheme_describe_event(
	    scheme_builtin("github"), "k1", "push.opened", requests_put, NULL);
	assert_int_equal(requests_sent.request.n_headers, 2);
	assert_string_equal(requests_sent.headers[0].value, "k1");
	assert_string_equal(requests_sent.headers[1].name, "x-github-event");
	assert_string_equal(requests_sent.headers[1].value, "push");
	requests_begin(REQUESTS_BODY);
	scheme_describe_event(scheme_builtin("shopify"), NULL, "orders/create",
	    requests_put, NULL);
	assert_int_equal(requests_sent.request.n_headers, 1);
	assert_string_equal(requests_sent.headers[0].value, "orders/create");
	requests_begin(REQUESTS_BODY);
	scheme_describe_event(scheme_builtin("standard-webhooks"), "k", "a.b",
	    requests_put, NULL);
	scheme_describe_event(
	    scheme_builtin("stripe"), "k", "a", requests_put, NULL);
	assert_int_equal(requests_sent.request.n_headers, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_values),
	    cmocka_unit_test(test_contradictions),
	    cmocka_unit_test(test_override),
	    cmocka_unit_test(test_print),
	    cmocka_unit_test(test_describe),
	    cmocka_unit_test(test_describe_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
