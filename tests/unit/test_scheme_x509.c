/*
 * What is asked of certificates, and what is no certificate.  How chains lead
 * up is in tests/vectors (paypal, apple-app-store), and here that of Apple's
 * own, out of the tests of its library.
 */

#include <stdio.h>
#include <string.h>

#include "../../shared/scheme.h"
#include "../../shared/scheme_x509.h"
#include "requests.h"
#include "support.h"

enum { TEXT_MAX = 16384, LIST_MAX = 8192 };

/* October 2025, when all of them were valid. */
static const int64_t then_ms = INT64_C(1761962975000);

static const char apple_root[] =
    "MIICQzCCAcmgAwIBAgIILcX8iNLFS5UwCgYIKoZIzj0EAwMwZzEbMBkGA1UEAwwSQXBwbGUg"
    "Um9vdCBDQSAtIEczMSYwJAYDVQQLDB1BcHBsZSBDZXJ0aWZpY2F0aW9uIEF1dGhvcml0eTET"
    "MBEGA1UECgwKQXBwbGUgSW5jLjELMAkGA1UEBhMCVVMwHhcNMTQwNDMwMTgxOTA2WhcNMzkw"
    "NDMwMTgxOTA2WjBnMRswGQYDVQQDDBJBcHBsZSBSb290IENBIC0gRzMxJjAkBgNVBAsMHUFw"
    "cGxlIENlcnRpZmljYXRpb24gQXV0aG9yaXR5MRMwEQYDVQQKDApBcHBsZSBJbmMuMQswCQYD"
    "VQQGEwJVUzB2MBAGByqGSM49AgEGBSuBBAAiA2IABJjpLz1AcqTtkyJygRMc3RCV8cWjTnHc"
    "FBbZDuWmBSp3ZHtfTjjTuxxEtX/1H7YyYl3J6YRbTzBPEVoA/VhYDKX1DyxNB0cTddqXl5dv"
    "MVztK517IDvYuVTZXpmkOlEKMaNCMEAwHQYDVR0OBBYEFLuw3qFYM4iapIqZ3r6966/ayySr"
    "MA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMAoGCCqGSM49BAMDA2gAMGUCMQCD"
    "6cHEFl4aXTQY2e3v9GwOAEZLuN+yRhHFD/3meoyhpmvOwgPUnPWTxnS4at+qIxUCMG1mihDK"
    "1A3UT82NQz60imOlM27jbdoXt2QfyFMm+YhidDkLF1vLUagM6BgD56KyKA==";

static const char apple_relations[] =
    "MIIDFjCCApygAwIBAgIUIsGhRwp0c2nvU4YSycafPTjzbNcwCgYIKoZIzj0EAwMwZzEbMBkG"
    "A1UEAwwSQXBwbGUgUm9vdCBDQSAtIEczMSYwJAYDVQQLDB1BcHBsZSBDZXJ0aWZpY2F0aW9u"
    "IEF1dGhvcml0eTETMBEGA1UECgwKQXBwbGUgSW5jLjELMAkGA1UEBhMCVVMwHhcNMjEwMzE3"
    "MjAzNzEwWhcNMzYwMzE5MDAwMDAwWjB1MUQwQgYDVQQDDDtBcHBsZSBXb3JsZHdpZGUgRGV2"
    "ZWxvcGVyIFJlbGF0aW9ucyBDZXJ0aWZpY2F0aW9uIEF1dGhvcml0eTELMAkGA1UECwwCRzYx"
    "EzARBgNVBAoMCkFwcGxlIEluYy4xCzAJBgNVBAYTAlVTMHYwEAYHKoZIzj0CAQYFK4EEACID"
    "YgAEbsQKC94PrlWmZXnXgtxzdVJL8T0SGYngDRGpngn3N6PT8JMEb7FDi4bBmPhCnZ3/sq6P"
    "F/cGcKXWsL5vOteRhyJ45x3ASP7cOB+aao90fcpxSv/EZFbniAbNgZGhIhpIo4H6MIH3MBIG"
    "A1UdEwEB/wQIMAYBAf8CAQAwHwYDVR0jBBgwFoAUu7DeoVgziJqkipnevr3rr9rLJKswRgYI"
    "KwYBBQUHAQEEOjA4MDYGCCsGAQUFBzABhipodHRwOi8vb2NzcC5hcHBsZS5jb20vb2NzcDAz"
    "LWFwcGxlcm9vdGNhZzMwNwYDVR0fBDAwLjAsoCqgKIYmaHR0cDovL2NybC5hcHBsZS5jb20v"
    "YXBwbGVyb290Y2FnMy5jcmwwHQYDVR0OBBYEFD8vlCNR01DJmig97bB85c+lkGKZMA4GA1Ud"
    "DwEB/wQEAwIBBjAQBgoqhkiG92NkBgIBBAIFADAKBggqhkjOPQQDAwNoADBlAjBAXhSq5IyK"
    "ogMCPtw490BaB677CaEGJXufQB/EqZGd6CSjiCtOnuMTbXVXmxxcxfkCMQDTSPxarZXvNrkx"
    "U3TkUMI33yzvFVVRT4wxWJC994OsdcZ4+RGNsYDyR5gmdr0nDGg=";

