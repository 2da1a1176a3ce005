/* What `gaff send` makes: every built-in scheme takes it, and finds in it the
 * id and type that were asked for. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "../../cli/send.h"
#include "../../shared/clock.h"
#include "support.h"

#define URL        "http://127.0.0.1/hooks/x"
#define PUBLIC_URL "https://hooks.example.com/x"

enum { HEADERS_MAX = 32, LINE_SIZE = 2048, BEST_KNOWN = 40 };

static const struct clock_fake now = {
    .wall_ms = INT64_C(1790000000000), .boot_ms = 5000};

/* ---- a secret such as this scheme wants ---- */

static char *
private_key(const char *kind)
{
	EVP_PKEY *pkey = strcmp(kind, "rsa") == 0 ? EVP_RSA_gen(2048)
			 : strcmp(kind, "ecdsa") == 0
			     ? EVP_EC_gen("P-256")
			     : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_mem());
	char *p, *text;
	long len;

	assert_int_equal(
	    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &p);
	text = strndup(p, (size_t)len);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return text;
}

static char *
make_secret(const struct scheme *scheme)
{
	static const struct {
		const char *encoding, *secret;
	} rows[] = {
	    {"text", "a secret nobody knows"},
	    {"base64", "YSBzZWNyZXQgbm9ib2R5IGtub3dzLCAzMiBieXRlcyE="},
	    {"base64url", "YSBzZWNyZXQgbm9ib2R5IGtub3dzLCAzMiBieXRlcyE"},
	    {"hex", "6120736563726574206e6f626f6479206b6e6f7773"},
	};

	const char *kind = scheme_get(scheme, "kind");
	const char *encoding = scheme_get(scheme, "secret_encoding");
	const char *algorithms = scheme_get(scheme, "algorithms");

	if (strcmp(kind, "basic") == 0)
		return strdup("user:password");
	if (strcmp(kind, "ed25519") == 0 || strcmp(kind, "ecdsa") == 0 ||
	    strcmp(kind, "rsa") == 0)
		return private_key(kind);
	/* of several algorithms the first */
	if (algorithms && strncmp(algorithms, "RS", 2) == 0)
		return private_key("rsa");
	if (algorithms && strncmp(algorithms, "ES", 2) == 0)
		return private_key("ecdsa");
	if (algorithms && (strncmp(algorithms, "Ed", 2) == 0 ||
			      strncmp(algorithms, "ed", 2) == 0))
		return private_key("ed25519");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(encoding ? encoding : "text", rows[i].encoding) == 0)
			return strdup(rows[i].secret);
	fail_msg("%s: which secret?", scheme_name(scheme));
	return NULL;
}

/* The scheme alone, with a value for what it signs and nobody has given. */
static struct scheme *
complete(const char *name)
{
	struct scheme *scheme = scheme_new(name, scheme_builtin(name));
	char error[SCHEME_ERROR_SIZE], param[128];

	for (unsigned n = 0; scheme_wanted_param(scheme) && n < 8; n++) {
		(void)snprintf(param, sizeof(param), "%s=value%u",
		    scheme_wanted_param(scheme), n);
		if (scheme_set(scheme, "param", param, error) != 0)
			fail_msg("%s: %s", name, error);
	}
	return scheme;
}

/* ---- the request as the gateway sees it ---- */

struct seen {
	struct scheme_request request;
	struct scheme_header headers[HEADERS_MAX];
	char lines[HEADERS_MAX][LINE_SIZE];
	char url[LINE_SIZE];
};

static void
see(struct send_request *sent, const char *content_type, struct seen *seen)
{
	const char *query = strchr(buf_str(&sent->url), '?');
	size_t n = 0;

	for (struct curl_slist *at = sent->headers; at; at = at->next) {
		char *line = seen->lines[n];
		char *colon;

		assert_true(n < HEADERS_MAX && strlen(at->data) < LINE_SIZE);
		strcpy(line, at->data);
		colon = strchr(line, ':');
		if (!colon || colon[1] == '\0')
			continue;
		*colon = '\0';
		for (char *p = line; *p != '\0'; p++)
			*p = (char)tolower((unsigned char)*p);
		seen->headers[n++] = (struct scheme_header){line, colon + 2};
	}
	(void)snprintf(seen->url, sizeof(seen->url), "%s%s", PUBLIC_URL,
	    query ? query : "");
	seen->request = (struct scheme_request){
	    .method = "POST",
	    .url = seen->url,
	    .path = "/hooks/x",
	    .query = query ? query + 1 : "",
	    .content_type = content_type,
	    .headers = seen->headers,
	    .n_headers = n,
	    .body = sent->body.p,
	    .body_len = sent->body.len,
	    .now_ms = now.wall_ms,
	};
}

