/*
 * verify - how fast gaff verifies, beside OpenSSL alone, on one core
 *
 *	verify SECONDS BODY_BYTES
 *
 * Each family of schemes has a row: one of its schemes, signed by gaff itself
 * with a key made here.  "raw" is what of OpenSSL it takes for the same bytes,
 * in its fastest form: a keyed context that is kept for an HMAC, a decoded key
 * for signatures.  Both are measured in turn, a tenth of SECONDS each.  The
 * rows are JSON; `allocs` are those of gaff's code and of OpenSSL together a
 * verification, `sources` how many sources the requests were for.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "../shared/scheme.h"

enum {
	TURNS = 10,
	SOURCES = 1000,
	HEADERS_MAX = 8,
	VALUE_MAX = 1024,
	PEM_MAX = 4096,
	BATCH = 16,
};

static const int64_t now_ms = 1700000000000;

struct family {
	const char *name;
	const char *scheme;
	const char *key;    /* the secret, or the kind of key to make */
	const char *before; /* what is signed in front of the body */
	bool (*raw)(void);
	size_t sources;
};

/* What both sides of a row work with. */
static struct {
	char *body;
	size_t body_len;
	struct scheme_header headers[HEADERS_MAX];
	char values[HEADERS_MAX][VALUE_MAX];
	size_t n_headers;
	struct scheme_keys *keys[SOURCES];
	const struct scheme *scheme;
	size_t sources, next;
	/* raw */
	unsigned char *text;
	size_t text_len;
	EVP_MAC_CTX *mac;
	EVP_PKEY *pkey;
	unsigned char proof[VALUE_MAX];
	size_t proof_len;
	const EVP_MD *md;
	size_t token_len; /* what of a JSON web token is signed, in `text` */
	unsigned char digest[EVP_MAX_MD_SIZE];
} at;

static uint64_t allocs;

static void
fail(const char *what)
{
	fprintf(stderr, "verify: %s\n", what);
	exit(1);
}

/* ---- counting allocations ---- */

/* the linker puts these in the place of the C library's (--wrap) */
#define COUNTED(type, name, parameters, ...)                                   \
	type __real_##name parameters;                                         \
	type __wrap_##name parameters;                                         \
	type __wrap_##name parameters                                          \
	{                                                                      \
		allocs++;                                                      \
		return __real_##name(__VA_ARGS__);                             \
	}

/* clang-format off */
COUNTED(void *, malloc, (size_t size), size)
COUNTED(void *, calloc, (size_t n, size_t size), n, size)
COUNTED(void *, realloc, (void *p, size_t size), p, size)
COUNTED(void *, reallocarray, (void *p, size_t n, size_t size), p, n, size)
COUNTED(char *, strdup, (const char *text), text)
COUNTED(char *, strndup, (const char *text, size_t n), text, n)

/* clang-format on */

static void *
ssl_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	allocs++;
	return __real_malloc(size);
}

static void *
ssl_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	allocs++;
	return __real_realloc(p, size);
}

static void
ssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* ---- OpenSSL alone ---- */

static bool
raw_hmac(void)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	size_t len = 0;

	return EVP_MAC_init(at.mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(at.mac, at.text, at.text_len) == 1 &&
	       EVP_MAC_final(at.mac, mac, &len, sizeof(mac)) == 1 &&
	       CRYPTO_memcmp(mac, at.proof, len) == 0;
}

