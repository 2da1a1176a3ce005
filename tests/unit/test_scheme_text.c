/* The texts that are made for templates, and what stands around them. */

#include <string.h>

#include "../../shared/scheme.h"
#include "../../shared/scheme_impl.h"
#include "../../shared/scheme_text.h"
#include "requests.h"
#include "support.h"

/* The text of a template for the present request. */
static enum scheme_result
make(const char *template, struct buf *out)
{
	char setting[512];
	const char *settings[] = {
	    "kind=hmac", setting, "signature=header:x-signature", NULL};
	struct scheme_look look;
	struct scheme *scheme;
	const char *where;
	enum scheme_result result;

	(void)snprintf(setting, sizeof(setting), "template=%s", template);
	scheme = requests_scheme(NULL, settings);
	scheme_look_init(&look, scheme->rules, &requests_sent.request);
	look.key = (const unsigned char *)"m";
	look.key_len = 1;
	result = scheme_look_fill(
	    &look, look.template, scheme_sink_buf, out, &where);
	scheme_look_clear(&look);
	scheme_free(scheme);
	return result;
}

static void
expect(const char *template, const char *text)
{
	struct buf out = {0};
	enum scheme_result result = make(template, &out);

	if (text) {
		assert_int_equal(result, SCHEME_OK);
		assert_string_equal(buf_str(&out), text);
	} else {
		assert_int_not_equal(result, SCHEME_OK);
	}
	buf_clear(&out);
}

static void
canonical(const char *body, const char *text)
{
	requests_begin(body);
	expect("{canonical_json}", text);
}

/* Examples of RFC 8785, 3.2.2 to 3.2.4 and appendix B. */
static void
test_canonical_json(void **state)
{
	(void)state;
	canonical(
	    "{\"numbers\":[333333333.33333329,1E30,4.50,2e-3,"
	    "0.000000000000000000000000001],\"string\":"
	    "\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\","
	    "\"literals\":[null,true,false]}",
	    "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,"
	    "1e+30,4.5,0.002,1e-27],\"string\":\"\xe2\x82\xac$\\u000f\\nA'B"
	    "\\\"\\\\\\\\\\\"/\"}");
	canonical("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,"
		  "\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}",
	    "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,"
	    "\"\xe2\x82\xac\":1,\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}");
	canonical("[-0.0,5e-324,-1.7976931348623157e308,9007199254740992,"
		  "9007199254740993,295147905179352830000,1e21,1e23,0.000001,"
		  "0.0000001,100,-12.5,123456789012345680000]",
	    "[0,5e-324,-1.7976931348623157e+308,9007199254740992,"
	    "9007199254740992,295147905179352830000,1e+21,1e+23,0.000001,"
	    "1e-7,100,-12.5,123456789012345680000]");
	canonical(" { \"b\" : [ ] , \"a\" : { } } ", "{\"a\":{},\"b\":[]}");
	canonical("\"\\u007f\\b\\f\"", "\"\x7f\\b\\f\"");
}

static void
test_no_canonical_json(void **state)
{
	char deep[601];

	(void)state;
	canonical("", NULL);
	canonical("{\"a\":1,\"a\":2}", NULL);
	canonical("{\"a\":1}x", NULL);
	canonical("[1e400]", NULL);
	canonical("\"\\ud800\"", NULL);
	memset(deep, '[', 300);
	memset(deep + 300, ']', 300);
	deep[600] = '\0';
	canonical(deep, NULL);
}

static void
test_json_body(void **state)
{
	(void)state;
	requests_begin("{\"a\":\"\\n\"}\n\x01");
	expect("{json_body}", "{\\\"a\\\":\\\"\\\\n\\\"}\\n\\u0001");
	/* bytes that are no text could stand for several bodies */
	requests_begin("\xff");
	expect("{json_body}", NULL);
}

