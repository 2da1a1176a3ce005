#include "scheme_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "form.h"

enum { HEADERS_LISTED_MAX = 32 /* of {signed_headers:…} */ };

/* ---- the body and the URL ---- */

static enum scheme_result
make_sha256_body(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	(void)words;
	if (EVP_Digest(look->request->body, look->request->body_len, digest,
		NULL, EVP_sha256(), NULL) != 1)
		return SCHEME_ERROR;
	(void)buf_add(out, digest, sizeof(digest));
	return SCHEME_OK;
}

static enum scheme_result
make_sorted_query(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	const char *query = look->request->query;

	(void)words;
	return form_ordered(query, strlen(query), out) ? SCHEME_BAD_FORMAT
						       : SCHEME_OK;
}

/* Where the port of a URL begins (its colon) and ends, and where the authority
 * does.  False for what is no http URL. */
static bool
find_port(const char *url, const char **port, const char **end)
{
	const char *host = strstr(url, "://");
	const char *c;

	if (!host)
		return false;
	host += 3;
	*end = host + strcspn(host, "/?#");
	for (c = host; c < *end; c++)
		if (*c == '@')
			host = c + 1;
	*port = *end;
	/* an IPv6 address has colons of its own, in brackets */
	for (c = *end; c > host && isdigit((unsigned char)c[-1]);)
		c--;
	if (c > host && c[-1] == ':')
		*port = c - 1;
	return true;
}

static enum scheme_result
make_url_without_port(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	const char *url = look->request->url;
	const char *port, *end;

	(void)words;
	if (!find_port(url, &port, &end))
		return SCHEME_BAD_FORMAT;
	(void)buf_add(out, url, (size_t)(port - url));
	(void)buf_add_str(out, end);
	return SCHEME_OK;
}

static enum scheme_result
make_url_with_port(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	const char *url = look->request->url;
	const char *port, *end;

	(void)words;
	if (!find_port(url, &port, &end))
		return SCHEME_BAD_FORMAT;
	(void)buf_add(out, url, (size_t)(end - url));
	if (port == end)
		(void)buf_add_str(
		    out, strncmp(url, "https:", 6) == 0 ? ":443" : ":80");
	(void)buf_add_str(out, end);
	return SCHEME_OK;
}

/* Bytes but those of `plain` and letters and digits become %XX. */
static void
escape(const char *text, const char *plain, struct buf *out)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x80 && (isalnum(c) || strchr(plain, c)))
			(void)buf_add_char(out, *text);
		else
			(void)buf_printf(out, "%%%02X", c);
	}
}

/* The path as JavaScript's encodeURI() writes it, the query escaped before that
 * and so twice. */
static enum scheme_result
make_contentful_path(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	const struct scheme_request *request = look->request;
	struct buf query = {0};
	const char *escaped;

	(void)words;
	escape(request->path, ";,/?:@&=+$-_.!~*'()#", out);
	if (*request->query != '\0') {
		escape(request->query, "-_.!~*'()", &query);
		escaped = buf_str(&query);
		(void)buf_add_char(out, '?');
		for (; escaped && *escaped != '\0'; escaped++)
			(void)buf_add_str(out,
			    *escaped == '%' ? "%25" : (char[]){*escaped, '\0'});
	}
	out->failed |= query.failed;
	buf_clear(&query);
	return SCHEME_OK;
}

/* The URL with its query sorted and decoded, then the fields of the body. */
static enum scheme_result
make_plivo_url(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	const struct scheme_request *request = look->request;
	size_t query_len = strlen(request->query);
	struct buf query = {0};
	struct buf fields = {0};
	enum scheme_result result = SCHEME_BAD_FORMAT;

	(void)words;
	if (form_spread(request->query, query_len, "=", "&", &query) == 0 &&
	    form_spread(request->body, request->body_len, "", "", &fields) ==
		0) {
		(void)buf_add(out, request->url, strcspn(request->url, "?"));
		if (query.len > 0 || fields.len > 0)
			(void)buf_add_char(out, '?');
		(void)buf_add(out, query.p, query.len);
		if (query.len > 0 && fields.len > 0)
			(void)buf_add_char(out, '.');
		(void)buf_add(out, fields.p, fields.len);
		result = SCHEME_OK;
	}
	if (query.failed || fields.failed)
		result = SCHEME_ERROR;
	buf_clear(&query);
	buf_clear(&fields);
	return result;
}

