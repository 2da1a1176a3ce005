/*
 * Message signatures: the examples of RFC 9421, appendix B, texts that are
 * signed, what a signature must cover, and what a message must not choose.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "../../shared/scheme_message.h"
#include "requests.h"
#include "support.h"

enum { NOW_S = 1618884473 };

#define PSS                                                                    \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2\n"   \
	"+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+\n"   \
	"oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq\n"   \
	"gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W\n"   \
	"Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4\n"   \
	"aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI\n"   \
	"2wIDAQAB\n-----END PUBLIC KEY-----\n"
#define P256                                                                   \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\n"   \
	"w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n"       \
	"-----END PUBLIC KEY-----\n"
#define ED25519                                                                \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"       \
	"-----END PUBLIC KEY-----\n"
#define SHARED                                                                 \
	"uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHh"  \
	"IDi6pcl8jsasjlTMtDQ=="

#define BODY "{\"hello\": \"world\"}"
#define SHA512                                                                 \
	"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYl" \
	"lu7BNNyealdVLvRwEmTHWXvJwew==:"
#define SHA256 "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"

static const struct example {
	const char *name, *algorithms, *key, *encoding;
	const char *covered; /* what the scheme demands */
	const char *input, *signature;
	bool body; /* that the signature covers it */
} examples[] = {
    {"B.2.1", "rsa-pss-sha512", PSS, "text", "",
	"sig-b21=();created=1618884473;keyid=\"test-key-rsa-pss\";nonce="
	"\"b3k2pp5k7z-50gnwp.yemd\"",
	"sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/"
	"lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJ"
	"eNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/"
	"Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+"
	"O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/"
	"QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/"
	"SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
	false},
    {"B.2.2", "rsa-pss-sha512", PSS, "text", "@authority",
	"sig-b22=(\"@authority\" \"content-digest\" "
	"\"@query-param\";name=\"Pet\");created=1618884473;keyid="
	"\"test-key-rsa-pss\";tag=\"header-example\"",
	"sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxIC"
	"agShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/"
	"0PIXxi0A0nxKyB09RNrCQibbUjsLS/"
	"2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+"
	"4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/"
	"lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//"
	"0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
	true},
    {"B.2.3", "rsa-pss-sha512", PSS, "text", "@query",
	"sig-b23=(\"date\" \"@method\" \"@path\" \"@query\" \"@authority\" "
	"\"content-type\" \"content-digest\" "
	"\"content-length\");created=1618884473;keyid=\"test-key-rsa-pss\"",
	"sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/"
	"5MR6fb0Kh1rIRASVxFkeGt683+"
	"qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+"
	"V5B1TP/yPViV7KsLNmvKiLJH1pFkh/"
	"aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/"
	"CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+"
	"QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA="
	"=:",
	true},
    /* B.2.4 is a response */
    {"B.2.5", "hmac-sha256", SHARED, "base64", "date",
	"sig-b25=(\"date\" \"@authority\" "
	"\"content-type\");created=1618884473;keyid=\"test-shared-secret\"",
	"sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:", false},
    {"B.2.6", "ed25519", ED25519, "text", "@method @target-uri",
	"sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" "
	"\"content-type\" "
	"\"content-length\");created=1618884473;keyid=\"test-key-ed25519\"",
	"sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDg"
	"wUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
	false},
};

enum { N_EXAMPLES = sizeof(examples) / sizeof(*examples) };

/* ---- one request ---- */

static const char *url = "http://example.com/foo?param=Value&Pet=dog";

/* The request of B.2. */
static struct scheme_request *
begin(void)
{
	struct scheme_request *request = requests_begin(BODY);

	request->now_ms = (int64_t)NOW_S * 1000;
	request->url = url;
	request->path = "/foo";
	request->query = "param=Value&Pet=dog";
	requests_put(NULL, "host", "example.com");
	requests_put(NULL, "date", "Tue, 20 Apr 2021 02:07:55 GMT");
	requests_put(NULL, "content-type", "application/json");
	requests_put(NULL, "content-digest", SHA512);
	requests_put(NULL, "content-length", "18");
	return request;
}