/* 2025-09-19 to 2027-10-13 */
static const char apple_signer[] =
    "MIIEMTCCA7agAwIBAgIQR8KHzdn554Z/UoradNx9tzAKBggqhkjOPQQDAzB1MUQwQgYDVQQD"
    "DDtBcHBsZSBXb3JsZHdpZGUgRGV2ZWxvcGVyIFJlbGF0aW9ucyBDZXJ0aWZpY2F0aW9uIEF1"
    "dGhvcml0eTELMAkGA1UECwwCRzYxEzARBgNVBAoMCkFwcGxlIEluYy4xCzAJBgNVBAYTAlVT"
    "MB4XDTI1MDkxOTE5NDQ1MVoXDTI3MTAxMzE3NDcyM1owgZIxQDA+BgNVBAMMN1Byb2QgRUND"
    "IE1hYyBBcHAgU3RvcmUgYW5kIGlUdW5lcyBTdG9yZSBSZWNlaXB0IFNpZ25pbmcxLDAqBgNV"
    "BAsMI0FwcGxlIFdvcmxkd2lkZSBEZXZlbG9wZXIgUmVsYXRpb25zMRMwEQYDVQQKDApBcHBs"
    "ZSBJbmMuMQswCQYDVQQGEwJVUzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNnVvhcv7iT+"
    "7Ex5tBMBgrQspHzIsXRi0Yxfek7lv8wEmj/bHiWtNwJqc2BoHzsQiEjP7KFIIKg4Y8y0/nyn"
    "uAmjggIIMIICBDAMBgNVHRMBAf8EAjAAMB8GA1UdIwQYMBaAFD8vlCNR01DJmig97bB85c+l"
    "kGKZMHAGCCsGAQUFBwEBBGQwYjAtBggrBgEFBQcwAoYhaHR0cDovL2NlcnRzLmFwcGxlLmNv"
    "bS93d2RyZzYuZGVyMDEGCCsGAQUFBzABhiVodHRwOi8vb2NzcC5hcHBsZS5jb20vb2NzcDAz"
    "LXd3ZHJnNjAyMIIBHgYDVR0gBIIBFTCCAREwggENBgoqhkiG92NkBQYBMIH+MIHDBggrBgEF"
    "BQcCAjCBtgyBs1JlbGlhbmNlIG9uIHRoaXMgY2VydGlmaWNhdGUgYnkgYW55IHBhcnR5IGFz"
    "c3VtZXMgYWNjZXB0YW5jZSBvZiB0aGUgdGhlbiBhcHBsaWNhYmxlIHN0YW5kYXJkIHRlcm1z"
    "IGFuZCBjb25kaXRpb25zIG9mIHVzZSwgY2VydGlmaWNhdGUgcG9saWN5IGFuZCBjZXJ0aWZp"
    "Y2F0aW9uIHByYWN0aWNlIHN0YXRlbWVudHMuMDYGCCsGAQUFBwIBFipodHRwOi8vd3d3LmFw"
    "cGxlLmNvbS9jZXJ0aWZpY2F0ZWF1dGhvcml0eS8wHQYDVR0OBBYEFIFioG4wMMVA1ku9zJmG"
    "NPAVn3eqMA4GA1UdDwEB/wQEAwIHgDAQBgoqhkiG92NkBgsBBAIFADAKBggqhkjOPQQDAwNp"
    "ADBmAjEA+qXnREC7hXIWVLsLxznjRpIzPf7VHz9V/CTm8+LJlrQepnmcPvGLNcX6XPnlcgLA"
    "AjEA5IjNZKgg5pQ79knF4IbTXdKv8vutIDMXDmjPVT3dGvFtsGRwXOywR2kZCdSrfeot";

