/* Id and type of an event, and handshakes. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../shared/scheme.h"
#include "requests.h"
#include "support.h"

static void
check_facts(const char *scheme, const char *key, const char *type, bool probe)
{
	struct scheme_facts facts;

	assert_int_equal(
	    scheme_find(scheme_builtin(scheme), &requests_sent.request, &facts),
	    0);
	assert_string_equal(buf_str(&facts.key), key);
	assert_string_equal(buf_str(&facts.type), type);
	assert_int_equal(facts.probe, probe);
	scheme_facts_clear(&facts);
}

static void
test_github_facts(void **state)
{
	(void)state;
	requests_begin("{\"action\":\"opened\"}");
	requests_put(NULL, "x-github-delivery", "72d3162e");
	requests_put(NULL, "x-github-event", "pull_request");
	check_facts("github", "72d3162e", "pull_request.opened", false);
	requests_sent.request.body = "{\"ref\":1}";
	requests_sent.request.body_len = 9;
	check_facts("github", "72d3162e", "pull_request", false);

	requests_begin("payload=%7B%22action%22%3A%22opened%22%7D");
	requests_sent.request.content_type =
	    "application/x-www-form-urlencoded";
	requests_put(NULL, "x-github-event", "issues");
	check_facts("github", "", "issues.opened", false);

	requests_begin("{}");
	requests_put(NULL, "x-github-event", "ping");
	check_facts("github", "", "ping", true);
	requests_begin("{\"action\":\"opened\"}");
	check_facts("github", "", "", false);
}

static void
test_other_facts(void **state)
{
	(void)state;
	requests_begin(REQUESTS_BODY);
	check_facts("stripe", "evt_1", "a.b", false);
	check_facts("slack", "Ev1", "a.b", false);
	check_facts("hmac", "", "", false);
	check_facts("none", "", "", false);
	requests_begin("{\"event_id\":\"Ev1\",\"event\":{\"type\":\"message\"},"
		       "\"type\":\"event_callback\"}");
	check_facts("slack", "Ev1", "message", false);
	requests_begin("command=%2Fweather&text=94070");
	check_facts("slack", "", "/weather", false);
	requests_begin("payload=%7B%22type%22%3A%22block_actions%22%7D");
	check_facts("slack", "", "block_actions", false);

	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "shopify-webhook-id", "w2");
	requests_put(NULL, "x-shopify-topic", "orders/create");
	check_facts("shopify", "w2", "orders/create", false);
	requests_put(NULL, "x-shopify-webhook-id", "w1");
	check_facts("shopify", "w1", "orders/create", false);
	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "webhook-id", "msg_1");
	check_facts("standard-webhooks", "msg_1", "a.b", false);
}

/* What must not be stored counts as not found. */
static void
test_unfit_facts(void **state)
{
	static const char *const bodies[] = {"{\"id\":\"a\\nb\"}",
	    "{\"id\":\"\"}", "{\"id\":null}", "{\"id\":{}}", "{\"id\":[1]}",
	    "{\"id\":\"\\u0000\"}", "{\"id\":\"\\ud800\"}", "not json",
	    "{\"id\":1,\"id\":2}", "", "{\"id\":\"\\u007f\"}"};
	char long_body[600] = "{\"id\":\"";

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		requests_begin(bodies[i]);
		check_facts("stripe", "", "", false);
	}
	memset(long_body + 7, 'x', 513);
	memcpy(long_body + 7 + 513, "\"}", 3);
	requests_begin(long_body);
	check_facts("stripe", "", "", false);
	requests_begin("{\"id\":17}");
	check_facts("stripe", "17", "", false);
	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "webhook-id", "not \xff utf-8");
	check_facts("standard-webhooks", "", "a.b", false);
	requests_begin(REQUESTS_BODY);
	requests_put(NULL, "webhook-id", "\xc3\xa9");
	check_facts("standard-webhooks", "\xc3\xa9", "a.b", false);
}