static struct scheme *
scheme_of(const struct example *e, const char *more)
{
	char texts[3][128];
	const char *settings[] = {"kind=message", "signature=header:signature",
	    texts[0], texts[1], texts[2], more, NULL};
	char error[SCHEME_ERROR_SIZE];
	struct scheme *scheme;

	(void)snprintf(texts[0], 128, "algorithms=%s", e->algorithms);
	(void)snprintf(texts[1], 128, "covered=%s", e->covered);
	(void)snprintf(texts[2], 128, "secret_encoding=%s", e->encoding);
	scheme = requests_scheme(NULL, settings);
	if (scheme_check(scheme, error))
		fail_msg("%s", error);
	return scheme;
}

/* Verify the request there is under an example's scheme and key. */
static enum scheme_result
verify(const struct example *e, const char *more)
{
	struct scheme *scheme = scheme_of(e, more);
	struct scheme_keys *keys = requests_keys(scheme, e->key);
	enum scheme_result result = requests_verify(scheme, keys);

	scheme_keys_free(keys);
	scheme_free(scheme);
	return result;
}

static enum scheme_result
try(const struct example *e, const char *body, const char *more)
{
	struct scheme_request *request = begin();

	request->body = body;
	request->body_len = strlen(body);
	requests_put(NULL, "signature-input", e->input);
	requests_put(NULL, "signature", e->signature);
	return verify(e, more);
}

static void
expect(enum scheme_result is, enum scheme_result wanted, const char *what)
{
	if (is != wanted)
		fail_msg("%s: %s, not %s", what, scheme_result_name(is),
		    scheme_result_name(wanted));
}

/* ---- appendix B ---- */

static void
test_appendix(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		const struct example *e = &examples[i];

		expect(try(e, BODY, NULL),
		    e->body ? SCHEME_OK : SCHEME_HEADER_MISSING, e->name);
		/* what does not cover the body can have none */
		expect(try(e, "", NULL), e->body ? SCHEME_MISMATCH : SCHEME_OK,
		    e->name);
		expect(try(e, BODY " ", NULL),
		    e->body ? SCHEME_MISMATCH : SCHEME_HEADER_MISSING, e->name);
	}
}

/* B.3: what a proxy signs; the client's certificate is a header like others. */
static void
test_proxy(void **state)
{
	static const struct example e = {"B.3", "ecdsa-p256-sha256", P256,
	    "text", "client-cert",
	    "ttrp=(\"@path\" \"@query\" \"@method\" \"@authority\" "
	    "\"client-cert\");created=1618884473;keyid=\"test-key-ecc-p256\"",
	    "ttrp=:xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/"
	    "9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==:",
	    false};
	static const char certificate[] =
	    ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBd"
	    "XRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQ"
	    "yMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CA"
	    "QYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/"
	    "IncWalRhebrXmckC8vdgJ1p5Be5F/"
	    "3YC8OthxM4+"
	    "k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBR"
	    "m3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIK"
	    "wYBBQUHAwIwHQYDVR0RAQH/"
	    "BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/"
	    "r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/"
	    "kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:";
	struct scheme_request *request = begin();

	(void)state;
	request->url =
	    "https://service.internal.example/foo?param=Value&Pet=dog";
	request->body_len = 0;
	requests_put(NULL, "signature-input", e.input);
	requests_put(NULL, "signature", e.signature);
	expect(verify(&e, NULL), SCHEME_HEADER_MISSING, "no certificate");
	requests_put(NULL, "client-cert", certificate);
	expect(verify(&e, NULL), SCHEME_OK, e.name);
	request->method = "PUT";
	expect(verify(&e, NULL), SCHEME_MISMATCH, "another method");
}

/* B.4: what may be changed on the way. */
static const struct example transform = {"B.4", "ed25519", ED25519, "text",
    "accept",
    "transform=(\"@method\" \"@path\" \"@authority\" "
    "\"accept\");created=1618884473;keyid=\"test-key-ed25519\"",
    "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+"
    "vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:",
    false};