static const char apple_print[] =
    "sha256:63:34:3A:BF:B8:9A:6A:03:EB:B5:7E:9B:3F:5F:A7:BE:7C:4F:5C:75:6F:30:"
    "17:B3:A8:C4:88:C3:65:3E:91:79";

/* The keys of the App Store's scheme for a secret; NULL: none. */
static struct scheme_keys *
keys_of(const char *name, const char *secret, size_t len,
    char error[SCHEME_ERROR_SIZE])
{
	struct scheme_secret given = {(const unsigned char *)secret, len};

	return scheme_keys_new(scheme_builtin(name), &given, 1, error);
}

/* Whether a chain of x5c leads to a secret at a time. */
static enum scheme_result
lead(const char *x5c, const char *secret, int64_t now_ms)
{
	static struct scheme_proof proof;
	struct scheme_request request = {.now_ms = now_ms};
	char error[SCHEME_ERROR_SIZE];
	struct buf header = {0};
	struct scheme_keys *keys =
	    keys_of("apple-app-store", secret, strlen(secret), error);
	STACK_OF(X509) * chain;
	enum scheme_result result;

	if (!keys)
		fail_msg("%s", error);
	assert_int_equal(buf_printf(&header, "{\"x5c\":[%s]}", x5c), 0);
	memset(&proof, 0, sizeof(proof));
	proof.rules = scheme_builtin("apple-app-store")->rules;
	proof.look.request = &request;
	chain = scheme_x509_x5c(&header);
	result = scheme_x509_check(&proof, &keys->v[0], chain);
	sk_X509_pop_free(chain, X509_free);
	scheme_keys_free(keys);
	buf_clear(&header);
	return result;
}

static const char *
list(const char *a, const char *b, const char *c)
{
	static char text[LIST_MAX];

	(void)snprintf(text, sizeof(text), "\"%s\",\"%s\",\"%s\"", a, b, c);
	return text;
}

static void
test_apple(void **state)
{
	const char *all = list(apple_signer, apple_relations, apple_root);

	(void)state;
	assert_int_equal(lead(all, apple_print, then_ms), SCHEME_OK);
	/* the day before its first, the day after its last */
	assert_int_equal(lead(all, apple_print, INT64_C(1758200000000)),
	    SCHEME_BAD_CERTIFICATE);
	assert_int_equal(lead(all, apple_print, INT64_C(1823500000000)),
	    SCHEME_BAD_CERTIFICATE);
	all = list(apple_relations, apple_signer, apple_root);
	assert_int_equal(
	    lead(all, apple_print, then_ms), SCHEME_BAD_CERTIFICATE);
	/* the root says for itself that it is trusted */
	all = list(apple_signer, apple_relations, apple_relations);
	assert_int_equal(
	    lead(all, apple_print, then_ms), SCHEME_BAD_CERTIFICATE);
}

static void
refuse_secret(const char *secret, size_t len, const char *sentence)
{
	char error[SCHEME_ERROR_SIZE] = "";
	struct scheme_keys *keys =
	    keys_of("apple-app-store", secret, len, error);

	assert_null(keys);
	support_contains(error, sentence);
}

