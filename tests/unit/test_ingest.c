/* What a request is, before and after its body is read. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "../../fcgi/ingest.h"
#include "support.h"

static const char configuration[] = "[gateway]\n"
				    "https = %s\n"
				    "max_body = 100k\n"
				    "trusted_proxy = 10.0.0.0/8\n"
				    "[worker local]\n"
				    "data = ipc:///nowhere/data\n"
				    "control = ipc:///nowhere/control\n"
				    "[store]\n"
				    "url = sqlite:/nowhere/db\n"
				    "[dead_letter]\n"
				    "directory = /nowhere/dead\n"
				    "[source open]\n"
				    "scheme = none\n"
				    "unverified = yes\n"
				    "dedup = body\n"
				    "[source inside]\n"
				    "scheme = none\n"
				    "allow = 192.0.2.0/24\n"
				    "allow = 2001:db8::/32\n"
				    "[source json]\n"
				    "scheme = none\n"
				    "unverified = yes\n"
				    "check_body = json\n"
				    "content_type = application/json\n"
				    "content_type = application/*+json\n"
				    "[source one]\n"
				    "scheme = none\n"
				    "unverified = yes\n"
				    "path = /shared\n"
				    "host = one.example\n"
				    "[source any]\n"
				    "scheme = none\n"
				    "unverified = yes\n"
				    "path = /shared\n"
				    "[source github]\n"
				    "scheme = github\n"
				    "secret = 0123456789abcdef\n"
				    "[source slack]\n"
				    "scheme = slack\n"
				    "secret = 0123456789abcdef\n"
				    "[route all]\n"
				    "source = *\n"
				    "run = /bin/true\n";

struct fixture {
	char *dir;
	struct tallies *tallies;
	struct snapshot *snapshot;
	struct params params;
	struct target target;
	struct ingest ingest;
};

static struct snapshot *
load(struct fixture *f, const char *https)
{
	char *path = support_path(f->dir, "gaff.conf");
	struct buf text = {0};
	struct buf errors = {0};
	struct config *config;
	struct snapshot *snapshot;

	assert_int_equal(buf_printf(&text, configuration, https), 0);
	support_write(path, text.p, text.len, 0600);
	config = config_load(path, CONFIG_ROLE_GATEWAY, &errors, NULL);
	if (config == NULL)
		fail_msg("%s", buf_str(&errors));
	snapshot = snapshot_new(config, f->tallies);
	assert_non_null(snapshot);
	config_unref(config);
	buf_clear(&text);
	buf_clear(&errors);
	free(path);
	return snapshot;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->dir = support_dir();
	f->tallies = tallies_new();
	f->snapshot = load(f, "no");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	snapshot_unref(f->snapshot);
	tallies_free(f->tallies);
	support_dir_remove(f->dir);
	free(f);
	return 0;
}

/* A head of up to eight variables beside the usual ones. */
static enum ingest_step
head(struct fixture *f, const char *uri, const char *const *more)
{
	static char uri_text[512];
	const char *envp[16] = {"REQUEST_METHOD=POST", uri_text};
	size_t n = 2;

	(void)snprintf(uri_text, sizeof uri_text, "REQUEST_URI=%s", uri);
	for (size_t i = 0; more != NULL && more[i] != NULL; i++) {
		if (strncmp(more[i], "REQUEST_METHOD", 14) == 0)
			envp[0] = more[i];
		else
			envp[n++] = more[i];
	}
	assert_int_equal(
	    params_read(&f->params, (char *const *)(uintptr_t)envp), PARAMS_OK);
	return ingest_head(&f->ingest, f->snapshot, &f->params, &f->target);
}

static void
done(struct fixture *f)
{
	ingest_clear(&f->ingest);
	params_clear(&f->params);
}

#define MORE(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
expect_head(struct fixture *f, const char *uri, const char *const *more,
    enum refusal refusal)
{
	enum ingest_step step = head(f, uri, more);

	if (refusal == REFUSAL_NONE) {
		assert_int_equal(step, INGEST_READ);
	} else {
		assert_int_equal(step, INGEST_REFUSE);
		assert_string_equal(refusal_row(f->ingest.refusal)->reason,
		    refusal_row(refusal)->reason);
	}
	done(f);
}