static void
test_urls(void **state)
{
	static const char *const urls[][3] = {
	    {"https://a.example/x?y=1:2", "https://a.example:443/x?y=1:2",
		"https://a.example/x?y=1:2"},
	    {"http://a.example", "http://a.example:80", "http://a.example"},
	    {"https://a.example:8443/x", "https://a.example:8443/x",
		"https://a.example/x"},
	    {"https://u:1@a.example/x", "https://u:1@a.example:443/x",
		"https://u:1@a.example/x"},
	    {"https://[::1]/x", "https://[::1]:443/x", "https://[::1]/x"},
	    {"https://[::1]:99/x", "https://[::1]:99/x", "https://[::1]/x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		requests_begin("")->url = urls[i][0];
		expect("{url_with_port}", urls[i][1]);
		expect("{url_without_port}", urls[i][2]);
	}
	requests_begin("")->url = "";
	expect("{url_with_port}", NULL);
	expect("{url_without_port}", NULL);
}

static void
test_query(void **state)
{
	struct scheme_request *request = requests_begin("");

	(void)state;
	request->query = "b=2&a=%41&&b=1&ab";
	expect("{sorted_query}", "a=%41&ab&b=2&b=1");
	request->path = "/a b/\xc3\xa4";
	request->query = "q=1&x=%20'";
	expect("{contentful_path}", "/a%20b/%C3%A4?q%253D1%2526x%253D%252520'");
	request->query = "";
	expect("{sorted_query}", "");
	expect("{contentful_path}", "/a%20b/%C3%A4");
}

/* Examples made with the rule of Plivo's own library. */
static void
test_plivo_url(void **state)
{
	struct scheme_request *request = requests_begin("To=2&C=%41&To=1&To=1");

	(void)state;
	request->url = "https://a.example/x?b=2&a=1&a=0";
	request->query = "b=2&a=1&a=0";
	expect("{plivo_url}", "https://a.example/x?a=0&a=1&b=2.CATo1To1To2");
	request->url = "https://a.example/x";
	request->query = "";
	expect("{plivo_url}", "https://a.example/x?CATo1To1To2");
	request = requests_begin("");
	request->url = "https://a.example/x?a=%20";
	request->query = "a=%20";
	expect("{plivo_url}", "https://a.example/x?a= ");
	request->query = "a=%2";
	expect("{plivo_url}", NULL);
	request->query = "";
	request->url = "https://a.example/x";
	expect("{plivo_url}", "https://a.example/x");
}

static void
test_sorted_with_secret(void **state)
{
	(void)state;
	requests_begin("")->query = "a=z&b=lm&c=";
	expect("{sorted_with_secret:query:a query:b}", "lmmz");
	expect("{sorted_with_secret:query:a query:c}", NULL);
	expect("{sorted_with_secret:query:d}", NULL);
}

/* What moves over a separator is another message with the same text. */
static void
test_joined(void **state)
{
	static const char template[] =
	    "{joined:colon json:/a json:/b* json:/c}";

	(void)state;
	requests_begin("{\"a\":\"1\",\"b\":\"2:3\",\"c\":4}");
	expect(template, "1:2:3:4");
	requests_begin("{\"a\":\"1:2\",\"b\":\"3\",\"c\":4}");
	expect(template, NULL);
	requests_begin("{\"a\":\"1\",\"b\":\"2\",\"c\":\"3:4\"}");
	expect(template, NULL);
	requests_begin("{\"c\":4}");
	expect(template, "::4");
	requests_begin("{\"a\":\"\",\"b\":null,\"c\":4}");
	expect(template, "::4");
	/* there, though without a text of its own */
	requests_begin("{\"a\":1,\"a\":2,\"c\":4}");
	expect(template, NULL);
	requests_begin("{\"a\":{\"x\":1},\"c\":4}");
	expect(template, NULL);
	requests_begin("{\"a\":\"\\ud800\",\"c\":4}");
	expect(template, NULL);
}

static void
test_signed_headers(void **state)
{
	static const char template[] = "{signed_headers:header:l l x-b}";

	(void)state;
	requests_begin("");
	requests_put(NULL, "l", "l,x-b,x-c");
	requests_put(NULL, "x-b", "1");
	expect(template, NULL);
	requests_put(NULL, "x-c", "2");
	expect(template, "l:l,x-b,x-c;x-b:1;x-c:2");
	requests_put(NULL, "x-c", "3");
	expect(template, NULL);
	requests_begin("");
	requests_put(NULL, "l", "l,x-bb");
	requests_put(NULL, "x-bb", "1");
	expect(template, NULL);
}

/* ---- what stands around them ---- */

static enum scheme_result
verify(const char *name, const char *secret)
{
	const struct scheme *scheme = scheme_builtin(name);
	struct scheme_keys *keys = requests_keys(scheme, secret);
	enum scheme_result result = requests_verify(scheme, keys);

	scheme_keys_free(keys);
	return result;
}

#define ADYEN_KEY                                                              \
	"DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00"
#define ADYEN(before, after)                                                   \
	"{\"notificationItems\":[{\"NotificationRequestItem\":{"               \
	"\"pspReference\":\"pspReference\",\"originalReference\":"             \
	"\"originalReference\",\"merchantAccountCode\":\"merchantAccount\","   \
	"\"merchantReference\":\"reference\",\"amount\":{\"currency\":"        \
	"\"EUR\",\"value\":1000},\"eventCode\":\"EVENT\"," before              \
	"\"success\":\"true\",\"additionalData\":{\"hmacSignature\":"          \
	"\"ipnxGCaUZ4l8TUW75a71/ghd2Fe5ffvX0pV4TLTntIc=\"}}}" after "]}"

/* Not the body is signed: each member that counts is tried, and that nothing
 * unsigned comes along. */
static void
test_adyen(void **state)
{
	static const char *const members[] = {"pspReference\",\"orig",
	    "originalReference\"", "merchantAccount\",", "reference\",\"amount",
	    "EUR", "1000", "EVENT", "true"};
	char body[1024];

	(void)state;
	requests_begin(ADYEN("", ""));
	assert_int_equal(verify("adyen", ADYEN_KEY), SCHEME_OK);
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		char *member;

		strcpy(body, ADYEN("", ""));
		member = strstr(body, members[i]);
		assert_non_null(member);
		*member ^= 1;
		requests_begin(body);
		assert_int_not_equal(verify("adyen", ADYEN_KEY), SCHEME_OK);
	}
	requests_begin(ADYEN("", ",{}"));
	assert_int_equal(verify("adyen", ADYEN_KEY), SCHEME_BAD_FORMAT);
	requests_begin(ADYEN("", ",null"));
	assert_int_equal(verify("adyen", ADYEN_KEY), SCHEME_BAD_FORMAT);
	requests_begin(ADYEN("\"success\":\"false\",", ""));
	assert_int_not_equal(verify("adyen", ADYEN_KEY), SCHEME_OK);
}