/* The content type is not signed: it must not change what is read. */
static void
test_content_type_is_no_matter(void **state)
{
	(void)state;
	requests_begin("{\"event_id\":\"Ev1\",\"type\":\"x\"}");
	requests_sent.request.content_type =
	    "application/x-www-form-urlencoded";
	check_facts("slack", "Ev1", "x", false);
	requests_begin("command=%2Fx");
	requests_sent.request.content_type = "application/json";
	check_facts("slack", "", "/x", false);
}

static void
test_key_signed(void **state)
{
	static const struct {
		const char *base;
		const char *settings[6];
		bool is_signed;
	} rows[] = {
	    {"github", {NULL}, false},
	    {"shopify", {NULL}, false},
	    {"stripe", {NULL}, true},
	    {"slack", {NULL}, true},
	    {"standard-webhooks", {NULL}, true},
	    {"hmac", {NULL}, false},
	    {"token", {"id=json:/id"}, false},
	    {"hmac", {"id=json:/id"}, true},
	    {"hmac", {"id=header:x-id"}, false},
	    {"hmac", {"id=header:x-id", "template={header:x-id}{body}"}, true},
	    {"hmac", {"id=header:x-id", "template={id}{body}"}, true},
	    {"hmac", {"id=json:/id", "id=header:x", "template={id}{body}"},
		false},
	    {"hmac", {"id=query:id"}, false},
	    {"hmac", {"id=query:id", "template={url}{body}"}, true},
	    {"hmac", {"id=json:/id", "key_signed=no"}, false},
	    {"hmac", {"id=json:/id", "template={path}"}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scheme *scheme =
		    requests_scheme(rows[i].base, rows[i].settings);

		if (scheme_key_signed(scheme) != rows[i].is_signed)
			fail_msg("row %zu", i);
		scheme_free(scheme);
	}
}

/* ---- handshakes ---- */

static int
shake(const struct scheme *scheme, const struct scheme_keys *keys,
    bool verified, const char *type, const char *body)
{
	struct scheme_answer answer;
	int rc = scheme_handshake(
	    scheme, keys, &requests_sent.request, verified, &answer);

	if (rc == 1) {
		assert_string_equal(buf_str(&answer.type), type);
		assert_string_equal(buf_str(&answer.body), body);
	}
	scheme_answer_clear(&answer);
	return rc;
}

static void
test_slack_handshake(void **state)
{
	const struct scheme *slack = scheme_builtin("slack");

	(void)state;
	requests_begin(
	    "{\"type\":\"url_verification\",\"challenge\":\"3eZ\\\"\"}");
	assert_int_equal(shake(slack, NULL, true, "text/plain", "3eZ\""), 1);
	assert_int_equal(shake(slack, NULL, false, "", ""), 0);
	requests_begin("{\"type\":\"url_verification\"}");
	assert_int_equal(shake(slack, NULL, true, "", ""), 0);
	requests_begin("{\"type\":\"other\",\"challenge\":\"x\"}");
	assert_int_equal(shake(slack, NULL, true, "", ""), 0);
	assert_false(scheme_takes_method(slack, "GET"));
	assert_true(scheme_takes_method(slack, "POST"));
}

static void
test_handshakes(void **state)
{
	static const char *const settings[] = {
	    "handshake=unsigned GET query:hub.mode=subscribe "
	    "query:hub.verify_token={param:token} -> 200 text/plain "
	    "{query:hub.challenge}",
	    "handshake=json:/event=endpoint.url_validation -> 200 "
	    "application/json {\"plainToken\":\"{json:/t}\",\"encryptedToken\":"
	    "\"{hmac:sha256:hex:json:/t}\"}",
	    "handshake=unsigned HEAD -> 204", "param=token=t0k", NULL};
	struct scheme *scheme = requests_scheme("hmac", settings);
	struct scheme_keys *keys = requests_keys(scheme, "key");
	char long_query[4096] = "hub.mode=subscribe&hub.verify_token=t0k&"
				"hub.challenge=";

	(void)state;
	assert_true(scheme_takes_method(scheme, "GET"));
	assert_true(scheme_takes_method(scheme, "HEAD"));
	assert_false(scheme_takes_method(scheme, "PUT"));
	assert_true(scheme_hides_query(scheme, "hub.verify_token"));
	assert_false(scheme_hides_query(scheme, "hub.mode"));
	requests_begin("");
	requests_sent.request.method = "GET";
	requests_sent.request.query =
	    "hub.mode=subscribe&hub.verify_token=t0k&hub.challenge=a%26b";
	assert_int_equal(shake(scheme, keys, false, "text/plain", "a&b"), 1);
	requests_sent.request.query =
	    "hub.mode=subscribe&hub.verify_token=t0l&hub.challenge=a";
	assert_int_equal(shake(scheme, keys, false, "", ""), 0);
	memset(long_query + strlen(long_query), 'x', 2049);
	requests_sent.request.query = long_query;
	assert_int_equal(shake(scheme, keys, false, "", ""), 0);
	requests_sent.request.method = "HEAD";
	assert_int_equal(shake(scheme, keys, false, "", ""), 1);

	requests_begin(
	    "{\"event\":\"endpoint.url_validation\",\"t\":\"what do ya want "
	    "for \\\"nothing\\\"?\"}");
	assert_int_equal(shake(scheme, keys, false, "", ""), 0);
	assert_int_equal(
	    shake(scheme, keys, true, "application/json",
		"{\"plainToken\":\"what do ya want for \\\"nothing\\\"?\","
		"\"encryptedToken\":"
		"\"f6e6f2d4b4ca6d0f249fb78adbcc0c9708ffea338e123c9fd987230457f6"
		"339b\"}"),
	    1);
	scheme_keys_free(keys);
	scheme_free(scheme);
}

/* What a handshake answers to anybody is no signature of anything. */
static void
test_words(void **state)
{
	static const char *const settings[] = {
	    "prefix=sha256=", "encoding=base64",
	    "handshake=unsigned GET query:c -> 200 text/plain "
	    "sha256={hmac:sha256:base64:query:c}",
	    NULL};

	static const struct {
		const char *query, *body;
		bool answered;
	} rows[] = {
	    {"c=challenge_string-9==", "challenge_string-9==", true},
	    {"c=%7B%22a%22:1%7D", "{\"a\":1}", false},
	    {"c=a%3Db", "a=b", false},
	    {"c=a%20b", "a b", false},
	    {"c=[]", "[]", false},
	    {"c=%C3%A9", "\xc3\xa9", false},
	};
	struct scheme *scheme = requests_scheme("hmac", settings);
	struct scheme_keys *keys = requests_keys(scheme, "a key");
	struct scheme_request *request = &requests_sent.request;
	struct scheme_answer answer;
	char longest[] =
	    "c=1234567890123456789012345678901234567890123456789012"
	    "34567890123456789012345678901234567890123456789012345"
	    "678901234567890123456789";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		requests_begin("");
		request->method = "GET";
		request->query = rows[i].query;
		assert_int_equal(
		    scheme_handshake(scheme, keys, request, false, &answer),
		    rows[i].answered);
		if (!rows[i].answered)
			continue;
		/* what it is good for: nothing */
		requests_begin(rows[i].body);
		requests_put(NULL, "x-signature", buf_str(&answer.body));
		assert_int_equal(
		    requests_verify(scheme, keys), SCHEME_BAD_FORMAT);
		scheme_answer_clear(&answer);
	}
	requests_begin("");
	request->method = "GET";
	request->query = longest;
	assert_int_equal(strlen(longest), 2 + 129);
	assert_int_equal(
	    scheme_handshake(scheme, keys, request, false, &answer), 0);
	longest[2 + 128] = '\0';
	assert_int_equal(
	    scheme_handshake(scheme, keys, request, false, &answer), 1);
	scheme_answer_clear(&answer);
	scheme_keys_free(keys);
	scheme_free(scheme);
}