/* ---- several places ---- */

struct texts {
	struct scheme_text v[SCHEME_PLACES_MAX + 1];
	size_t n;
};

static void
clear_texts(struct texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		scheme_text_clear(&texts->v[i]);
}

static int
compare_texts(const void *a, const void *b)
{
	const struct scheme_text *x = a;
	const struct scheme_text *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->p, y->p, len);

	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static enum scheme_result
make_sorted_with_secret(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	struct texts texts = {0};
	enum scheme_result result = SCHEME_OK;

	for (size_t i = 0; i < words->places.n && result == SCHEME_OK; i++)
		result = scheme_look_at(
		    look, &words->places.v[i], &texts.v[texts.n++]);
	if (result == SCHEME_OK) {
		texts.v[texts.n].p = (const char *)look->key;
		texts.v[texts.n++].len = look->key_len;
		qsort(texts.v, texts.n, sizeof(*texts.v), compare_texts);
		for (size_t i = 0; i < texts.n; i++)
			(void)buf_add(out, texts.v[i].p, texts.v[i].len);
	}
	clear_texts(&texts);
	return result;
}

/* A separator within a value would leave open where the value ends, so that
 * one text stood for two messages. */
static enum scheme_result
make_joined(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	for (size_t i = 0; i < words->places.n; i++) {
		struct scheme_text text = {0};
		enum scheme_result result =
		    scheme_look_at(look, &words->places.v[i], &text);

		if (result == SCHEME_OK && !words->free[i] &&
		    memchr(text.p, words->separator, text.len))
			result = SCHEME_BAD_FORMAT;
		if (result == SCHEME_HEADER_MISSING &&
		    !scheme_look_empty(look, &words->places.v[i]))
			result = SCHEME_BAD_FORMAT;
		if (i > 0)
			(void)buf_add_char(out, words->separator);
		if (result == SCHEME_OK)
			(void)buf_add(out, text.p, text.len);
		scheme_text_clear(&text);
		if (result != SCHEME_OK && result != SCHEME_HEADER_MISSING)
			return result;
	}
	return SCHEME_OK;
}

/* ---- headers that the sender lists ---- */

/* Append one header as NAME:VALUE.  Its name is a word of the list. */
static enum scheme_result
add_listed(struct scheme_look *look, const char *name, size_t len, bool first,
    struct buf *out)
{
	char lower[SCHEME_LISTED_SIZE];
	const char *value;
	enum scheme_result result =
	    scheme_look_listed(look->request, name, len, lower, &value);

	if (result != SCHEME_OK)
		return result;
	(void)buf_printf(out, "%s%s:%s", first ? "" : ";", lower, value);
	return SCHEME_OK;
}

static bool
lists(const struct scheme_text *list, const char *name)
{
	size_t len = strlen(name);
	const char *end = list->p + list->len;

	for (const char *p = list->p; p < end;) {
		const char *stop = memchr(p, ',', (size_t)(end - p));

		if (!stop)
			stop = end;
		if ((size_t)(stop - p) == len && memcmp(p, name, len) == 0)
			return true;
		p = stop + 1;
	}
	return false;
}

static enum scheme_result
add_all_listed(
    struct scheme_look *look, const struct scheme_text *list, struct buf *out)
{
	const char *end = list->p + list->len;
	const char *p = list->p;
	size_t n = 0;