static void
test_secrets(void **state)
{
	static const char one[] = "-----BEGIN CERTIFICATE-----\n"
				  "AAAA\n-----END CERTIFICATE-----\n";
	static const char *const prints[] = {"sha256:", "sha256:00",
	    "sha256:6334zz",
	    "sha256:63343abfb89a6a03ebb57e9b3f5fa7be7c4f5c756f3017b3a8c488c365"
	    "3e917900"};

	(void)state;
	for (size_t i = 0; i < sizeof(prints) / sizeof(*prints); i++)
		refuse_secret(prints[i], strlen(prints[i]), "no SHA-256");
	refuse_secret(one, strlen(one), "is no certificate");
	refuse_secret("a word", 6, "is no certificate");
	refuse_secret("system-caa", 10, "is no certificate");
	refuse_secret("0\x82\xff\xff", 4, "is no certificate");
}

static void
test_readers(void **state)
{
	static const char *const headers[] = {"", "{", "{}", "{\"x5c\":[]}",
	    "{\"x5c\":{}}", "{\"x5c\":\"\"}", "{\"x5c\":[1]}",
	    "{\"x5c\":[\"\"]}", "{\"x5c\":[\"AAAA\"]}"};
	char text[TEXT_MAX];
	struct buf header = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		buf_reset(&header);
		assert_int_equal(buf_add_str(&header, headers[i]), 0);
		assert_null(scheme_x509_x5c(&header));
	}
	/* what is behind the last one counts, too */
	buf_reset(&header);
	(void)snprintf(
	    text, sizeof(text), "{\"x5c\":[\"%s\",null]}", apple_signer);
	assert_int_equal(buf_add_str(&header, text), 0);
	assert_null(scheme_x509_x5c(&header));
	buf_clear(&header);
	assert_null(scheme_x509_read("", 0));
	memset(text, ' ', sizeof(text));
	assert_null(scheme_x509_read(text, sizeof(text)));
}

static void
refuse(const char *const *settings, const char *sentence)
{
	struct scheme *scheme = requests_scheme(NULL, settings);
	char error[SCHEME_ERROR_SIZE] = "";

	assert_int_equal(scheme_check(scheme, error), -1);
	support_contains(error, sentence);
	scheme_free(scheme);
}

static void
test_language(void **state)
{
	struct scheme *scheme = scheme_new("x", NULL);
	char error[SCHEME_ERROR_SIZE];

	(void)state;
	assert_int_equal(
	    scheme_set(scheme, "certificate_oid", "1.2.840.1", error), 0);
	assert_int_equal(
	    scheme_set(scheme, "certificate_oid", "commonName", error), -1);
	support_contains(error, "is no OID");
	assert_int_equal(
	    scheme_set(scheme, "certificate_name", "a.example", error), 0);
	assert_int_equal(
	    scheme_set(scheme, "certificate_name", "*.example", error), -1);
	assert_int_equal(
	    scheme_set(scheme, "keys_at", "signature:t", error), -1);
	assert_int_equal(scheme_set(scheme, "claim", "a//b=c", error), -1);
	assert_int_equal(scheme_set(scheme, "claim", "a|=c", error), -1);
	assert_int_equal(scheme_set(scheme, "claim", "a/b|c/d=e", error), 0);
	scheme_free(scheme);

	refuse((const char *[]){"kind=hmac", "signature=header:x",
		   "template={body}", "secret_encoding=certificate", NULL},
	    "is for public keys and jwt");
	refuse((const char *[]){"kind=rsa", "signature=header:x",
		   "template={body}", "certificate_name=a.example", NULL},
	    "need secret_encoding");
	refuse((const char *[]){"kind=rsa", "signature=header:x",
		   "template={body}", "secret_encoding=certificate",
		   "keys_from=a.example/x", NULL},
	    "one without the other");
	refuse((const char *[]){"kind=jwt", "signature=header:x",
		   "algorithms=HS256", "secret_encoding=certificate", NULL},
	    "HS ones have no certificates");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_apple),
	    cmocka_unit_test(test_secrets),
	    cmocka_unit_test(test_readers),
	    cmocka_unit_test(test_language),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