/* A handshake delivers the secret, to a source that has none. */
static void
test_keep(void **state)
{
	static const char *const settings[] = {
	    "handshake=unsigned POST keep:header:x-hook-secret -> 200 "
	    "header:x-hook-secret={header:x-hook-secret}",
	    NULL};
	static const char secret[] = "a secret of some length";
	struct scheme *scheme = requests_scheme("hmac", settings);
	struct scheme_request *request = &requests_sent.request;
	struct scheme_keys *awaited, *keys;
	struct scheme_answer answer;
	char error[SCHEME_ERROR_SIZE];
	char longest[1026];

	(void)state;
	assert_true(scheme_keeps(scheme));
	assert_false(scheme_keeps(scheme_builtin("github")));
	assert_true(scheme_hides_header(scheme, "x-hook-secret"));
	assert_false(scheme_shows_header(scheme, "x-hook-secret"));
	assert_false(scheme_hides_body(scheme));
	assert_true(scheme_hides_body(scheme_builtin("notion")));

	awaited = scheme_keys_new(scheme, NULL, 0, error);
	assert_non_null(awaited);
	requests_begin("{}");
	requests_put(NULL, "x-signature", "00");
	assert_int_equal(requests_verify(scheme, awaited), SCHEME_NO_KEY_YET);
	assert_int_equal(
	    scheme_handshake(scheme, awaited, request, false, &answer), 0);

	requests_begin("{}");
	requests_put(NULL, "x-hook-secret", secret);
	assert_int_equal(
	    scheme_handshake(scheme, awaited, request, false, &answer), 1);
	assert_string_equal(buf_str(&answer.keep), secret);
	keys = requests_keys(scheme, buf_str(&answer.keep));
	assert_true(scheme_keys_have(keys, secret, strlen(secret)));
	assert_false(scheme_keys_have(keys, secret, strlen(secret) - 1));
	assert_false(scheme_keys_have(awaited, secret, strlen(secret)));
	scheme_answer_clear(&answer);
	/* who has proved who he is delivers none */
	assert_int_equal(
	    scheme_handshake(scheme, keys, request, true, &answer), 0);

	requests_begin("{}");
	requests_put(NULL, "x-hook-secret", "1234567");
	assert_int_equal(
	    scheme_handshake(scheme, awaited, request, false, &answer), 0);
	memset(longest, 'x', sizeof(longest));
	longest[1025] = '\0';
	requests_sent.headers[0].value = longest;
	assert_int_equal(
	    scheme_handshake(scheme, awaited, request, false, &answer), 0);
	scheme_keys_free(awaited);
	scheme_keys_free(keys);
	scheme_free(scheme);
}