static struct scheme_request *
begin_transform(const char *first, const char *second)
{
	struct scheme_request *request = requests_begin("");

	request->now_ms = (int64_t)NOW_S * 1000;
	request->method = "GET";
	request->url = "";
	request->path = "/demo";
	request->query = "name1=Value1&Name2=value2";
	requests_put(NULL, "accept", first);
	requests_put(NULL, "host", "example.org");
	if (second)
		requests_put(NULL, "accept", second);
	requests_put(NULL, "signature-input", transform.input);
	requests_put(NULL, "signature", transform.signature);
	return request;
}

static void
test_transformations(void **state)
{
	struct scheme_request *request;

	(void)state;
	(void)begin_transform("application/json", "*/*");
	expect(verify(&transform, NULL), SCHEME_OK, "as it was");
	request = begin_transform("  application/json, */* \t", NULL);
	request->query = "x=added";
	requests_put(NULL, "accept-language", "en");
	expect(verify(&transform, NULL), SCHEME_OK, "joined, query changed");
	(void)begin_transform("*/*", "application/json");
	expect(verify(&transform, NULL), SCHEME_MISMATCH, "reordered");
	request = begin_transform("application/json", "*/*");
	request->method = "POST";
	expect(verify(&transform, NULL), SCHEME_MISMATCH, "method");
	/* the public URL counts where it is known, then nothing of Host */
	request = begin_transform("application/json", "*/*");
	request->url = "https://EXAMPLE.org:443/demo";
	expect(verify(&transform, NULL), SCHEME_OK, "public URL");
	request->url = "http://example.org:443/demo";
	expect(verify(&transform, NULL), SCHEME_MISMATCH, "another port");
	request->url = "https://example.com/demo";
	expect(verify(&transform, NULL), SCHEME_MISMATCH, "another host");
}

/* ---- what is signed ---- */

/* The text of a list of components, or why there is none. */
static enum scheme_result
base_of(const char *input, struct buf *out)
{
	struct sfv field;
	struct scheme_look look;
	struct scheme *scheme = scheme_of(&transform, NULL);
	enum scheme_result result;

	assert_int_equal(sfv_dictionary(input, strlen(input), &field), 0);
	scheme_look_init(&look, scheme->rules, &requests_sent.request);
	buf_reset(out);
	result = scheme_message_base(&look, &field, sfv_first(&field), out);
	scheme_look_clear(&look);
	scheme_free(scheme);
	return result;
}

static void
is_base(const char *input, const char *wanted)
{
	struct buf out = {0};

	expect(base_of(input, &out), SCHEME_OK, input);
	assert_string_equal(buf_str(&out), wanted);
	buf_clear(&out);
}

static void
is_no_base(const char *input, enum scheme_result why)
{
	struct buf out = {0};

	expect(base_of(input, &out), why, input);
	buf_clear(&out);
}

/* The examples of RFC 9421, 2.1 and 2.2. */
static void
test_components(void **state)
{
	struct scheme_request *request = begin();

	(void)state;
	requests_put(NULL, "x-empty", "");
	requests_put(NULL, "cache-control", "max-age=60");
	requests_put(NULL, "cache-control", "    must-revalidate");
	request->url = "https://www.Example.com/path?queryString";
	is_base("a=(\"@method\" \"@target-uri\" \"@authority\" \"@scheme\")",
	    "\"@method\": POST\n"
	    "\"@target-uri\": https://www.Example.com/path?queryString\n"
	    "\"@authority\": www.example.com\n"
	    "\"@scheme\": https\n"
	    "\"@signature-params\": (\"@method\" \"@target-uri\" "
	    "\"@authority\" \"@scheme\")");
	is_base("a=(\"@request-target\" \"@path\" \"@query\");x;y=1",
	    "\"@request-target\": /path?queryString\n"
	    "\"@path\": /path\n"
	    "\"@query\": ?queryString\n"
	    "\"@signature-params\": (\"@request-target\" \"@path\" "
	    "\"@query\");x;y=1");
	request->url = "https://www.example.com";
	is_base("a=(\"@path\" \"@query\" \"@request-target\")",
	    "\"@path\": /\n\"@query\": ?\n\"@request-target\": /\n"
	    "\"@signature-params\": (\"@path\" \"@query\" "
	    "\"@request-target\")");
	is_base("a=(\"cache-control\" \"x-empty\")",
	    "\"cache-control\": max-age=60, must-revalidate\n"
	    "\"x-empty\": \n"
	    "\"@signature-params\": (\"cache-control\" \"x-empty\")");
	is_base("a=()", "\"@signature-params\": ()");
	/* nothing but the request as it came */
	request->url = "";
	is_base("a=(\"@authority\" \"@request-target\")",
	    "\"@authority\": example.com\n"
	    "\"@request-target\": /foo?param=Value&Pet=dog\n"
	    "\"@signature-params\": (\"@authority\" \"@request-target\")");
	is_no_base("a=(\"@target-uri\")", SCHEME_HEADER_MISSING);
	is_no_base("a=(\"@scheme\")", SCHEME_HEADER_MISSING);
}