/* The key is what is left behind the prefix, whatever word is in it. */
static void
test_word_in_prefix(void **state)
{
	static const char *const settings[] = {"kind=token",
	    "signature=header:x-token", "secret_prefix=signkey-*-", NULL};

	static const struct {
		const char *secret, *key;
	} cases[] = {{"signkey-prod_1-abc", "abc"}, {"signkey-prod-a-b", "a-b"},
	    {"signkey--abc", "signkey--abc"}, {"signkey-prod", "signkey-prod"},
	    {"abc", "abc"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct scheme *scheme = requests_scheme(NULL, settings);
		struct scheme_keys *keys =
		    requests_keys(scheme, cases[i].secret);

		requests_begin("");
		requests_put(NULL, "x-token", cases[i].key);
		assert_int_equal(requests_verify(scheme, keys), SCHEME_OK);
		scheme_keys_free(keys);
		scheme_free(scheme);
	}
}

/* A JSON body cannot be put under the signature of a form. */
static void
test_twilio_body(void **state)
{
	struct scheme_request *request = requests_begin("{\"a\":1}");

	(void)state;
	request->url = "https://a.example/x";
	requests_put(
	    NULL, "x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
	assert_int_equal(verify("twilio", "12345"), SCHEME_MISMATCH);
	request->query = "bodySHA256=00";
	request->url = "https://a.example/x?bodySHA256=00";
	assert_int_equal(verify("twilio", "12345"), SCHEME_BAD_FORMAT);
}

/* Made by zlib. */
static void
test_crc32(void **state)
{
	(void)state;
	requests_begin("");
	expect("{crc32_body}", "0");
	requests_begin("123456789");
	expect("{crc32_body}", "3421780262");
}

/* As PHP 8.2 and Python 3.11 write them. */
static void
test_forms(void **state)
{
	(void)state;
	requests_begin("b=%c3%a9&a=x+y&B=&_1=2&a1=3");
	expect("{php_form}",
	    "a:5:{s:1:\"B\";s:0:\"\";s:2:\"_1\";s:1:\"2\";s:1:\"a\";"
	    "s:3:\"x y\";s:2:\"a1\";s:1:\"3\";s:1:\"b\";s:2:\"\xc3\xa9\";}");
	expect("{form_json}",
	    "{\"b\": \"\\u00e9\", \"a\": \"x y\", \"B\": \"\", "
	    "\"_1\": \"2\", \"a1\": \"3\"}");
	requests_begin("n=%f0%9f%98%80%7f%22%5c%2f%08%0b");
	expect("{form_json}",
	    "{\"n\": \"\\ud83d\\ude00\\u007f\\\"\\\\/\\b\\u000b\"}");
	requests_begin("");
	expect("{php_form}", "a:0:{}");
	expect("{form_json}", "{}");
}

/* PHP makes something else of these, or nobody knows what. */
static void
test_no_forms(void **state)
{
	static const char *const php[] = {
	    "a[]=1", "1=2", "a.b=1", "a+b=1", "=1"};

	(void)state;
	for (size_t i = 0; i < sizeof(php) / sizeof(*php); i++) {
		requests_begin(php[i]);
		expect("{php_form}", NULL);
	}
}

static void
test_name_lines(void **state)
{
	static const char text[] =
	    "{name_lines:json:/Message* json:/Sub/Id json:/Subject?}";

	(void)state;
	requests_begin("{\"Message\":\"a\\nb\",\"Sub\":{\"Id\":\"c\"}}");
	expect(text, "Message\na\nb\nId\nc\n");
	requests_begin(
	    "{\"Message\":\"a\",\"Sub\":{\"Id\":\"c\"},\"Subject\":\"d\"}");
	expect(text, "Message\na\nId\nc\nSubject\nd\n");
	requests_begin("{\"Message\":\"a\",\"Sub\":{\"Id\":\"c\\nd\"}}");
	expect(text, NULL);
	requests_begin("{\"Message\":\"a\",\"Subject\":\"d\"}");
	expect(text, NULL);
	/* what is there is signed */
	requests_begin(
	    "{\"Message\":\"a\",\"Sub\":{\"Id\":\"c\"},\"Subject\":\"\"}");
	expect(text, NULL);
	requests_begin(
	    "{\"Message\":\"a\",\"Sub\":{\"Id\":\"c\"},\"Subject\":null}");
	expect(text, NULL);
}

static void
refuse(const char *setting, const char *sentence)
{
	static const char *const settings[] = {
	    "kind=hmac", "signature=header:x", NULL};
	struct scheme *scheme = requests_scheme(NULL, settings);
	const char *equals = strchr(setting, '=');
	char key[64], error[SCHEME_ERROR_SIZE] = "";

	(void)snprintf(
	    key, sizeof(key), "%.*s", (int)(equals - setting), setting);
	if (scheme_set(scheme, key, equals + 1, error) == 0)
		assert_int_equal(scheme_check(scheme, error), -1);
	support_contains(error, sentence);
	scheme_free(scheme);
}

static void
test_refused_settings(void **state)
{
	(void)state;
	refuse("template={joined}", "needs words");
	refuse("template={json_body:x}", "no words");
	refuse("template={joined:colon}", "needs a PLACE");
	refuse("template={joined:slash json:/a}", "none of: comma");
	refuse("template={sorted_with_secret:signature:t}", "not joined");
	refuse("template={signature:env}", "needs signature_key");
	refuse("template={body}{sha25_body}", "no placeholder");
	refuse("require=!json:/a=1", "has no value");
	refuse("handshake=GET -> 200 text/plain {signature:t}",
	    "for signed texts");
	refuse("secret_hash=crc", "none of: sha256");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_canonical_json),
	    cmocka_unit_test(test_no_canonical_json),
	    cmocka_unit_test(test_json_body),
	    cmocka_unit_test(test_crc32),
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_no_forms),
	    cmocka_unit_test(test_name_lines),
	    cmocka_unit_test(test_urls),
	    cmocka_unit_test(test_query),
	    cmocka_unit_test(test_plivo_url),
	    cmocka_unit_test(test_sorted_with_secret),
	    cmocka_unit_test(test_joined),
	    cmocka_unit_test(test_signed_headers),
	    cmocka_unit_test(test_adyen),
	    cmocka_unit_test(test_word_in_prefix),
	    cmocka_unit_test(test_twilio_body),
	    cmocka_unit_test(test_refused_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