/* A header that is echoed never becomes two. */
static void
test_answer_headers(void **state)
{
	static const char *const settings[] = {
	    "handshake=unsigned GET query:a -> 404 header:x-a={query:a} "
	    "header:allow=POST",
	    NULL};
	struct scheme *scheme = requests_scheme("hmac", settings);
	struct scheme_answer answer;

	(void)state;
	requests_begin("");
	requests_sent.request.method = "GET";
	requests_sent.request.query = "a=b%20c";
	assert_int_equal(scheme_handshake(scheme, NULL, &requests_sent.request,
			     false, &answer),
	    1);
	assert_int_equal(answer.status, 404);
	assert_string_equal(
	    buf_str(&answer.headers), "x-a: b c\r\nallow: POST\r\n");
	assert_string_equal(buf_str(&answer.body), "");
	scheme_answer_clear(&answer);
	requests_sent.request.query = "a=b%0d%0ax-b:%20c";
	assert_int_equal(scheme_handshake(scheme, NULL, &requests_sent.request,
			     false, &answer),
	    0);
	assert_null(answer.headers.p);
	scheme_free(scheme);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_github_facts),
	    cmocka_unit_test(test_other_facts),
	    cmocka_unit_test(test_unfit_facts),
	    cmocka_unit_test(test_content_type_is_no_matter),
	    cmocka_unit_test(test_key_signed),
	    cmocka_unit_test(test_slack_handshake),
	    cmocka_unit_test(test_handshakes),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_keep),
	    cmocka_unit_test(test_answer_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
