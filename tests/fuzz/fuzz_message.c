/*
 * Message signatures, and tokens whose payload is the request: the first line
 * picks a scheme, the second is METHOD PATH?QUERY, then a header a line, an
 * empty line, the body.  For each scheme there is one public key and one
 * request that its owner signed: what passes is that one.
 */

#include <stdio.h>
#include <strings.h>

#include <openssl/evp.h>

#include "../../shared/scheme.h"
#include "fuzz.h"

enum { HEADERS_MAX = 12 };

static const struct signed_once {
	const char *name, *key;
	int64_t now_s;
	const char *body_sha256;
	const char *target;         /* NULL: it is not signed */
	const char *header, *value; /* one that is signed */
} all[] = {
    {"mailchannels",
	"MCowBQYDK2VwAyEAcy/f8PD54FKcffpu/DZ9fy0qBSSzz639DDlt+koQ3Uk=",
	1700000000,
	"ae1ccef5538062c6716ae7929ceafbdefaeee854914b551c8286503274fe"
	"70c2",
	NULL, "content-digest",
	"sha-256=:rhzO9VOAYsZxaueSnOr73vru6FSRS1UcgoZQMnT+cMI=:"},
    {"keygen",
	"e8601e48b69383ba520245fd07971e983d06d22c4257cfd82304601479ce"
	"e788",
	1655319134,
	"778b99dba86389436aa29b92918718c20d9a06e36daf80f5ffd883865bdf"
	"d07f",
	"GET /v1/accounts/1fddcec8-8dd3-4d8d-9b16-215cac0f9b52/me", "date",
	"Wed, 15 Jun 2022 18:52:14 GMT"},
    {"truelayer",
	"-----BEGIN PUBLIC KEY-----\nMIGbMBAGByqGSM49AgEGBSuBBAAjA4GGA"
	"AQAoLuW4nFqoUuR8d7FVsUoI62libYd\nQlWGtLStnqdudLY92bQ0ra5eZAbk"
	"unrGTR9+w9mr4o2Etyb6pC7YB2+23WMBfVyO\nQYyKW2KQ+uRfj2rC4kN1wRN"
	"pOyP6TIU/yOwX1blcAHdni0GJC1zvYNCclh4rIBX9\nPqplO0UoWv5OniK76P"
	"s=\n-----END PUBLIC KEY-----\n",
	1638186175,
	"84c0d7cff12d5ac8f57b42503115f92622e8710ff49271e069fd8eee8218"
	"a698",
	"POST /tl-webhook", "x-tl-webhook-timestamp", "2021-11-29T11:42:55Z"},
};

enum { N = sizeof(all) / sizeof(*all) };

static void
check(const struct signed_once *one, const struct scheme_request *request,
    const char *target)
{
	unsigned char digest[32];
	char hex[65];
	unsigned n;

	FUZZ_MUST(EVP_Digest(request->body, request->body_len, digest, &n,
		      EVP_sha256(), NULL) == 1);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	FUZZ_MUST(strcmp(hex, one->body_sha256) == 0);
	/* the method's case is not signed by one of them */
	FUZZ_MUST(!one->target || strcasecmp(target, one->target) == 0 ||
		  strncasecmp(target, one->target, strlen(one->target)) == 0);
	for (size_t i = 0; i < request->n_headers; i++) {
		const char *value = request->headers[i].value;

		if (strcmp(request->headers[i].name, one->header) != 0)
			continue;
		value += strspn(value, " \t");
		FUZZ_MUST(strncmp(value, one->value, strlen(one->value)) == 0);
	}
}

static void
verify(const struct signed_once *one, const struct scheme_request *request,
    const char *target)
{
	const struct scheme *scheme = scheme_builtin(one->name);
	const struct scheme_secret given = {
	    (const unsigned char *)one->key, strlen(one->key)};
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = scheme_keys_new(scheme, &given, 1, error);
	struct scheme_request now = *request;
	struct scheme_verdict verdict;

	FUZZ_MUST(keys != NULL);
	now.now_ms = one->now_s * 1000;
	if (scheme_verify(scheme, keys, &now, &verdict) == SCHEME_OK)
		check(one, &now, target);
	scheme_keys_free(keys);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text, *line, *colon;
	const char *name = strsep(&rest, "\n");
	const char *target = rest ? strsep(&rest, "\n") : "";
	char *copy = strdup(target), *path = copy;
	struct scheme_header headers[HEADERS_MAX];
	struct scheme_request request = {
	    .url = "", .content_type = "", .headers = headers, .body = ""};

	FUZZ_MUST(copy != NULL);
	request.method = strsep(&path, " ");
	request.path = path ? strsep(&path, "?") : "";
	request.query = path ? path : "";
	while (rest && (line = strsep(&rest, "\n")) && *line != '\0') {
		colon = strstr(line, ": ");
		if (!colon || request.n_headers == HEADERS_MAX)
			continue;
		*colon = '\0';
		headers[request.n_headers++] =
		    (struct scheme_header){line, colon + 2};
	}
	if (rest) {
		request.body = rest;
		request.body_len = (size_t)(text + size - rest);
	}
	for (size_t i = 0; i < N; i++)
		if (strcmp(all[i].name, name) == 0)
			verify(&all[i], &request, target);
	free(copy);
	free(text);
	return 0;
}
