#include "load_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	MARK_LEN = 16,
	MARKS_MAX = 8,
	TEMPLATES_MAX = 64,
	FILE_MAX = 1 << 20,
	LINES_MAX = 1024, /* request line and signature */
	MAC_LEN = 32,
};

static const char mark[] = "@@@@@@@@@@@@@@@@";

struct template
{
	char *head, *body; /* header lines, each with its CR LF */
	size_t head_len, body_len;
	size_t head_marks[MARKS_MAX], body_marks[MARKS_MAX];
	size_t n_head_marks, n_body_marks;
};

/* Write the signature's header line of a body; returns its length. */
typedef size_t sign_fn(const char *body, size_t body_len, char line[LINES_MAX]);

static struct {
	const char *path;
	sign_fn *sign;
	EVP_MAC_CTX *mac;
	struct template templates[TEMPLATES_MAX];
	size_t n, largest;
	uint64_t first;
} all;

static void
hex(const unsigned char *p, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
}

/* HMAC-SHA256 in hex of a text and the body behind it. */
static void
sign(const char *text, const char *body, size_t body_len,
    char out[2 * MAC_LEN + 1])
{
	unsigned char mac[MAC_LEN];
	size_t len = 0;

	if (EVP_MAC_init(all.mac, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(
		all.mac, (const unsigned char *)text, strlen(text)) != 1 ||
	    EVP_MAC_update(all.mac, (const unsigned char *)body, body_len) !=
		1 ||
	    EVP_MAC_final(all.mac, mac, &len, sizeof(mac)) != 1)
		abort();
	hex(mac, sizeof(mac), out);
}

static size_t
sign_github(const char *body, size_t body_len, char line[LINES_MAX])
{
	char mac[2 * MAC_LEN + 1];

	sign("", body, body_len, mac);
	return (size_t)snprintf(
	    line, LINES_MAX, "X-Hub-Signature-256: sha256=%s\r\n\r\n", mac);
}

static size_t
sign_stripe(const char *body, size_t body_len, char line[LINES_MAX])
{
	char mac[2 * MAC_LEN + 1], at[32];

	snprintf(at, sizeof(at), "%lld.", (long long)time(NULL));
	sign(at, body, body_len, mac);
	return (size_t)snprintf(line, LINES_MAX,
	    "Stripe-Signature: t=%.*s,v1=%s\r\n\r\n", (int)strlen(at) - 1, at,
	    mac);
}

static const struct {
	const char *name;
	sign_fn *sign;
} kinds[] = {{"github", sign_github}, {"stripe", sign_stripe}};

static int
set_kind(const char *name, const char *secret)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_utf8_string("digest", (char[]){"SHA256"}, 6),
	    OSSL_PARAM_END,
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			all.sign = kinds[i].sign;
	all.mac = EVP_MAC_CTX_new(hmac);
	EVP_MAC_free(hmac);
	if (all.sign == NULL || all.mac == NULL ||
	    EVP_MAC_init(all.mac, (const unsigned char *)secret, strlen(secret),
		params) != 1) {
		fprintf(stderr, "load: no such kind: %s\n", name);
		return -1;
	}
	return 0;
}

static size_t
find_marks(const char *text, size_t len, size_t marks[MARKS_MAX])
{
	size_t n = 0;
	const char *at = text;

	while (n < MARKS_MAX && (at = memmem(at, len - (size_t)(at - text),
				     mark, MARK_LEN)) != NULL) {
		marks[n++] = (size_t)(at - text);
		at += MARK_LEN;
	}
	return n;
}

/* Make a template of a file's bytes, which it keeps. */
static int
split(struct template *t, char *text, size_t len)
{
	char *end = memmem(text, len, "\n\n", 2), *out;

	if (end == NULL)
		return -1;
	t->body = end + 2;
	t->body_len = len - (size_t)(t->body - text);
	out = t->head = malloc(2 * (size_t)(end - text) + 2);
	if (t->head == NULL)
		return -1;
	for (const char *p = text; p <= end; p++) {
		if (*p == '\n')
			*out++ = '\r';
		*out++ = *p;
	}
	t->head_len = (size_t)(out - t->head);
	t->n_head_marks = find_marks(t->head, t->head_len, t->head_marks);
	t->n_body_marks = find_marks(t->body, t->body_len, t->body_marks);
	if (all.largest < t->head_len + t->body_len + 2 * LINES_MAX)
		all.largest = t->head_len + t->body_len + 2 * LINES_MAX;
	return 0;
}

static int
read_template(struct template *t, const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = malloc(FILE_MAX);
	size_t len = 0;

	if (f != NULL && text != NULL)
		len = fread(text, 1, FILE_MAX, f);
	if (f != NULL)
		fclose(f);
	if (len == 0 || len == FILE_MAX || split(t, text, len) != 0) {
		fprintf(stderr, "load: %s: no request\n", path);
		free(text);
		return -1;
	}
	return 0;
}

int
load_request_init(
    const struct load_request_options *options, char **files, int n_files)
{
	struct timespec boot;

	if (options->path == NULL || options->kind == NULL ||
	    options->secret == NULL || n_files > TEMPLATES_MAX)
		return -1;
	all.path = options->path;
	if (set_kind(options->kind, options->secret) != 0)
		return -1;
	for (int i = 0; i < n_files; i++)
		if (read_template(&all.templates[all.n++], files[i]) != 0)
			return -1;
	/* two processes that start 1 ms apart never meet within 10^9 s */
	clock_gettime(CLOCK_BOOTTIME, &boot);
	all.first =
	    ((uint64_t)boot.tv_sec * 1000 + (uint64_t)boot.tv_nsec / 1000000)
	    << 24;
	return 0;
}

int
load_request_alloc(struct load_request *request)
{
	request->data = malloc(all.largest);
	return request->data == NULL ? -1 : 0;
}

static void
put_number(char *text, const size_t *marks, size_t n, uint64_t number)
{
	unsigned char bytes[MARK_LEN / 2];
	char digits[MARK_LEN + 1];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(number >> (56 - 8 * i));
	hex(bytes, sizeof(bytes), digits);
	for (size_t i = 0; i < n; i++)
		memcpy(text + marks[i], digits, MARK_LEN);
}

void
load_request_make(struct load_request *request, uint64_t n)
{
	struct template *t = &all.templates[n % all.n];
	uint64_t number = all.first + n;
	char signature[LINES_MAX], *at = request->data;
	size_t len;

	/* the template is changed in place: all but the marks stays */
	put_number(t->head, t->head_marks, t->n_head_marks, number);
	put_number(t->body, t->body_marks, t->n_body_marks, number);
	len = all.sign(t->body, t->body_len, signature);
	at += snprintf(at, LINES_MAX,
	    "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n",
	    all.path, t->body_len);
	memcpy(at, t->head, t->head_len);
	at += t->head_len;
	memcpy(at, signature, len);
	at += len;
	memcpy(at, t->body, t->body_len);
	request->len = (size_t)(at - request->data) + t->body_len;
}