/* The examples of RFC 9421, 2.2.8. */
static void
test_query_params(void **state)
{
	struct scheme_request *request = begin();

	(void)state;
	request->url = "https://www.example.com/parameters?var=this%20is%20a%20"
		       "big%0Amultiline%20value&bar=with+plus+whitespace&"
		       "fa%C3%A7ade%22%3A%20=something&e=&two=1&two=2";
	is_base(
	    "a=(\"@query-param\";name=\"var\" \"@query-param\";name=\"bar\" "
	    "\"@query-param\";name=\"fa%C3%A7ade%22%3A%20\" "
	    "\"@query-param\";name=\"e\")",
	    "\"@query-param\";name=\"var\": "
	    "this%20is%20a%20big%0Amultiline%20value\n"
	    "\"@query-param\";name=\"bar\": with%20plus%20whitespace\n"
	    "\"@query-param\";name=\"fa%C3%A7ade%22%3A%20\": something\n"
	    "\"@query-param\";name=\"e\": \n"
	    "\"@signature-params\": (\"@query-param\";name=\"var\" "
	    "\"@query-param\";name=\"bar\" "
	    "\"@query-param\";name=\"fa%C3%A7ade%22%3A%20\" "
	    "\"@query-param\";name=\"e\")");
	is_no_base("a=(\"@query-param\";name=\"two\")", SCHEME_HEADER_TWICE);
	is_no_base("a=(\"@query-param\";name=\"x\")", SCHEME_HEADER_MISSING);
	is_no_base("a=(\"@query-param\")", SCHEME_BAD_FORMAT);
	is_no_base("a=(\"@query-param\";name=\"%\")", SCHEME_BAD_FORMAT);
	is_no_base("a=(\"@query-param\";name=\"%00\")", SCHEME_BAD_FORMAT);
	is_no_base("a=(\"@query-param\";name=var)", SCHEME_BAD_FORMAT);
	is_no_base("a=(\"@query-param\";name=\"var\";req)", SCHEME_BAD_FORMAT);
}

static void
test_refused_components(void **state)
{
	static const char *const bad[] = {"a=(\"date\" \"date\")",
	    "a=(\"@method\" \"date\" \"@method\")", "a=(\"@status\")",
	    "a=(\"@signature-params\")", "a=(\"date\";sf)", "a=(\"date\";bs)",
	    "a=(\"content-digest\";key=\"sha-512\")", "a=(\"date\";req)",
	    "a=(\"date\";tr)", "a=(date)", "a=(1)", "a=(\"\")", "a=(\"@\")"};
	struct buf many = {0};

	(void)state;
	(void)begin();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_no_base(bad[i], SCHEME_BAD_FORMAT);
	is_no_base("a=(\"x-none\")", SCHEME_HEADER_MISSING);
	is_no_base("a=(\"Date\")", SCHEME_HEADER_MISSING);
	requests_put(NULL, "x-evil", "a\n\"date\": forged");
	is_no_base("a=(\"x-evil\")", SCHEME_BAD_FORMAT);
	(void)buf_add_str(&many, "a=(");
	for (int i = 0; i <= SCHEME_MESSAGE_COMPONENTS_MAX; i++)
		(void)buf_printf(
		    &many, " \"@query-param\";name=\"param\";n%d", i);
	(void)buf_add_char(&many, ')');
	is_no_base(buf_str(&many), SCHEME_BAD_FORMAT);
	buf_clear(&many);
}