static void
test_paths(void **state)
{
	struct fixture *f = *state;

	expect_head(f, "/hooks/open", NULL, REFUSAL_NONE);
	expect_head(f, "/hooks/open?a=b", NULL, REFUSAL_NONE);
	expect_head(f, "http://x/hooks/open", NULL, REFUSAL_NONE);
	expect_head(f, "/hooks/open/", NULL, REFUSAL_NO_SOURCE);
	expect_head(f, "/hooks/ope", NULL, REFUSAL_NO_SOURCE);
	expect_head(f, "/hooks/Open", NULL, REFUSAL_NO_SOURCE);
	expect_head(f, "/hooks//open", NULL, REFUSAL_MALFORMED);
	expect_head(f, "/hooks/%6fpen", NULL, REFUSAL_MALFORMED);
	expect_head(f, "", NULL, REFUSAL_MALFORMED);
}

static void
test_hosts(void **state)
{
	static const struct {
		const char *host;
		const char *source;
	} rows[] = {
	    {"HTTP_HOST=one.example", "one"},
	    {"HTTP_HOST=One.Example:8080", "one"},
	    {"HTTP_HOST=one.example.org", "any"},
	    {"HTTP_HOST=two.example", "any"},
	    {"A=b", "any"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(
		    head(f, "/shared", MORE(rows[i].host)), INGEST_READ);
		assert_string_equal(f->ingest.source->name, rows[i].source);
		done(f);
	}
}

static void
test_own_paths(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
	    head(f, "/-/health", MORE("REQUEST_METHOD=GET")), INGEST_HEALTH);
	done(f);
	assert_int_equal(
	    head(f, "/-/ready", MORE("REQUEST_METHOD=HEAD")), INGEST_READY);
	done(f);
	expect_head(f, "/-/ready", NULL, REFUSAL_METHOD);
	expect_head(
	    f, "/-/other", MORE("REQUEST_METHOD=GET"), REFUSAL_NO_SOURCE);
}

static void
test_addresses(void **state)
{
	struct fixture *f = *state;
	const char *uri = "/hooks/inside";

	expect_head(f, uri, MORE("REMOTE_ADDR=192.0.2.7"), REFUSAL_NONE);
	expect_head(f, uri, MORE("REMOTE_ADDR=::ffff:192.0.2.7"), REFUSAL_NONE);
	expect_head(f, uri, MORE("REMOTE_ADDR=2001:db8::1"), REFUSAL_NONE);
	expect_head(f, uri, MORE("REMOTE_ADDR=192.0.3.1"), REFUSAL_ADDRESS);
	/* without an address nobody is inside */
	expect_head(f, uri, NULL, REFUSAL_ADDRESS);
	expect_head(f, uri, MORE("REMOTE_ADDR=unix:"), REFUSAL_ADDRESS);
	/* a proxy that is not trusted cannot vouch for another address */
	expect_head(f, uri,
	    MORE("REMOTE_ADDR=192.0.3.1", "HTTP_X_FORWARDED_FOR=192.0.2.7"),
	    REFUSAL_ADDRESS);
	expect_head(f, uri,
	    MORE("REMOTE_ADDR=10.1.1.1", "HTTP_X_FORWARDED_FOR=192.0.2.7"),
	    REFUSAL_NONE);
	/* headers sent twice count as one list: the last hop decides */
	expect_head(f, uri,
	    MORE("REMOTE_ADDR=10.1.1.1", "HTTP_X_FORWARDED_FOR=192.0.2.7",
		"HTTP_X_FORWARDED_FOR=203.0.113.9"),
	    REFUSAL_ADDRESS);
}

static void
test_methods(void **state)
{
	struct fixture *f = *state;

	expect_head(
	    f, "/hooks/open", MORE("REQUEST_METHOD=GET"), REFUSAL_METHOD);
	expect_head(
	    f, "/hooks/open", MORE("REQUEST_METHOD=PUT"), REFUSAL_METHOD);
	expect_head(
	    f, "/hooks/open", MORE("REQUEST_METHOD=post"), REFUSAL_METHOD);
	expect_head(f, "/hooks/open", MORE("REQUEST_METHOD="), REFUSAL_METHOD);
}

static void
test_lengths(void **state)
{
	struct fixture *f = *state;
	const char *uri = "/hooks/open";

	expect_head(f, uri, MORE("CONTENT_LENGTH=0"), REFUSAL_NONE);
	expect_head(f, uri, MORE("CONTENT_LENGTH=102400"), REFUSAL_NONE);
	expect_head(f, uri, MORE("CONTENT_LENGTH=102401"), REFUSAL_TOO_LARGE);
	expect_head(f, uri, MORE("CONTENT_LENGTH=99999999999999999999999"),
	    REFUSAL_TOO_LARGE);
	expect_head(f, uri, MORE("CONTENT_LENGTH=-1"), REFUSAL_MALFORMED);
	expect_head(f, uri, MORE("CONTENT_LENGTH=+1"), REFUSAL_MALFORMED);
	expect_head(f, uri, MORE("CONTENT_LENGTH=1 "), REFUSAL_MALFORMED);
	expect_head(f, uri, MORE("CONTENT_LENGTH=0x1"), REFUSAL_MALFORMED);
	expect_head(f, uri, MORE("CONTENT_TYPE=a\x01"), REFUSAL_MALFORMED);
}

