/* Events that a GET confirms: what a scheme may say, and which URL of which
 * event is asked for. */

#include <string.h>

#include "../../shared/scheme_impl.h"
#include "support.h"

#define ARN "arn:aws:sns:us-east-1:123456789012:mine"
#define AT  "https://sns.us-east-1.amazonaws.com"

static char error[SCHEME_ERROR_SIZE];

static int
set(struct scheme *scheme, const char *key, const char *value)
{
	return scheme_set(scheme, key, value, error);
}

#define RULE "json:/t=sub -> json:/u"

/* The check of a scheme; NULL: it does not have that key. */
static int
try(const char *rule, const char *at, const char *first, const char *second)
{
	struct scheme *scheme = scheme_new("x", NULL);
	int rc;

	assert_int_equal(set(scheme, "kind", first ? "hmac" : "token"), 0);
	assert_int_equal(set(scheme, "signature", "header:x-s"), 0);
	rc = first ? set(scheme, "template", first) : 0;
	rc = rc == 0 && second ? set(scheme, "template", second) : rc;
	assert_int_equal(rc, 0);
	if ((rule && set(scheme, "confirm", rule)) ||
	    (at && set(scheme, "confirm_at", at)) ||
	    scheme_check(scheme, error))
		rc = -1;
	if (rc == 0 && at && strcmp(rule, "none") != 0)
		assert_string_equal(scheme_confirm_host(scheme, 0), at);
	else if (rc == 0)
		assert_null(scheme_confirm_host(scheme, 0));
	scheme_free(scheme);
	return rc;
}

static void
test_language(void **state)
{
	static const char *const bad[] = {
	    "", "json:/u", "-> json:/u", "json:/t=sub ->"};
	static const char *const hosts[] = {"https://h.example", "h.example/x",
	    "a@h.example", "h..example", "h.example:", "h.example?x", "*/x"};

	(void)state;
	assert_int_equal(try(RULE, "h.*.example", "{body}", NULL), 0);
	assert_int_equal(try(RULE, "h.example:8443", "{body}", NULL), 0);
	assert_int_equal(try("none", "h.example", "{body}", NULL), 0);
	assert_int_equal(try("none", NULL, "{body}", NULL), 0);
	assert_int_equal(try(NULL, "h.example", "{body}", NULL), -1);
	assert_int_equal(try(RULE, NULL, "{body}", NULL), -1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(try(bad[i], "h.example", "{body}", NULL), -1);
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
		assert_int_equal(try(RULE, hosts[i], "{body}", NULL), -1);
}

/* What its signer has not written asks for nothing. */
static void
test_signed_alone(void **state)
{
	static const char *const bad[] = {"header:t=sub -> json:/u",
	    "json:/t=sub -> header:u", "json:/t -> json:/u",
	    "!json:/t -> json:/u", "json:/t=sub -> query:u"};
	static const char at[] = "h.example";

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(try(bad[i], at, "{body}", NULL), -1);
	assert_int_equal(try(RULE, at, "{json:/t} {json:/v}", NULL), -1);
	assert_int_equal(try(RULE, at, "{json:/u} {json:/v}", NULL), -1);
	assert_int_equal(try(RULE, at, "{json:/t} {json:/u}", NULL), 0);
	/* the type tells which of two texts it is, and must be in both */
	assert_int_equal(
	    try(RULE, at, "{json:/t} {json:/u}", "{json:/t} {json:/v}"), 0);
	assert_int_equal(
	    try(RULE, at, "{json:/t} {json:/u}", "{json:/u} {json:/v}"), -1);
	/* a token proves who it is, and not what is said */
	assert_int_equal(try(RULE, at, NULL, NULL), -1);
}

static enum scheme_confirming
ask(const struct scheme *scheme, const char *under, const char *type,
    const char *url)
{
	struct buf body = {0}, out = {0};
	struct scheme_request request = {
	    .method = "POST", .url = "", .path = "", .query = ""};
	enum scheme_confirming confirming;

	buf_printf(&body,
	    "{\"Type\":\"%s\",\"TopicArn\":\"" ARN
	    "\",\"SubscribeURL\":\"%s\"}",
	    type, url);
	request.content_type = "text/plain; charset=UTF-8";
	request.body = buf_str(&body);
	request.body_len = body.len;
	confirming = scheme_confirm(scheme, under, &request, &out);
	if (confirming == SCHEME_CONFIRM_GET)
		assert_string_equal(buf_str(&out), url);
	buf_clear(&body);
	buf_clear(&out);
	return confirming;
}

#define SUB   "SubscriptionConfirmation"
#define QUERY "/?Action=ConfirmSubscription&TopicArn=" ARN "&Token=2336f"

static void
test_sns(void **state)
{
	static const char *const bad[] = {"",
	    "http://sns.us-east-1.amazonaws.com/",
	    "https://sns.us-east-1.amazonaws.com.example/",
	    "https://example/?sns.us-east-1.amazonaws.com",
	    "https://sns.us-east-1.amazonaws.com@example/",
	    "https://example\\\\@sns.us-east-1.amazonaws.com/",
	    "https://sns.s3-us-west-2.amazonaws.com/x",
	    "https://sns.us-a.b.amazonaws.com/", AT, AT ":444/", AT "/#x",
	    AT "/a b", AT "/\\n", AT "?Action=x",
	    "//sns.us-east-1.amazonaws.com/"};
	const struct scheme *sns = scheme_builtin("aws-sns");

	(void)state;
	assert_int_equal(
	    ask(sns, "aws-sns", SUB, AT QUERY), SCHEME_CONFIRM_GET);
	assert_int_equal(
	    ask(sns, "aws-sns.v1", SUB, AT QUERY), SCHEME_CONFIRM_GET);
	assert_int_equal(ask(sns, "aws-sns", SUB,
			     "https://sns.cn-north-1.amazonaws.com.cn/?a=b"),
	    SCHEME_CONFIRM_GET);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(
		    ask(sns, "aws-sns", SUB, bad[i]), SCHEME_CONFIRM_REFUSED);
	/* to answer this one would take back that somebody has left */
	assert_int_equal(
	    ask(sns, "aws-sns", "UnsubscribeConfirmation", AT QUERY),
	    SCHEME_CONFIRM_NOT);
	assert_int_equal(
	    ask(sns, "aws-sns", "Notification", AT QUERY), SCHEME_CONFIRM_NOT);
	assert_int_equal(ask(sns, "github", SUB, AT QUERY), SCHEME_CONFIRM_NOT);
	assert_int_equal(ask(sns, "", SUB, AT QUERY), SCHEME_CONFIRM_NOT);
}

/* A source that does it by itself, also of what is linked. */
static void
test_none(void **state)
{
	struct scheme *sns = scheme_new("aws-sns", scheme_builtin("aws-sns"));

	(void)state;
	assert_int_equal(set(sns, "confirm", "none"), 0);
	assert_int_equal(
	    ask(sns, "aws-sns", SUB, AT QUERY), SCHEME_CONFIRM_NOT);
	assert_int_equal(
	    ask(sns, "aws-sns.v1", SUB, AT QUERY), SCHEME_CONFIRM_NOT);
	scheme_free(sns);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_language),
	    cmocka_unit_test(test_signed_alone),
	    cmocka_unit_test(test_sns),
	    cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
