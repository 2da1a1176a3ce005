/*
 * Signature headers: the first line picks a scheme, then a header a line, an
 * empty line, the body.  What verifies has in its headers the HMAC that OpenSSL
 * makes of the text the provider signs.
 */

#include <ctype.h>
#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../../shared/scheme.h"
#include "fuzz.h"

enum { HEADERS_MAX = 8, RUN_MAX = 32 };

static const char secret[] = "it is no secret";

struct input {
	struct scheme_header headers[HEADERS_MAX];
	size_t n;
	const char *body;
	size_t body_len;
};

/* Whether some header has the HMAC of before, a time and the body in it. */
static int
is_there(const struct input *in, const char *before, const char *time,
    const char *between)
{
	size_t len = strlen(before) + strlen(time) + strlen(between);
	char *text = malloc(len + in->body_len + 1), hex[65], base64[64];
	unsigned char mac[32];
	unsigned n;
	int found = 0;

	FUZZ_MUST(text != NULL);
	(void)snprintf(text, len + 1, "%s%s%s", before, time, between);
	memcpy(text + len, in->body, in->body_len);
	FUZZ_MUST(HMAC(EVP_sha256(), secret, (int)strlen(secret),
		      (const unsigned char *)text, len + in->body_len, mac,
		      &n) != NULL);
	for (size_t i = 0; i < sizeof(mac); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	(void)EVP_EncodeBlock((unsigned char *)base64, mac, sizeof(mac));
	base64[43] = '\0'; /* its padding may be left out */
	for (size_t i = 0; i < in->n; i++)
		found |= strcasestr(in->headers[i].value, hex) != NULL ||
			 strstr(in->headers[i].value, base64) != NULL;
	free(text);
	return found;
}

/* The same, the time being any run of digits in a header. */
static int
is_there_with_time(
    const struct input *in, const char *before, const char *between)
{
	char time[RUN_MAX];

	for (size_t i = 0; i < in->n; i++) {
		const char *p = in->headers[i].value;

		while (*(p += strcspn(p, "0123456789")) != '\0') {
			size_t len = strspn(p, "0123456789");

			(void)snprintf(time, sizeof(time), "%.*s", (int)len, p);
			if (is_there(in, before, time, between))
				return 1;
			p += len;
		}
	}
	return 0;
}

static void
verify(const char *name, const struct input *in)
{
	const struct scheme *scheme = scheme_builtin(name);
	const struct scheme_secret given = {
	    (const unsigned char *)secret, sizeof(secret) - 1};
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = scheme_keys_new(scheme, &given, 1, error);
	struct scheme_request request = {
	    .method = "POST",
	    .url = "",
	    .path = "/x",
	    .query = "",
	    .content_type = "application/json",
	    .headers = in->headers,
	    .n_headers = in->n,
	    .body = in->body,
	    .body_len = in->body_len,
	    .now_ms = INT64_C(1700000000000),
	};
	struct scheme_verdict verdict;

	FUZZ_MUST(keys != NULL);
	if (scheme_verify(scheme, keys, &request, &verdict) == SCHEME_OK)
		FUZZ_MUST(strcmp(name, "stripe") == 0
			      ? is_there_with_time(in, "", ".")
			  : strcmp(name, "slack") == 0
			      ? is_there_with_time(in, "v0:", ":")
			      : is_there(in, "", "", ""));
	scheme_keys_free(keys);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
	    "github", "shopify", "stripe", "slack"};
	char *text = fuzz_text(data, size), *rest = text, *line, *colon;
	struct input in = {.body = ""};
	const char *name = strsep(&rest, "\n");

	while (rest && (line = strsep(&rest, "\n")) && *line != '\0') {
		colon = strstr(line, ": ");
		if (!colon || in.n == HEADERS_MAX)
			continue;
		*colon = '\0';
		in.headers[in.n++] = (struct scheme_header){line, colon + 2};
	}
	if (rest) {
		in.body = rest;
		in.body_len = (size_t)(text + size - rest);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			verify(name, &in);
	free(text);
	return 0;
}