static bool
raw_signature(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL &&
		  EVP_DigestVerifyInit(ctx, NULL, at.md, NULL, at.pkey) == 1 &&
		  EVP_DigestVerify(
		      ctx, at.proof, at.proof_len, at.text, at.text_len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* The token's HMAC, and the digest of the body that it names. */
static bool
raw_jwt(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	size_t before = at.text_len;
	bool ok;

	at.text_len = at.token_len;
	ok = raw_hmac();
	at.text_len = before;
	return ok &&
	       EVP_Digest(at.body, at.body_len, digest, &len, EVP_sha256(),
		   NULL) == 1 &&
	       CRYPTO_memcmp(digest, at.digest, len) == 0;
}

static bool
raw_token(void)
{
	return CRYPTO_memcmp(at.proof, at.text, at.proof_len) == 0;
}

static const struct family families[] = {
    {"HMAC-SHA256 of the body", "github", "secret of the bench", "", raw_hmac,
	1},
    {"the same, 1,000 sources in turn", "github", "secret of the bench", "",
	raw_hmac, SOURCES},
    {"HMAC-SHA256 with a time", "stripe", "whsec_secret_of_the_bench",
	"1700000000.", raw_hmac, 1},
    {"HMAC-SHA256 with id and time", "standard-webhooks",
	"whsec_c2VjcmV0IG9mIHRoZSBiZW5jaA==", "msg_1.1700000000.", raw_hmac, 1},
    {"token", "telegram", "token of the bench", "", raw_token, 1},
    {"JSON web token, HS256", "fusionauth", "secret of the bench, long enough",
	"", raw_jwt, 1},
    {"Ed25519", "discord", "ED25519", "1700000000", raw_signature, 1},
    {"ECDSA P-256", "sendgrid", "EC", "1700000000", raw_signature, 1},
    {"RSA-2048", "wise", "RSA", "", raw_signature, 1},
};

/* ---- making a row ---- */

static void
keep_header(void *arg, const char *name, const char *value)
{
	size_t i = at.n_headers++;

	(void)arg;
	if (i == HEADERS_MAX || strlen(value) >= VALUE_MAX)
		fail("a header too many");
	memcpy(at.values[i], value, strlen(value) + 1);
	at.headers[i] = (struct scheme_header){name, at.values[i]};
}

static EVP_PKEY *
make_key(const char *kind)
{
	if (strcmp(kind, "RSA") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	if (strcmp(kind, "EC") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	return EVP_PKEY_Q_keygen(NULL, NULL, kind);
}

/* The private or the public key as PEM. */
static size_t
write_pem(char pem[PEM_MAX], bool private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (bio != NULL && (private ? PEM_write_bio_PrivateKey(bio, at.pkey,
					  NULL, NULL, 0, NULL, NULL)
				    : PEM_write_bio_PUBKEY(bio, at.pkey)) == 1)
		n = BIO_read(bio, pem, PEM_MAX);
	BIO_free(bio);
	if (n <= 0 || n == PEM_MAX)
		fail("PEM");
	return (size_t)n;
}

static struct scheme_keys *
new_keys(const char *secret, size_t len)
{
	char error[SCHEME_ERROR_SIZE];
	struct scheme_secret one = {(const unsigned char *)secret, len};
	struct scheme_keys *keys = scheme_keys_new(at.scheme, &one, 1, error);

	if (keys == NULL)
		fail(error);
	return keys;
}

static void
prepare_mac(const char *secret)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_utf8_string("digest", (char[]){"SHA256"}, 6),
	    OSSL_PARAM_END,
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	EVP_MAC_CTX_free(at.mac);
	at.mac = EVP_MAC_CTX_new(hmac);
	EVP_MAC_free(hmac);
	if (at.mac == NULL ||
	    EVP_MAC_init(at.mac, (const unsigned char *)secret, strlen(secret),
		params) != 1 ||
	    EVP_MAC_update(at.mac, at.text, at.text_len) != 1 ||
	    EVP_MAC_final(at.mac, at.proof, &at.proof_len, sizeof(at.proof)) !=
		1)
		fail("HMAC");
}

static size_t
base64url(const void *bytes, size_t len, char *out)
{
	size_t n =
	    (size_t)EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);

	while (n > 0 && out[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		if (out[i] == '+')
			out[i] = '-';
		else if (out[i] == '/')
			out[i] = '_';
	}
	return n;
}

/* A token for the body: its text in `text`, its HMAC in `proof`, all of it the
 * only header. */
static void
prepare_jwt(const char *secret)
{
	static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	char claims[VALUE_MAX], digest[128], *out = (char *)at.text;
	char *value = at.values[0];
	unsigned len = 0;
	size_t n;

	if (EVP_Digest(
		at.body, at.body_len, at.digest, &len, EVP_sha256(), NULL) != 1)
		fail("digest");
	EVP_EncodeBlock((unsigned char *)digest, at.digest, (int)len);
	snprintf(claims, sizeof(claims),
	    "{\"request_body_sha256\":\"%s\",\"iat\":1700000000,"
	    "\"exp\":1700000060,\"iss\":\"https://auth.example.com\"}",
	    digest);
	n = base64url(head, sizeof(head) - 1, out);
	out[n++] = '.';
	n += base64url(claims, strlen(claims), out + n);
	at.token_len = at.text_len = n;
	prepare_mac(secret);
	memcpy(value, out, n);
	value[n++] = '.';
	n += base64url(at.proof, at.proof_len, value + n);
	value[n] = '\0';
	at.headers[0] =
	    (struct scheme_header){"x-fusionauth-signature-jwt", value};
	at.n_headers = 1;
	at.text_len = at.token_len + at.body_len;
}

/* The request, with what headers there are. */
static struct scheme_request
request_now(void)
{
	return (struct scheme_request){.method = "POST",
	    .url = "https://example.com/hooks/bench",
	    .path = "/hooks/bench",
	    .query = "",
	    .content_type = "application/json",
	    .headers = at.headers,
	    .n_headers = at.n_headers,
	    .body = at.body,
	    .body_len = at.body_len,
	    .now_ms = now_ms};
}

/* Sign the body as gaff does and keep the headers. */
static void
sign(const char *secret, size_t len)
{
	char error[SCHEME_ERROR_SIZE];
	struct scheme_request request;
	struct scheme_signing signing = {
	    .request = &request, .id = "msg_1", .fn = keep_header};
	struct scheme_keys *keys = new_keys(secret, len);

	at.n_headers = 0;
	request = request_now();
	if (scheme_sign(at.scheme, keys, &signing, error) != 0)
		fail(error);
	scheme_keys_free(keys);
}

/* What OpenSSL alone checks: text, and proof of it. */
static void
prepare_text(const struct family *family)
{
	size_t before = strlen(family->before);

	at.text_len = before + at.body_len;
	memcpy(at.text, family->before, before);
	memcpy(at.text + before, at.body, at.body_len);
	at.proof_len = sizeof(at.proof);
}

static void
prepare_signature(const char *kind)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	at.md = strcmp(kind, "ED25519") == 0 ? NULL : EVP_sha256();
	if (ctx == NULL ||
	    EVP_DigestSignInit(ctx, NULL, at.md, NULL, at.pkey) != 1 ||
	    EVP_DigestSign(
		ctx, at.proof, &at.proof_len, at.text, at.text_len) != 1)
		fail("signature");
	EVP_MD_CTX_free(ctx);
}

/* Fill in `at` for a family; the request to verify. */
static struct scheme_request
prepare(const struct family *family)
{
	char secret[PEM_MAX], public[PEM_MAX];
	size_t len = strlen(family->key), public_len;
	bool is_signature = family->raw == raw_signature;

	at.scheme = scheme_builtin(family->scheme);
	if (at.scheme == NULL)
		fail(family->scheme);
	prepare_text(family);
	memcpy(secret, family->key, len + 1);
	memcpy(public, secret, len + 1);
	public_len = len;
	if (is_signature) {
		EVP_PKEY_free(at.pkey);
		at.pkey = make_key(family->key);
		len = write_pem(secret, true);
		public_len = write_pem(public, false);
		prepare_signature(family->key);
	} else if (family->raw == raw_hmac) {
		prepare_mac(secret);
	} else if (family->raw == raw_token) {
		at.proof_len = len;
		memcpy(at.proof, secret, len);
		memcpy(at.text, secret, len);
	}
	if (family->raw == raw_jwt)
		prepare_jwt(secret);
	else
		sign(secret, len);
	at.sources = family->sources;
	at.next = 0;
	for (size_t i = 0; i < at.sources; i++)
		at.keys[i] = new_keys(public, public_len);
	return request_now();
}

/* ---- measuring ---- */

static double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool
ours(const struct scheme_request *request)
{
	struct scheme_verdict verdict = {0};
	struct scheme_keys *keys = at.keys[at.next];

	at.next = at.next + 1 == at.sources ? 0 : at.next + 1;
	return scheme_verify(at.scheme, keys, request, &verdict) == SCHEME_OK;
}

/* Verifications a second; `request` is NULL for OpenSSL alone. */
static double
measure(const struct family *family, const struct scheme_request *request,
    double seconds)
{
	double begin = cpu_s(), end = begin;
	long n = 0;

	while (end - begin < seconds) {
		for (int i = 0; i < BATCH; i++)
			if (!(request != NULL ? ours(request) : family->raw()))
				fail(family->name);
		n += BATCH;
		end = cpu_s();
	}
	return (double)n / (end - begin);
}

static double
allocs_each(const struct scheme_request *request)
{
	uint64_t before = allocs;

	for (size_t i = 0; i < SOURCES; i++)
		if (!ours(request))
			fail("allocations");
	return (double)(allocs - before) / SOURCES;
}

static void
row(const struct family *family, double seconds)
{
	struct scheme_request request = prepare(family);
	double sum = 0, raw = 0;

	/* each source's first one may cost more */
	for (size_t i = 0; i < at.sources; i++)
		(void)ours(&request);
	for (int i = 0; i < TURNS; i++) {
		sum += measure(family, &request, seconds / TURNS);
		raw += measure(family, NULL, seconds / TURNS);
	}
	printf("%s{\"family\": \"%s\", \"scheme\": \"%s\", \"bytes\": %zu, "
	       "\"rate\": %.0f, \"raw\": %.0f, \"allocs\": %.1f, "
	       "\"sources\": %zu}",
	    family == families ? "[" : ",\n ", family->name, family->scheme,
	    at.text_len, sum / TURNS, raw / TURNS, allocs_each(&request),
	    at.sources);
	for (size_t i = 0; i < at.sources; i++)
		scheme_keys_free(at.keys[i]);
}

int
main(int argc, char **argv)
{
	double seconds = argc == 3 ? strtod(argv[1], NULL) : 0;

	at.body_len = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	if (seconds <= 0 || at.body_len == 0) {
		fprintf(stderr, "usage: verify SECONDS BODY_BYTES\n");
		return 2;
	}
	if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1)
		fail("OpenSSL has allocated already");
	at.body = malloc(at.body_len);
	at.text = malloc(at.body_len + VALUE_MAX);
	if (at.body == NULL || at.text == NULL)
		fail("no memory");
	memset(at.body, 'a', at.body_len);
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		row(&families[i], seconds);
	printf("]\n");
	free(at.body);
	free(at.text);
	return 0;
}