static void
expect_https(struct fixture *f, const char *const *more, bool https)
{
	struct snapshot *before = f->snapshot;

	f->snapshot = load(f, "required");
	expect_head(
	    f, "/hooks/open", more, https ? REFUSAL_NONE : REFUSAL_HTTPS);
	snapshot_unref(f->snapshot);
	f->snapshot = load(f, "warn");
	assert_int_equal(head(f, "/hooks/open", more), INGEST_READ);
	assert_int_equal(f->ingest.plain, !https);
	done(f);
	snapshot_unref(f->snapshot);
	f->snapshot = before;
}

static void
test_https(void **state)
{
	struct fixture *f = *state;

	expect_https(f, NULL, false);
	expect_https(f, MORE("HTTPS=on"), true);
	expect_https(f, MORE("HTTPS=off"), false);
	expect_https(f, MORE("REQUEST_SCHEME=https"), true);
	expect_https(f,
	    MORE("REMOTE_ADDR=192.0.2.1", "HTTP_X_FORWARDED_PROTO=https"),
	    false);
	expect_https(f, MORE("HTTP_X_FORWARDED_PROTO=https"), false);
	expect_https(f,
	    MORE("REMOTE_ADDR=10.0.0.1", "HTTP_X_FORWARDED_PROTO=https"), true);
	expect_https(f,
	    MORE("REMOTE_ADDR=10.0.0.1", "HTTP_X_FORWARDED_PROTO=http, https"),
	    true);
	expect_https(f,
	    MORE("REMOTE_ADDR=10.0.0.1", "HTTP_X_FORWARDED_PROTO=https, http"),
	    false);
	expect_https(f,
	    MORE("REMOTE_ADDR=10.0.0.1", "HTTP_X_FORWARDED_PROTO=http",
		"HTTP_X_FORWARDED_PROTO= HTTPS "),
	    true);
}

/* ---- bodies ---- */

static enum ingest_step
body(struct fixture *f, const char *uri, const char *const *more,
    const char *text)
{
	assert_int_equal(head(f, uri, more), INGEST_READ);
	return ingest_body(&f->ingest, text, strlen(text), 1700000000123);
}

static void
expect_body(struct fixture *f, const char *const *more, const char *text,
    enum refusal refusal)
{
	enum ingest_step step = body(f, "/hooks/json", more, text);

	assert_int_equal(
	    step, refusal == REFUSAL_NONE ? INGEST_STORE : INGEST_REFUSE);
	assert_string_equal(refusal_row(f->ingest.refusal)->reason,
	    refusal_row(refusal)->reason);
	done(f);
}

static void
test_types_and_json(void **state)
{
	struct fixture *f = *state;
	const char *const *json = MORE("CONTENT_TYPE=application/json");

	expect_body(f, json, "{}", REFUSAL_NONE);
	expect_body(f, json, "{", REFUSAL_NOT_JSON);
	expect_body(f, json, "", REFUSAL_NOT_JSON);
	expect_body(f, MORE("CONTENT_TYPE=Application/JSON; charset=utf-8"),
	    "{}", REFUSAL_NONE);
	expect_body(f, MORE("CONTENT_TYPE=application/cloudevents+json"), "{}",
	    REFUSAL_NONE);
	expect_body(
	    f, MORE("CONTENT_TYPE=text/json"), "{}", REFUSAL_CONTENT_TYPE);
	expect_body(f, NULL, "{}", REFUSAL_CONTENT_TYPE);
}