	while (p < end) {
		const char *stop = memchr(p, ',', (size_t)(end - p));
		enum scheme_result result;

		if (!stop)
			stop = end;
		if (n == HEADERS_LISTED_MAX)
			return SCHEME_BAD_FORMAT;
		result = add_listed(look, p, (size_t)(stop - p), n++ == 0, out);
		if (result != SCHEME_OK)
			return result;
		p = stop + 1;
	}
	return SCHEME_OK;
}

static enum scheme_result
make_signed_headers(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	struct scheme_text list = {0};
	enum scheme_result result =
	    scheme_look_at(look, &words->places.v[0], &list);

	for (size_t i = 0; i < words->n_names && result == SCHEME_OK; i++)
		if (!lists(&list, words->names[i]))
			result = SCHEME_BAD_FORMAT;
	if (result == SCHEME_OK)
		result = add_all_listed(look, &list, out);
	scheme_text_clear(&list);
	return result;
}

/* ---- the table ---- */

static const struct scheme_maker makers[] = {
    {"sha256_body", SCHEME_WORDS_NONE, SCHEME_COVERS_BODY, make_sha256_body},
    {"sha256base64_body", SCHEME_WORDS_NONE, SCHEME_COVERS_BODY,
	scheme_make_sha256base64_body},
    {"sha256base64url_body", SCHEME_WORDS_NONE, SCHEME_COVERS_BODY,
	scheme_make_sha256base64url_body},
    {"sha256hex_url", SCHEME_WORDS_NONE,
	SCHEME_COVERS_QUERY | SCHEME_COVERS_URL, scheme_make_sha256hex_url},
    {"atlassian_qsh", SCHEME_WORDS_NONE, SCHEME_COVERS_QUERY,
	scheme_make_atlassian_qsh},
    {"crc32_body", SCHEME_WORDS_NONE, SCHEME_COVERS_BODY,
	scheme_make_crc32_body},
    {"php_form", SCHEME_WORDS_NONE, SCHEME_COVERS_FIELDS, scheme_make_php_form},
    {"json_body", SCHEME_WORDS_NONE, SCHEME_COVERS_BODY, scheme_make_json_body},
    {"canonical_json", SCHEME_WORDS_NONE, SCHEME_COVERS_BODY,
	scheme_make_canonical_json},
    {"form_json", SCHEME_WORDS_NONE, SCHEME_COVERS_FORM, scheme_make_form_json},
    {"sorted_query", SCHEME_WORDS_NONE, SCHEME_COVERS_QUERY, make_sorted_query},
    {"url_with_port", SCHEME_WORDS_NONE,
	SCHEME_COVERS_QUERY | SCHEME_COVERS_URL, make_url_with_port},
    {"url_without_port", SCHEME_WORDS_NONE,
	SCHEME_COVERS_QUERY | SCHEME_COVERS_URL, make_url_without_port},
    {"contentful_path", SCHEME_WORDS_NONE, SCHEME_COVERS_QUERY,
	make_contentful_path},
    {"plivo_url", SCHEME_WORDS_NONE,
	SCHEME_COVERS_QUERY | SCHEME_COVERS_URL | SCHEME_COVERS_FORM,
	make_plivo_url},
    {"sorted_with_secret", SCHEME_WORDS_PLACES,
	SCHEME_COVERS_PLACES | SCHEME_COVERS_SECRET, make_sorted_with_secret},
    {"joined", SCHEME_WORDS_JOINED, SCHEME_COVERS_PLACES, make_joined},
    {"name_lines", SCHEME_WORDS_LINES, SCHEME_COVERS_PLACES,
	scheme_make_name_lines},
    {"signed_headers", SCHEME_WORDS_LISTED, SCHEME_COVERS_PLACES,
	make_signed_headers},
    {"jose_headers", SCHEME_WORDS_MEMBER, SCHEME_COVERS_PLACES,
	scheme_make_jose_headers},
};

