/*
 * Whether a signature covers the key: in each valid vector the key is changed
 * and nothing else.  What still verifies then must be said to be unsigned, and
 * what does not must be said to be signed.
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

enum { SCHEMES_MAX = 256 };

static const char other[] = "another-key-0001";

/* What was seen of one scheme. */
static struct {
	const struct scheme *scheme; /* a built-in one */
	unsigned tried, passed;
} seen[SCHEMES_MAX];

static size_t n_seen;

/* A vector whose key is being changed. */
struct trial {
	const struct vector *v;
	char *key; /* as it came */
	size_t at; /* of `seen` */
};

static size_t
seen_of(const char *name)
{
	size_t i;

	for (i = 0; i < n_seen; i++)
		if (strcmp(scheme_name(seen[i].scheme), name) == 0)
			return i;
	assert_true(n_seen < SCHEMES_MAX);
	seen[n_seen].scheme = scheme_builtin(name);
	assert_non_null(seen[n_seen].scheme);
	return n_seen++;
}

static char *
key_of(const struct scheme *scheme, const struct scheme_request *request)
{
	struct scheme_facts facts = {0};
	char *key;

	assert_int_equal(scheme_find(scheme, request, &facts), 0);
	key = strdup(buf_str(&facts.key));
	scheme_facts_clear(&facts);
	return key;
}

/* A request that may have another key now. */
static void
try_request(const struct trial *trial, const struct scheme_request *request)
{
	const struct vector *v = trial->v;
	struct scheme_verdict verdict;
	char *key;

	if (scheme_verify(v->scheme, v->keys, request, &verdict) != SCHEME_OK) {
		seen[trial->at].tried++;
		return;
	}
	key = key_of(verdict.scheme, request);
	if (*key != '\0' && strcmp(key, trial->key) != 0) {
		seen[trial->at].tried++;
		seen[trial->at].passed++;
	}
	free(key);
}

/* Another value in a header, or the header where there was none. */
static void
change_header(const struct trial *trial, const char *name)
{
	struct scheme_request request = trial->v->request;
	struct scheme_header headers[VECTORS_HEADERS_MAX + 1];
	size_t i;

	memcpy(
	    headers, request.headers, request.n_headers * sizeof(headers[0]));
	for (i = 0; i < request.n_headers; i++)
		if (strcmp(headers[i].name, name) == 0)
			break;
	headers[i] = (struct scheme_header){name, other};
	request.headers = headers;
	request.n_headers += i == request.n_headers;
	try_request(trial, &request);
}

/* A parameter more, in front of the others. */
static void
change_query(const struct trial *trial, const char *name)
{
	struct scheme_request request = trial->v->request;
	const char *end = strchr(request.url, '?');
	struct buf query = {0}, url = {0};

	(void)buf_printf(&query, "%s=%s%s%s", name, other,
	    *request.query != '\0' ? "&" : "", request.query);
	(void)buf_printf(&url, "%.*s?%s",
	    (int)(end ? end - request.url : (long)strlen(request.url)),
	    request.url, buf_str(&query));
	request.query = buf_str(&query);
	request.url = buf_str(&url);
	try_request(trial, &request);
	buf_clear(&query);
	buf_clear(&url);
}

/* One character of some in the body: another one, and the other case (a
 * signature that is the key itself is the same in both). */
static void
change_characters(const struct trial *trial, struct scheme_request *request,
    char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char kept = p[i];

		p[i] = kept == '7' ? '8' : '7';
		try_request(trial, request);
		if (isalpha((unsigned char)kept)) {
			p[i] = (char)(kept ^ 0x20);
			try_request(trial, request);
		}
		p[i] = kept;
	}
}

/* Wherever the body has this text. */
static void
change_text(const struct trial *trial, const char *text)
{
	struct scheme_request request = trial->v->request;
	char *body = malloc(request.body_len + 1);
	size_t len = strlen(text);

	memcpy(body, request.body, request.body_len);
	request.body = body;
	for (size_t i = 0; len > 0 && i + len <= request.body_len; i++)
		if (memcmp(body + i, text, len) == 0)
			change_characters(trial, &request, body + i, len);
	free(body);
}

/* The parts of a joined key one by one. */
static void
change_body(const struct trial *trial)
{
	char *key = strdup(trial->key), *rest = key, *part;

	change_text(trial, key);
	while ((part = strsep(&rest, ".")) != NULL)
		if (strlen(part) > 3 && strcmp(part, trial->key) != 0)
			change_text(trial, part);
	free(key);
}

static void
change_place(const struct trial *trial, const struct scheme_place *place)
{
	switch (place->kind) {
	case SCHEME_PLACE_HEADER:
		change_header(trial, place->name);
		break;
	case SCHEME_PLACE_QUERY:
		change_query(trial, place->name);
		break;
	case SCHEME_PLACE_FORM:
	case SCHEME_PLACE_JSON:
		change_body(trial);
		break;
	case SCHEME_PLACE_CLAIM: /* whoever changes it breaks the token */
		seen[trial->at].tried++;
		break;
	case SCHEME_PLACE_SIGNATURE:
	case SCHEME_PLACE__MAX:
		fail_msg("a key in a signature");
	}
}

static void
try_vector(void *arg, struct vector *v)
{
	const struct scheme_joins *id;
	struct scheme_verdict verdict;
	struct trial trial = {.v = v};

	(void)arg;
	if (!v->valid)
		return;
	assert_int_equal(
	    scheme_verify(v->scheme, v->keys, &v->request, &verdict),
	    SCHEME_OK);
	trial.key = key_of(verdict.scheme, &v->request);
	trial.at = seen_of(scheme_name(verdict.scheme));
	id = &verdict.scheme->rules->id;
	for (size_t i = 0; i < id->n; i++)
		for (size_t k = 0; k < id->v[i].n; k++)
			change_place(&trial, &id->v[i].v[k]);
	free(trial.key);
}

static void
tells_signed_keys_from_others(void **state)
{
	unsigned n_signed = 0, n_unsigned = 0, wrong = 0;

	(void)state;
	(void)vectors_each(try_vector, NULL);
	for (size_t i = 0; i < n_seen; i++) {
		bool said = scheme_key_signed(seen[i].scheme);

		if (seen[i].tried == 0)
			continue;
		n_signed += seen[i].passed == 0;
		n_unsigned += seen[i].passed > 0;
		if (said == (seen[i].passed == 0))
			continue;
		/* its CRC sees any change, but for those that keep it */
		if (strcmp(scheme_name(seen[i].scheme), "paypal") == 0)
			continue;
		wrong++;
		print_error("%s: key_signed is %s, but %u of %u changed keys "
			    "were accepted\n",
		    scheme_name(seen[i].scheme), said ? "yes" : "no",
		    seen[i].passed, seen[i].tried);
	}
	printf("%u schemes sign the key, %u do not\n", n_signed, n_unsigned);
	assert_int_equal(wrong, 0);
	/* both kinds were there */
	assert_true(n_signed > 20 && n_unsigned > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_signed_keys_from_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