static void
test_event(void **state)
{
	struct fixture *f = *state;
	const struct event *event = &f->ingest.event;
	const char *text = "hello";
	uint8_t sha256[EVENT_SHA256_LEN];
	size_t len = sizeof sha256;

	assert_int_equal(
	    body(f, "/hooks/open?a=b",
		MORE("REMOTE_ADDR=::ffff:192.0.2.1", "HTTP_COOKIE=c",
		    "HTTP_X_A=1", "CONTENT_TYPE=text/plain"),
		text),
	    INGEST_STORE);
	assert_string_equal(event->source, "open");
	assert_string_equal(event->key, "");
	assert_string_equal(event->type, "");
	assert_string_equal(event->remote, "192.0.2.1");
	assert_string_equal(event->method, "POST");
	assert_string_equal(event->path, "/hooks/open");
	assert_string_equal(event->query, "a=b");
	assert_string_equal(event->content_type, "text/plain");
	assert_string_equal(
	    event->headers, "{\"x-a\":\"1\",\"content-type\":\"text/plain\"}");
	assert_string_equal(event->scheme, "none");
	assert_int_equal(event->dedup, EVENT_DEDUP_BODY);
	assert_int_equal(event->received_at_ms, 1700000000123);
	assert_int_equal(event->id[0], 0x01); /* 2023 in a UUIDv7 */
	assert_int_equal(event->id[6] >> 4, 7);
	assert_ptr_equal(event->body, text);
	assert_int_equal(event->body_len, 5);
	assert_int_equal(
	    EVP_Q_digest(NULL, "SHA256", NULL, text, 5, sha256, &len), 1);
	assert_memory_equal(event->sha256, sha256, sizeof sha256);
	done(f);
}

/* HTTP_X_HUB_SIGNATURE_256 of a body under the fixture's secret. */
static void
sign(const char *text, char out[128])
{
	unsigned char mac[32];
	size_t len = 0;
	int n = snprintf(out, 128, "HTTP_X_HUB_SIGNATURE_256=sha256=");

	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL,
	    "0123456789abcdef", 16, (const unsigned char *)text, strlen(text),
	    mac, sizeof mac, &len));
	for (size_t i = 0; i < len; i++)
		n += snprintf(out + n, 128 - (size_t)n, "%02x", mac[i]);
}

static void
test_verified(void **state)
{
	struct fixture *f = *state;
	const char *text = "{\"action\":\"opened\"}";
	char signature[128];

	sign(text, signature);
	assert_int_equal(body(f, "/hooks/github",
			     MORE(signature, "HTTP_X_GITHUB_EVENT=issues",
				 "HTTP_X_GITHUB_DELIVERY=d-1",
				 "CONTENT_TYPE=application/json"),
			     text),
	    INGEST_STORE);
	assert_string_equal(f->ingest.event.key, "d-1");
	assert_string_equal(f->ingest.event.type, "issues.opened");
	/* its key is not signed */
	assert_int_equal(f->ingest.event.dedup, EVENT_DEDUP_KEY_BODY);
	assert_null(strstr(f->ingest.event.headers, "signature"));
	done(f);

	/* without a key there is nothing to compare */
	assert_int_equal(
	    body(f, "/hooks/github",
		MORE(signature, "HTTP_X_GITHUB_EVENT=issues"), text),
	    INGEST_STORE);
	assert_int_equal(f->ingest.event.dedup, EVENT_DEDUP_NONE);
	done(f);
}

static void
expect_unverified(
    struct fixture *f, const char *const *more, enum refusal refusal)
{
	assert_int_equal(body(f, "/hooks/github", more, "{}"), INGEST_REFUSE);
	assert_string_equal(refusal_row(f->ingest.refusal)->reason,
	    refusal_row(refusal)->reason);
	assert_int_equal(refusal_row(f->ingest.refusal)->status, 401);
	done(f);
}

static void
test_not_verified(void **state)
{
	struct fixture *f = *state;
	char good[128];
	char bad[128];

	sign("{}", good);
	sign("{ }", bad);
	expect_unverified(f, NULL, REFUSAL_HEADER_MISSING);
	expect_unverified(f, MORE(bad), REFUSAL_MISMATCH);
	expect_unverified(f, MORE(good, good), REFUSAL_HEADER_TWICE);
	expect_unverified(f, MORE(good, bad), REFUSAL_HEADER_TWICE);
	good[strlen(good) - 2] = '\0';
	expect_unverified(f, MORE(good), REFUSAL_WRONG_LENGTH);
}

/* A handshake must be signed as any other request. */
static void
test_handshake_is_verified(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
	    body(f, "/hooks/slack", MORE("CONTENT_TYPE=application/json"),
		"{\"type\":\"url_verification\","
		"\"challenge\":\"abc\"}"),
	    INGEST_REFUSE);
	done(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_hosts),
	    cmocka_unit_test(test_own_paths),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_methods),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_https),
	    cmocka_unit_test(test_types_and_json),
	    cmocka_unit_test(test_event),
	    cmocka_unit_test(test_verified),
	    cmocka_unit_test(test_not_verified),
	    cmocka_unit_test(test_handshake_is_verified),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