/* ---- what a scheme demands ---- */

static void
test_covered(void **state)
{
	struct example e = examples[1];

	(void)state;
	e.covered = "@authority";
	expect(try(&e, BODY, "covered=@method"), SCHEME_HEADER_MISSING,
	    "the method is not signed");
	expect(try(&e, BODY, "covered=@method @authority"), SCHEME_OK,
	    "one of two");
	expect(try(&e, BODY, "covered=content-type"), SCHEME_HEADER_MISSING,
	    "a header is not signed");
	/* a part of it is not the whole */
	expect(try(&e, BODY, "covered=@query"), SCHEME_HEADER_MISSING,
	    "a parameter is not the query");
	expect(try(&e, BODY, "tag=header-example"), SCHEME_OK, "tag");
	expect(try(&e, BODY, "tag=header"), SCHEME_HEADER_MISSING, "other tag");
	expect(try(&examples[2], BODY, "tag=header-example"),
	    SCHEME_HEADER_MISSING, "no tag");
}

/* ---- several signatures, odd headers ---- */

static enum scheme_result
with(const struct example *e, const char *input, const char *signature)
{
	(void)begin();
	requests_put(NULL, "signature-input", input);
	requests_put(NULL, "signature", signature);
	return verify(e, NULL);
}

static void
test_several(void **state)
{
	const struct example *e = &examples[1];
	struct buf inputs = {0}, signatures = {0};

	(void)state;
	(void)buf_printf(&inputs, "%s, x=(\"@method\");created=1, %s, y=(), z",
	    examples[2].input, e->input);
	(void)buf_printf(&signatures, "x=:AAAA:, %s, y=1", e->signature);
	expect(with(e, buf_str(&inputs), buf_str(&signatures)), SCHEME_OK,
	    "one of them is right");
	expect(with(e, "sig-b22=1", e->signature), SCHEME_HEADER_MISSING,
	    "no list");
	expect(with(e, e->input, "sig-b22=\"x\""), SCHEME_BAD_ENCODING,
	    "no bytes");
	expect(with(e, e->input, "other=:AAAA:"), SCHEME_HEADER_MISSING,
	    "another label");
	expect(with(e, "a=(", e->signature), SCHEME_BAD_FORMAT, "input");
	expect(with(e, e->input, "a=("), SCHEME_BAD_FORMAT, "signature");
	(void)begin();
	requests_put(NULL, "signature", e->signature);
	expect(verify(e, NULL), SCHEME_HEADER_MISSING, "no input");
	buf_reset(&inputs);
	buf_reset(&signatures);
	for (int i = 0; i <= SCHEME_MESSAGE_SIGNATURES_MAX; i++) {
		(void)buf_printf(&inputs, "a%d=(), ", i);
		(void)buf_printf(&signatures, "a%d=:AAAA:, ", i);
	}
	(void)buf_add_str(&inputs, e->input);
	(void)buf_add_str(&signatures, e->signature);
	expect(with(e, buf_str(&inputs), buf_str(&signatures)),
	    SCHEME_HEADER_MISSING, "too many");
	buf_clear(&inputs);
	buf_clear(&signatures);
}

/* ---- time, algorithm, key: under an HMAC that is made here ---- */

#define SECRET "it is no secret"

static const struct example hmac = {
    "", "hmac-sha256", SECRET, "text", "content-digest", NULL, NULL, true};

static const char *secret = SECRET;

