/* The language of schemes, a `key = value` a line: templates, places,
 * conditions, handshakes.  A scheme that passes verifies nothing unsigned. */

#include "../../shared/scheme.h"
#include "fuzz.h"

static const char body[] = "{\"id\":\"1\",\"type\":\"t\",\"a\":{\"b\":[1,2]}}";

static const struct scheme_header headers[] = {
    {"x-signature", "sha256=aGVsbG8,t=1700000000"},
    {"authorization", "Bearer x"},
    {"x-timestamp", "1700000000"},
};

static const struct scheme_request request = {
    .method = "POST",
    .url = "https://hooks.example.com/x?a=1",
    .path = "/x",
    .query = "a=1",
    .content_type = "application/json",
    .headers = headers,
    .n_headers = sizeof(headers) / sizeof(headers[0]),
    .body = body,
    .body_len = sizeof(body) - 1,
    .now_ms = INT64_C(1700000000000),
};

static void
use(const struct scheme *scheme)
{
	static const unsigned char secret[] = "no request has this in it";
	const struct scheme_secret given = {secret, sizeof(secret) - 1};
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = scheme_keys_new(scheme, &given, 1, error);
	struct scheme_answer answer = {0};
	struct scheme_verdict verdict;
	struct scheme_facts facts;
	struct buf text = {0};

	if (keys && !scheme_is_none(scheme))
		FUZZ_MUST(scheme_verify(scheme, keys, &request, &verdict) !=
			  SCHEME_OK);
	if (scheme_find(scheme, &request, &facts) == 0)
		scheme_facts_clear(&facts);
	if (scheme_handshake(scheme, keys, &request, true, &answer) == 1)
		scheme_answer_clear(&answer);
	scheme_print(scheme, &text);
	buf_clear(&text);
	scheme_keys_free(keys);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text, *line, *equals;
	struct scheme *scheme = scheme_new("fuzz", NULL);
	char error[SCHEME_ERROR_SIZE];

	FUZZ_MUST(scheme != NULL);
	while ((line = strsep(&rest, "\n"))) {
		equals = strstr(line, " = ");
		if (!equals)
			continue;
		*equals = '\0';
		(void)scheme_set(scheme, line, equals + 3, error);
	}
	if (scheme_check(scheme, error) == 0)
		use(scheme);
	scheme_free(scheme);
	free(text);
	return 0;
}