static void
check_facts(const struct scheme *scheme, const struct send_plan *plan,
    const char *key, const struct seen *seen)
{
	const char *id = scheme_get(scheme, "id");
	struct scheme_facts facts;

	assert_int_equal(scheme_find(scheme, &seen->request, &facts), 0);
	if (id && strcmp(id, scheme_get(scheme, "signature")) != 0 &&
	    !strstr(buf_str(&facts.key), key))
		fail_msg("%s: the id is \"%s\", not %s", scheme_name(scheme),
		    facts.key.p, key);
	if (scheme_get(scheme, "type") &&
	    strcmp(buf_str(&facts.type), plan->type) != 0)
		fail_msg("%s: the type is \"%s\", not %s", scheme_name(scheme),
		    facts.type.p, plan->type);
	if (facts.probe)
		fail_msg("%s: the sample is a probe", scheme_name(scheme));
	scheme_facts_clear(&facts);
}

/* It verifies; changed it does not. */
static void
check_proof(const struct scheme *scheme, const struct scheme_keys *keys,
    struct seen *seen)
{
	struct scheme_verdict verdict;

	if (scheme_verify(scheme, keys, &seen->request, &verdict) != SCHEME_OK)
		fail_msg("%s: %s %s", scheme_name(scheme),
		    scheme_result_name(verdict.result), verdict.where);
	if (scheme_is_none(scheme))
		return;
	for (size_t i = 0; i < seen->request.n_headers; i++)
		if (scheme_hides_header(scheme, seen->headers[i].name))
			seen->headers[i].value = "forged";
	if (strstr(scheme_get(scheme, "signature"), "header:") == NULL) {
		seen->request.body = "{}";
		seen->request.body_len = 2;
		seen->request.query = "";
	}
	assert_int_not_equal(
	    scheme_verify(scheme, keys, &seen->request, &verdict), SCHEME_OK);
}

/* Those whose key nobody but the provider has: a certificate's, and that of a
 * token whose payload is the request. */
static bool
is_unsendable(const char *name)
{
	const struct scheme *scheme = scheme_builtin(name);
	const char *encoding = scheme_get(scheme, "secret_encoding");

	return scheme_get(scheme, "payload") ||
	       (encoding && strcmp(encoding, "certificate") == 0);
}

static void
send_one(const char *name)
{
	static const struct option_list none;
	struct scheme *scheme = complete(name);
	char *secret = make_secret(scheme);
	struct scheme_secret given = {
	    (const unsigned char *)secret, strlen(secret)};
	char error[SCHEME_ERROR_SIZE] = "";
	struct scheme_keys *keys = scheme_keys_new(
	    scheme, &given, scheme_is_none(scheme) ? 0 : 1, error);
	struct send_request sent = {0};
	struct sample sample;
	static struct seen seen;
	struct send_plan plan = {
	    .scheme = scheme, .url = URL, .signed_url = PUBLIC_URL};

	if (!keys)
		fail_msg("%s: %s", name, error);
	assert_int_equal(sample_init(&sample, scheme), 0);
	plan.keys = keys;
	plan.sample = &sample;
	plan.type = sample.type;
	plan.content_type = sample_content_type(&sample);
	plan.headers = &none;
	if (send_make(&plan, &sent) != 0)
		fail_msg("%s: nothing sent", name);
	see(&sent, plan.content_type, &seen);
	check_facts(scheme, &plan, sent.key, &seen);
	check_proof(scheme, keys, &seen);
	send_request_clear(&sent);
	sample_clear(&sample);
	scheme_keys_free(keys);
	scheme_free(scheme);
	free(secret);
}

static void
test_every_scheme(void **state)
{
	const char *name;

	(void)state;
	for (size_t i = 0; (name = scheme_builtin_name(i)); i++)
		if (!is_unsendable(name))
			send_one(name);
}

/* The file has the best known; each is one of a scheme. */
static void
test_samples(void **state)
{
	json_t *all = json_load_file("conf/samples.json", 0, NULL), *entry;
	const char *name;

	(void)state;
	assert_true(json_object_size(all) >= BEST_KNOWN);
	json_object_foreach(all, name, entry)
	{
		if (!scheme_builtin(name))
			fail_msg("%s: no such scheme", name);
		assert_non_null(json_object_get(entry, "type"));
		assert_non_null(json_object_get(entry, "body"));
	}
	json_decref(all);
}

static int
set_up(void **state)
{
	(void)state;
	clock_set_fake(&now);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_scheme),
	    cmocka_unit_test(test_samples),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