/* A request signed with these parameters. */
static void
sign_as(const char *digest, const char *rest)
{
	struct scheme_key key = {
	    .p = (unsigned char *)(uintptr_t)secret, .len = strlen(secret)};
	struct scheme_jws jws = {.algorithm = SCHEME_HS256};
	struct buf input = {0}, base = {0}, bytes = {0}, signature = {0};

	(void)begin();
	for (size_t i = 0; i < requests_sent.request.n_headers; i++)
		if (strcmp(requests_sent.headers[i].name, "content-digest") ==
		    0)
			requests_sent.headers[i].value = digest;
	(void)buf_printf(&input, "s=(\"content-digest\")%s", rest);
	(void)buf_printf(&base,
	    "\"content-digest\": %s\n\"@signature-params\": "
	    "(\"content-digest\")%s",
	    digest, rest);
	jws.text = buf_str(&base);
	jws.text_len = base.len;
	assert_int_equal(scheme_jws_sign(&jws, &key, &bytes), 0);
	(void)buf_add_str(&signature, "s=:");
	(void)codec_encode(CODEC_BASE64, bytes.p, bytes.len, &signature);
	(void)buf_add_char(&signature, ':');
	requests_put(NULL, "signature-input", buf_str(&input));
	requests_put(NULL, "signature", buf_str(&signature));
	buf_clear(&input);
	buf_clear(&base);
	buf_clear(&bytes);
	buf_clear(&signature);
}

static void
signed_as(const char *rest, const char *more, enum scheme_result wanted)
{
	sign_as(SHA512, rest);
	expect(verify(&hmac, more), wanted, rest);
}

static void
test_times(void **state)
{
	(void)state;
	signed_as(";created=1618884473", NULL, SCHEME_OK);
	signed_as(";created=1618884173", NULL, SCHEME_OK);
	signed_as(";created=1618884172", NULL, SCHEME_TOO_OLD);
	signed_as(";created=1618884773", NULL, SCHEME_OK);
	signed_as(";created=1618884774", NULL, SCHEME_TOO_NEW);
	signed_as(";created=1618884774", "direction=past", SCHEME_OK);
	signed_as("", NULL, SCHEME_HEADER_MISSING);
	signed_as("", "tolerance=none", SCHEME_OK);
	signed_as(";created=1", "tolerance=none", SCHEME_OK);
	signed_as(";created=1618884473.0", NULL, SCHEME_BAD_FORMAT);
	signed_as(";created=\"1618884473\"", NULL, SCHEME_BAD_FORMAT);
	signed_as(";created=-1", NULL, SCHEME_BAD_FORMAT);
	signed_as(";created=1618884473;expires=1618884473", NULL, SCHEME_OK);
	signed_as(
	    ";created=1618884473;expires=1618884472", NULL, SCHEME_TOO_OLD);
	signed_as(";expires=1618884472", "tolerance=none", SCHEME_TOO_OLD);
	signed_as(";created=1618884473;expires=x", NULL, SCHEME_BAD_FORMAT);
}

static void
test_algorithm(void **state)
{
	(void)state;
	signed_as(";created=1618884473;alg=\"hmac-sha256\"", NULL, SCHEME_OK);
	signed_as(
	    ";created=1618884473;alg=\"ed25519\"", NULL, SCHEME_NO_SUCH_KEY);
	signed_as(";created=1618884473;alg=\"none\"", NULL, SCHEME_NO_SUCH_KEY);
	signed_as(
	    ";created=1618884473;alg=hmac-sha256", NULL, SCHEME_BAD_FORMAT);
	signed_as(";created=1618884473;keyid=7", NULL, SCHEME_BAD_FORMAT);
	signed_as(";created=1618884473;keyid=\"any\";nonce=\"x\";other=?0",
	    NULL, SCHEME_OK);
}

/* A public key is no secret: who knows it makes no HMAC that passes. */
static void
test_no_confusion(void **state)
{
	struct example e = hmac;

	(void)state;
	e.key = secret = ED25519;
	sign_as(SHA512, ";created=1618884473");
	secret = SECRET;
	e.algorithms = "ed25519";
	expect(verify(&e, NULL), SCHEME_MISMATCH, "HMAC under a public key");
	e.algorithms = "ed25519 ecdsa-p256-sha256 rsa-pss-sha512";
	expect(verify(&e, NULL), SCHEME_MISMATCH, "with several");
}

static void
digest_is(const char *digest, enum scheme_result wanted)
{
	sign_as(digest, ";created=1618884473");
	expect(verify(&hmac, NULL), wanted, digest);
}

