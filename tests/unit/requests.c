#include "requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

struct requests_sent requests_sent;

void
requests_put(void *arg, const char *name, const char *value)
{
	size_t i = requests_sent.request.n_headers++;

	(void)arg;
	assert_true(i < REQUESTS_HEADERS_MAX);
	(void)snprintf(requests_sent.text[i][0], REQUESTS_TEXT_MAX, "%s", name);
	(void)snprintf(
	    requests_sent.text[i][1], REQUESTS_TEXT_MAX, "%s", value);
	requests_sent.headers[i] = (struct scheme_header){
	    requests_sent.text[i][0], requests_sent.text[i][1]};
}

struct scheme_request *
requests_begin(const char *body)
{
	memset(&requests_sent, 0, sizeof(requests_sent));
	requests_sent.request = (struct scheme_request){
	    .method = "POST",
	    .url = "https://example.com/hooks/x?a=1",
	    .path = "/hooks/x",
	    .query = "a=1",
	    .content_type = "application/json",
	    .headers = requests_sent.headers,
	    .body = body,
	    .body_len = strlen(body),
	    .now_ms = INT64_C(1000) * REQUESTS_NOW_S,
	};
	return &requests_sent.request;
}

struct scheme *
requests_scheme(const char *base, const char *const *settings)
{
	struct scheme *scheme =
	    scheme_new("test", base ? scheme_builtin(base) : NULL);
	char error[SCHEME_ERROR_SIZE];

	assert_non_null(scheme);
	for (; *settings; settings++) {
		char *key = strdup(*settings);
		char *equals = strchr(key, '=');

		*equals = '\0';
		if (scheme_set(scheme, key, equals + 1, error))
			fail_msg("%s", error);
		free(key);
	}
	return scheme;
}

struct scheme_keys *
requests_keys(const struct scheme *scheme, const char *secret)
{
	struct scheme_secret given = {
	    (const unsigned char *)secret, strlen(secret)};
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = scheme_keys_new(scheme, &given, 1, error);

	if (!keys)
		fail_msg("%s", error);
	return keys;
}

enum scheme_result
requests_verify(const struct scheme *scheme, const struct scheme_keys *keys)
{
	struct scheme_verdict verdict;

	return scheme_verify(scheme, keys, &requests_sent.request, &verdict);
}

void
requests_round_trip(
    const struct scheme *scheme, const char *secret, const char *public)
{
	struct scheme_keys *keys = requests_keys(scheme, secret);
	struct scheme_keys *readers =
	    public ? requests_keys(scheme, public) : keys;
	char error[SCHEME_ERROR_SIZE];
	struct scheme_request *request = requests_begin(REQUESTS_BODY);
	enum scheme_result result;

	if (scheme_sign(scheme, keys,
		&(const struct scheme_signing){
		    request, "msg_1", requests_put, NULL},
		error))
		fail_msg("%s: %s", scheme_name(scheme), error);
	result = requests_verify(scheme, readers);
	if (result != SCHEME_OK)
		fail_msg(
		    "%s: %s", scheme_name(scheme), scheme_result_name(result));
	if (scheme_get(scheme, "template")) {
		request->body = "{\"id\":\"evt_1\"}";
		request->body_len = 14;
		assert_int_equal(
		    requests_verify(scheme, readers), SCHEME_MISMATCH);
	}
	requests_begin(REQUESTS_BODY);
	if (!scheme_is_none(scheme))
		assert_int_equal(
		    requests_verify(scheme, readers), SCHEME_HEADER_MISSING);
	if (readers != keys)
		scheme_keys_free(readers);
	scheme_keys_free(keys);
}