const struct scheme_maker *
scheme_maker(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(makers) / sizeof(*makers); i++)
		if (strlen(makers[i].name) == len &&
		    memcmp(makers[i].name, name, len) == 0)
			return &makers[i];
	return NULL;
}

/* ---- reading the words ---- */

/* PLACE* and, for lines, PLACE?. */
static int
add_place(struct scheme_parse *p, const struct scheme_maker *maker,
    struct scheme_words *words, const char *word, size_t len)
{
	struct scheme_places *places = &words->places;

	if (places->n == SCHEME_PLACES_MAX)
		return scheme_fault(p, "at most %d places", SCHEME_PLACES_MAX);
	words->optional[places->n] =
	    maker->form == SCHEME_WORDS_LINES && word[len - 1] == '?';
	if (words->optional[places->n])
		len--;
	words->free[places->n] = len > 0 && word[len - 1] == '*';
	if (words->free[places->n])
		len--;
	if (scheme_parse_place(p, word, len, &places->v[places->n]))
		return -1;
	if (places->v[places->n++].kind == SCHEME_PLACE_SIGNATURE)
		return scheme_fault(p, "signature: is not joined");
	return 0;
}

static int
add_name(struct scheme_parse *p, struct scheme_words *words, const char *word,
    size_t len)
{
	if (words->n_names == SCHEME_RULES_MAX)
		return scheme_fault(p, "at most %d headers", SCHEME_RULES_MAX);
	words->names[words->n_names] = scheme_copy(p, word, len);
	return words->names[words->n_names++] ? 0 : -1;
}

static int
set_separator(struct scheme_parse *p, struct scheme_words *words,
    const char *word, size_t len)
{
	const char *name = scheme_copy(p, word, len);
	int separator = name ? scheme_parse_separator(p, name) : -1;

	words->separator = (char)separator;
	return separator < 0 ? -1 : 0;
}

/* A member of a token's header, as a JSON pointer. */
static int
set_member(struct scheme_parse *p, struct scheme_words *words, const char *word,
    size_t len)
{
	char *member = scheme_alloc(p, len + 2);
	struct jsonpick_pointer pointer;

	if (!member)
		return -1;
	*member = '/';
	memcpy(member + 1, word, len);
	words->member = member;
	return memchr(word, '/', len) || jsonpick_compile(member, &pointer)
		   ? scheme_fault(p, "`%.*s` is no member", (int)len, word)
		   : 0;
}

static int
add_word(struct scheme_parse *p, const struct scheme_maker *maker,
    struct scheme_words *words, const char *word, size_t len)
{
	if (maker->form == SCHEME_WORDS_JOINED && words->separator == '\0')
		return set_separator(p, words, word, len);
	if (maker->form == SCHEME_WORDS_MEMBER && !words->member)
		return set_member(p, words, word, len);
	if (words->member ||
	    (maker->form == SCHEME_WORDS_LISTED && words->places.n == 1))
		return add_name(p, words, word, len);
	return add_place(p, maker, words, word, len);
}

const struct scheme_words *
scheme_parse_words(struct scheme_parse *p, const struct scheme_maker *maker,
    const char *text, size_t len)
{
	struct scheme_words *words = scheme_alloc(p, sizeof(*words));
	const char *rest = scheme_copy(p, text, len);
	const char *word;

	if (!words || !rest)
		return NULL;
	while ((word = scheme_next_word(&rest, &len)))
		if (add_word(p, maker, words, word, len))
			return NULL;
	if (maker->form == SCHEME_WORDS_MEMBER && !words->member) {
		(void)scheme_fault(p, "{%s:…} needs a MEMBER", maker->name);
		return NULL;
	}
	if (maker->form != SCHEME_WORDS_NONE && !words->member &&
	    words->places.n == 0) {
		(void)scheme_fault(p, "{%s:…} needs a PLACE", maker->name);
		return NULL;
	}
	return words;
}