static void
test_digests(void **state)
{
	(void)state;
	digest_is(SHA256, SCHEME_OK);
	digest_is(SHA256 ", " SHA512, SCHEME_OK);
	digest_is("md5=:AAAA:, " SHA256 ";x=1", SCHEME_OK);
	/* of several all must be right */
	digest_is(SHA512 ", sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9"
			 "DBPA=:",
	    SCHEME_MISMATCH);
	digest_is("md5=:AAAA:", SCHEME_NO_SUCH_KEY);
	digest_is("sha-256=:AAAA:", SCHEME_WRONG_LENGTH);
	digest_is("sha-256=?1", SCHEME_BAD_ENCODING);
	digest_is("sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE",
	    SCHEME_BAD_ENCODING);
	digest_is("sha-256", SCHEME_BAD_ENCODING);
	digest_is("SHA-256=:AAAA:", SCHEME_BAD_FORMAT);
}

/* ---- the draft ---- */

#define DRAFT_SIGNATURE                                                        \
	"keyid=\"k\", algorithm=\"hmac-sha256\", signature=\"%s\", "           \
	"headers=\"%s\""

static enum scheme_result
verify_draft(void)
{
	static const struct example e = {"", "hmac-sha256", SECRET, "text",
	    "(request-target)", NULL, NULL, true};

	return verify(&e, "syntax=cavage");
}

static enum scheme_result
draft(const char *form, const char *headers, const char *base)
{
	struct scheme_key key = {
	    .p = (unsigned char *)(uintptr_t)SECRET, .len = strlen(SECRET)};
	struct scheme_jws jws = {SCHEME_HS256, base, strlen(base)};
	struct buf bytes = {0}, text = {0};
	char value[1024];

	assert_int_equal(scheme_jws_sign(&jws, &key, &bytes), 0);
	(void)codec_encode(CODEC_BASE64, bytes.p, bytes.len, &text);
	(void)begin();
	requests_put(NULL, "digest",
	    "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(value, sizeof(value), form, buf_str(&text), headers);
#pragma GCC diagnostic pop
	requests_put(NULL, "signature", value);
	buf_clear(&bytes);
	buf_clear(&text);
	return verify_draft();
}

#define DRAFT_TARGET "(request-target): post /foo?param=Value&Pet=dog"
#define DRAFT_DIGEST                                                           \
	"digest: SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="
#define DRAFT_DATE "date: Tue, 20 Apr 2021 02:07:55 GMT"

static void
test_draft(void **state)
{
	static const char all[] = "(request-target) host date digest";
	static const char base[] =
	    DRAFT_TARGET "\nhost: example.com\n" DRAFT_DATE "\n" DRAFT_DIGEST;

	(void)state;
	expect(draft(DRAFT_SIGNATURE, all, base), SCHEME_OK, "draft");
	expect(draft("keyId=\"k\",signature=\"%s\",headers=\"%s\"", all, base),
	    SCHEME_OK, "no algorithm");
	expect(draft("algorithm=\"hs2019\",signature=\"%s\",headers=\"%s\"",
		   all, base),
	    SCHEME_OK, "hs2019");
	expect(draft("algorithm=\"rsa-sha256\",signature=\"%s\",headers=\"%s\"",
		   all, base),
	    SCHEME_NO_SUCH_KEY, "another algorithm");
	expect(draft("signature=\"%s\",headers=\"%s\",created=1618884473",
		   "(request-target) (created) digest",
		   DRAFT_TARGET "\n(created): 1618884473\n" DRAFT_DIGEST),
	    SCHEME_OK, "created");
	expect(draft("signature=\"%s\",headers=\"%s\",created=1618884473",
		   "(request-target) digest", DRAFT_TARGET "\n" DRAFT_DIGEST),
	    SCHEME_HEADER_MISSING, "created is not signed");
	expect(draft("signature=\"%s\",headers=\"%s\",created=1618880000",
		   "(request-target) (created) digest",
		   DRAFT_TARGET "\n(created): 1618880000\n" DRAFT_DIGEST),
	    SCHEME_TOO_OLD, "old");
	expect(draft(DRAFT_SIGNATURE, all, base), SCHEME_OK, "again");
	requests_sent.request.body_len = 0;
	expect(verify_draft(), SCHEME_MISMATCH, "no body");
	expect(draft(DRAFT_SIGNATURE, "(request-target) date",
		   DRAFT_TARGET "\n" DRAFT_DATE),
	    SCHEME_HEADER_MISSING, "no digest");
	expect(
	    draft(DRAFT_SIGNATURE, "date digest", DRAFT_DATE "\n" DRAFT_DIGEST),
	    SCHEME_HEADER_MISSING, "no target");
}

static void
test_draft_forms(void **state)
{
	static const char *const bad[] = {"x", "signature=\"%s\"",
	    "headers=\"%s\"", "signature=\"%s\",headers=\"%s\",",
	    "signature=\"%s\",,headers=\"%s\"",
	    "signature=\"%s\" headers=\"%s\"", "signature=\"%s\",headers=\"%s",
	    "signature=\"%s\",headers=\"%s\",headers=\"date\"",
	    "signature=\"%s\",headers=\"%s\",unknown=\"x\"",
	    "signature=\"%s\",headers=\"%s\",created=\"x\"",
	    "signature=%s,headers=\"%s\""};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(draft(bad[i], "(request-target) date digest",
			   DRAFT_TARGET "\n" DRAFT_DATE "\n" DRAFT_DIGEST),
		    SCHEME_BAD_FORMAT, bad[i]);
	expect(draft(DRAFT_SIGNATURE, "(request-target)  date digest", ""),
	    SCHEME_BAD_FORMAT, "two blanks");
	expect(
	    draft(DRAFT_SIGNATURE, "(request-target) date digest @method", ""),
	    SCHEME_BAD_FORMAT, "of the other syntax");
}

/* ---- settings ---- */

static void
test_refused_settings(void **state)
{
	static const struct {
		const char *a, *b, *sentence;
	} rows[] = {
	    {"kind=message", NULL, "algorithms: missing"},
	    {"kind=message", "algorithms=ed25519 hmac-sha256", "stands alone"},
	    {"kind=message", "algorithms=rsa-pss-sha512 rsa-v1_5-sha256",
		"has one of them"},
	    {"kind=message", "max_age=5m", "for kind jwt"},
	    {"kind=jwt", "algorithms=hmac-sha256", "algorithms"},
	    {"kind=token", "covered=@method", "for kind message"},
	    {"kind=token", "tag=x", "for kind message"},
	    {"kind=token", "payload={body}", "for kind jwt"},
	};

	char error[SCHEME_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *settings[] = {
		    "signature=header:x", rows[i].a, rows[i].b, NULL};
		struct scheme *scheme = requests_scheme(NULL, settings);

		if (scheme_check(scheme, error) != -1)
			fail_msg("%s %s", rows[i].a, rows[i].b);
		support_contains(error, rows[i].sentence);
		scheme_free(scheme);
	}
}

static void
test_unknown_components(void **state)
{
	static const char *const bad[] = {
	    "@status", "Date", "(target)", "@query-param", "a\"b", "a b c d e"};
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct scheme *scheme = scheme_new("x", NULL);

		if (scheme_set(scheme, "covered", bad[i], error) != -1)
			fail_msg("%s", bad[i]);
		scheme_free(scheme);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_appendix),
	    cmocka_unit_test(test_proxy),
	    cmocka_unit_test(test_transformations),
	    cmocka_unit_test(test_components),
	    cmocka_unit_test(test_query_params),
	    cmocka_unit_test(test_refused_components),
	    cmocka_unit_test(test_covered),
	    cmocka_unit_test(test_several),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_algorithm),
	    cmocka_unit_test(test_no_confusion),
	    cmocka_unit_test(test_digests),
	    cmocka_unit_test(test_draft),
	    cmocka_unit_test(test_draft_forms),
	    cmocka_unit_test(test_refused_settings),
	    cmocka_unit_test(test_unknown_components),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
