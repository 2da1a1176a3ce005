#include <ctype.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "form.h"
#include "multipart.h"
#include "scheme_impl.h"
#include "scheme_jwt.h"
#include "scheme_text.h"

void
scheme_text_clear(struct scheme_text *text)
{
	buf_clear(&text->own);
	*text = (struct scheme_text){0};
}

void
scheme_look_init(struct scheme_look *look, const struct scheme_rules *rules,
    const struct scheme_request *request)
{
	memset(look, 0, offsetof(struct scheme_look, values));
	look->rules = rules;
	look->request = request;
	look->template = rules->templates[0];
}

void
scheme_look_clear(struct scheme_look *look)
{
	buf_clear(&look->document);
	scheme_text_clear(&look->timestamp);
}

/* ---- places ---- */

size_t
scheme_look_count(const struct scheme_request *request, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < request->n_headers; i++)
		n += strcmp(request->headers[i].name, name) == 0;
	return n;
}

const char *
scheme_look_header(
    const struct scheme_request *request, const char *name, size_t i)
{
	for (size_t k = 0; k < request->n_headers; k++)
		if (strcmp(request->headers[k].name, name) == 0 && i-- == 0)
			return request->headers[k].value;
	return NULL;
}

enum scheme_result
scheme_look_listed(const struct scheme_request *request, const char *name,
    size_t len, char lower[SCHEME_LISTED_SIZE], const char **value)
{
	if (len == 0 || len >= SCHEME_LISTED_SIZE)
		return SCHEME_BAD_FORMAT;
	for (size_t i = 0; i < len; i++)
		lower[i] = (char)tolower((unsigned char)name[i]);
	lower[len] = '\0';
	if (scheme_look_count(request, lower) > 1)
		return SCHEME_HEADER_TWICE;
	*value = scheme_look_header(request, lower, 0);
	return *value != NULL ? SCHEME_OK : SCHEME_HEADER_MISSING;
}

static enum scheme_result
at_header(const struct scheme_request *request, const char *name,
    struct scheme_text *text)
{
	const char *value = NULL;

	for (size_t i = 0; i < request->n_headers; i++) {
		if (strcmp(request->headers[i].name, name) != 0)
			continue;
		if (value != NULL)
			return SCHEME_HEADER_TWICE;
		value = request->headers[i].value;
	}
	if (value == NULL)
		return SCHEME_HEADER_MISSING;
	text->p = value;
	text->len = strlen(value);
	return SCHEME_OK;
}

static enum scheme_result
at_form(const char *p, size_t len, const char *name, struct scheme_text *text)
{
	switch (form_get(p, len, name, &text->own)) {
	case FORM_FOUND:
		text->p = buf_str(&text->own);
		text->len = text->own.len;
		return text->p ? SCHEME_OK : SCHEME_ERROR;
	case FORM_TWICE:
		return SCHEME_HEADER_TWICE;
	case FORM_MISSING:
		return SCHEME_HEADER_MISSING;
	case FORM_ERROR:
		break;
	}
	return SCHEME_ERROR;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * Whether the body is a JSON text rather than a form.  Its first byte says so:
 * the content type is not signed, and whoever replays a request could change
 * what is read out of it.
 */
static bool
is_json(const struct scheme_request *request)
{
	const char *p = request->body;
	size_t i = 0;

	while (i < request->body_len && is_space(p[i]))
		i++;
	return i < request->body_len && (p[i] == '{' || p[i] == '[');
}

/* Read all pointers of the scheme out of the document at once. */
static int
scan(struct scheme_look *look)
{
	const struct scheme_rules *rules = look->rules;
	const struct scheme_request *request = look->request;
	const char *p = request->body;
	size_t len = request->body_len;

	look->scanned = true;
	memset(look->values, 0, rules->n_pointers * sizeof(*look->values));
	if (rules->json_multipart && multipart_is(p, len)) {
		if (!multipart_get(p, len, rules->json_multipart, &p, &len))
			len = 0;
	} else if (rules->json_form && !is_json(request)) {
		if (form_get(p, len, rules->json_form, &look->document) ==
		    FORM_ERROR)
			return -1;
		p = look->document.p;
		len = look->document.len;
	}
	/* what is no JSON has no values: that is all we need to know */
	(void)jsonpick_scan(
	    p ? p : "", len, rules->pointers, rules->n_pointers, look->values);
	return 0;
}

/* A pair of the signature's text, which has been read. */
static enum scheme_result
at_pair(
    const struct scheme_look *look, const char *name, struct scheme_text *text)
{
	for (size_t i = 0; i < look->rules->n_pairs; i++) {
		if (strcmp(look->rules->pairs[i], name) != 0 ||
		    !look->pairs[i].p)
			continue;
		text->p = look->pairs[i].p;
		text->len = look->pairs[i].len;
		return SCHEME_OK;
	}
	return SCHEME_HEADER_MISSING;
}

/* A claim of the token: its request has been verified. */
static enum scheme_result
at_claim(struct scheme_look *look, const char *name, struct scheme_text *text)
{
	struct scheme_proof proof;
	struct scheme_verdict verdict = {.where = ""};
	enum scheme_result result;

	scheme_proof_init(&proof, look->rules, look->request);
	proof.verdict = &verdict;
	result = scheme_take(&proof);
	if (result == SCHEME_OK)
		result = scheme_jwt_claim(&proof, name, &text->own);
	for (size_t i = 0; i < proof.n_texts; i++)
		scheme_text_clear(&proof.texts[i]);
	scheme_look_clear(&proof.look);
	text->p = buf_str(&text->own);
	text->len = text->own.len;
	return result == SCHEME_OK && !text->p ? SCHEME_ERROR : result;
}

static enum scheme_result
at_pointer(struct scheme_look *look, size_t pointer, struct scheme_text *text)
{
	const struct jsonpick_value *value = &look->values[pointer];

	if (!look->scanned && scan(look))
		return SCHEME_ERROR;
	if (jsonpick_text(value, &text->own))
		return text->own.failed ? SCHEME_ERROR : SCHEME_HEADER_MISSING;
	text->p = buf_str(&text->own);
	text->len = text->own.len;
	return text->p ? SCHEME_OK : SCHEME_ERROR;
}

enum scheme_result
scheme_look_at(struct scheme_look *look, const struct scheme_place *place,
    struct scheme_text *text)
{
	const struct scheme_request *request = look->request;
	enum scheme_result result = SCHEME_HEADER_MISSING;

	switch (place->kind) {
	case SCHEME_PLACE_HEADER:
		result = at_header(request, place->name, text);
		break;
	case SCHEME_PLACE_QUERY:
		result = at_form(
		    request->query, strlen(request->query), place->name, text);
		break;
	case SCHEME_PLACE_FORM:
		if (!is_json(request))
			result = at_form(request->body, request->body_len,
			    place->name, text);
		break;
	case SCHEME_PLACE_JSON:
		result = at_pointer(look, place->pointer, text);
		break;
	case SCHEME_PLACE_CLAIM:
		result = at_claim(look, place->name, text);
		break;
	case SCHEME_PLACE_SIGNATURE:
		result = at_pair(look, place->name, text);
		break;
	case SCHEME_PLACE__MAX:
		break;
	}
	if (result == SCHEME_OK && text->len == 0)
		result = SCHEME_HEADER_MISSING;
	return result;
}

/* ---- id and type ---- */

/* Whether text may be stored and shown: UTF-8 without control characters. */
static bool
is_clean(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return jsonpick_is_utf8(p, len);
}

/* Put the parts of one id or type together.  As scheme_look_at(). */
static enum scheme_result
join(struct scheme_look *look, const struct scheme_joined *joined,
    struct buf *out)
{
	for (size_t i = 0; i < joined->n; i++) {
		struct scheme_text text = {0};
		enum scheme_result result =
		    scheme_look_at(look, &joined->v[i], &text);

		if (result == SCHEME_OK) {
			if (i > 0)
				(void)buf_add_char(out, '.');
			(void)buf_add(out, text.p, text.len);
		}
		scheme_text_clear(&text);
		if (result == SCHEME_ERROR || out->failed)
			return SCHEME_ERROR;
		if (result != SCHEME_OK && !joined->optional[i])
			return result;
	}
	return SCHEME_OK;
}

int
scheme_look_joined(struct scheme_look *look, const struct scheme_joins *joins,
    size_t max, struct buf *out)
{
	for (size_t i = 0; i < joins->n; i++) {
		size_t start = out->len;
		enum scheme_result result = join(look, &joins->v[i], out);

		if (result == SCHEME_ERROR)
			return -1;
		if (result == SCHEME_OK && out->len - start <= max &&
		    is_clean(out->p + start, out->len - start))
			return 0;
		out->len = start;
	}
	return 0;
}

enum scheme_result
scheme_look_absent(struct scheme_look *look, const struct scheme_place *place)
{
	struct scheme_text text = {0};
	enum scheme_result result = scheme_look_at(look, place, &text);
	bool there = text.p != NULL;

	scheme_text_clear(&text);
	if (place->kind == SCHEME_PLACE_JSON)
		there = look->values[place->pointer].kind != JSONPICK_NONE;
	if (result == SCHEME_ERROR)
		return SCHEME_ERROR;
	return result == SCHEME_HEADER_MISSING && !there ? SCHEME_OK
							 : SCHEME_BAD_FORMAT;
}

bool
scheme_look_empty(
    const struct scheme_look *look, const struct scheme_place *place)
{
	const struct jsonpick_value *value = &look->values[place->pointer];

	return place->kind != SCHEME_PLACE_JSON ||
	       value->kind == JSONPICK_NONE || value->kind == JSONPICK_NULL ||
	       (value->kind == JSONPICK_STRING && value->len == 0);
}

static enum scheme_result
has_value(struct scheme_look *look, const struct scheme_condition *condition,
    const struct scheme_text *text)
{
	static const struct scheme_template hash = {
	    {{.kind = SCHEME_PART_SHA256HEX_BODY}}, 1};
	const char *value = condition->value;
	struct buf hex = {0};
	enum scheme_result result = SCHEME_OK;
	const char *where;

	if (condition->body_hash) {
		result = scheme_look_fill(
		    look, &hash, scheme_sink_buf, &hex, &where);
		value = result == SCHEME_OK ? buf_str(&hex) : NULL;
	}
	if (condition->body_hash && !value)
		result = SCHEME_ERROR;
	else if (value && (text->len != strlen(value) ||
			      CRYPTO_memcmp(text->p, value, text->len) != 0))
		result = SCHEME_BAD_FORMAT;
	buf_clear(&hex);
	return result;
}

static enum scheme_result
holds(struct scheme_look *look, const struct scheme_condition *condition)
{
	struct scheme_text text = {0};
	enum scheme_result result;

	if (condition->absent)
		return scheme_look_absent(look, &condition->place);
	result = scheme_look_at(look, &condition->place, &text);
	if (result == SCHEME_OK)
		result = has_value(look, condition, &text);
	scheme_text_clear(&text);
	return result;
}

enum scheme_result
scheme_look_if(struct scheme_look *look,
    const struct scheme_conditions *conditions, const char **where)
{
	for (size_t i = 0; i < conditions->n; i++) {
		const struct scheme_condition *condition = &conditions->v[i];
		enum scheme_result result = holds(look, condition);

		if (result != SCHEME_OK) {
			*where = condition->place.name;
			return result;
		}
	}
	return SCHEME_OK;
}

/* ---- templates ---- */

int
scheme_sink_buf(void *arg, const void *p, size_t len)
{
	return buf_add(arg, p, len);
}

static enum scheme_result
fill_place(struct scheme_look *look, const struct scheme_part *part,
    scheme_sink_fn *sink, void *arg)
{
	struct scheme_text text = {0};
	enum scheme_result result = scheme_look_at(look, &part->place, &text);

	if (result == SCHEME_OK && sink(arg, text.p, text.len))
		result = SCHEME_ERROR;
	scheme_text_clear(&text);
	return result;
}

static enum scheme_result
fill_id(struct scheme_look *look, scheme_sink_fn *sink, void *arg)
{
	struct buf id = {0};
	enum scheme_result result = SCHEME_ERROR;

	if (scheme_look_joined(look, &look->rules->id, SIZE_MAX, &id) == 0) {
		result = id.len > 0 ? SCHEME_OK : SCHEME_HEADER_MISSING;
		if (id.len > 0 && sink(arg, id.p, id.len))
			result = SCHEME_ERROR;
	}
	buf_clear(&id);
	return result;
}

static enum scheme_result
fill_sorted_form(struct scheme_look *look, scheme_sink_fn *sink, void *arg)
{
	const struct scheme_request *request = look->request;
	struct buf sorted = {0};
	enum scheme_result result = SCHEME_OK;

	if (form_sorted(request->body, request->body_len, &sorted))
		result = sorted.failed ? SCHEME_ERROR : SCHEME_BAD_FORMAT;
	else if (sorted.len > 0 && sink(arg, sorted.p, sorted.len))
		result = SCHEME_ERROR;
	buf_clear(&sorted);
	return result;
}

static enum scheme_result
fill_body_hash(struct scheme_look *look, scheme_sink_fn *sink, void *arg)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct buf hex = {0};
	enum scheme_result result = SCHEME_ERROR;

	if (EVP_Digest(look->request->body, look->request->body_len, digest,
		NULL, EVP_sha256(), NULL) == 1 &&
	    codec_encode(CODEC_HEX, digest, sizeof(digest), &hex) == 0 &&
	    sink(arg, hex.p, hex.len) == 0)
		result = SCHEME_OK;
	buf_clear(&hex);
	return result;
}

/* The HMAC of a place's text under the secret in use: for handshakes. */
static enum scheme_result
fill_hmac(struct scheme_look *look, const struct scheme_part *part,
    scheme_sink_fn *sink, void *arg)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	size_t mac_len;
	struct buf text = {0};
	struct buf coded = {0};
	struct scheme_word word = {0};
	enum scheme_result result =
	    fill_place(look, part, scheme_sink_buf, &text);

	(void)scheme_sink_word(&word, text.p, text.len);
	if (result == SCHEME_OK && look->words_only && !scheme_is_word(&word))
		result = SCHEME_BAD_FORMAT;
	if (result == SCHEME_OK) {
		result = SCHEME_ERROR;
		if (look->key &&
		    EVP_Q_mac(NULL, "HMAC", NULL,
			EVP_MD_get0_name(scheme_md(part->hash)), NULL,
			look->key, look->key_len, (const unsigned char *)text.p,
			text.len, mac, sizeof(mac), &mac_len) &&
		    codec_encode(part->codec, mac, mac_len, &coded) == 0 &&
		    sink(arg, coded.p, coded.len) == 0)
			result = SCHEME_OK;
	}
	buf_clear(&text);
	buf_clear(&coded);
	return result;
}

static enum scheme_result
fill_made(struct scheme_look *look, const struct scheme_part *part,
    scheme_sink_fn *sink, void *arg)
{
	struct buf text = {0};
	enum scheme_result result = part->maker->make(look, part->words, &text);

	if (text.failed || (result == SCHEME_OK && text.len > 0 &&
			       sink(arg, text.p, text.len)))
		result = SCHEME_ERROR;
	buf_clear(&text);
	return result;
}

static enum scheme_result
give(scheme_sink_fn *sink, void *arg, const void *p, size_t len)
{
	return len == 0 || sink(arg, p, len) == 0 ? SCHEME_OK : SCHEME_ERROR;
}

static enum scheme_result
fill_path_query(
    const struct scheme_request *request, scheme_sink_fn *sink, void *arg)
{
	enum scheme_result result =
	    give(sink, arg, request->path, strlen(request->path));

	if (result == SCHEME_OK && *request->query != '\0')
		result = give(sink, arg, "?", 1);
	return result == SCHEME_OK
		   ? give(sink, arg, request->query, strlen(request->query))
		   : result;
}

static enum scheme_result
fill_part(struct scheme_look *look, const struct scheme_part *part,
    scheme_sink_fn *sink, void *arg)
{
	const struct scheme_request *request = look->request;

	switch (part->kind) {
	case SCHEME_PART_TEXT:
		return give(sink, arg, part->text, part->len);
	case SCHEME_PART_PLACE:
		return fill_place(look, part, sink, arg);
	case SCHEME_PART_BODY:
		return give(sink, arg, request->body, request->body_len);
	case SCHEME_PART_TIMESTAMP:
		return give(sink, arg, look->timestamp.p, look->timestamp.len);
	case SCHEME_PART_ID:
		return fill_id(look, sink, arg);
	case SCHEME_PART_METHOD:
		return give(
		    sink, arg, request->method, strlen(request->method));
	case SCHEME_PART_URL:
		return give(sink, arg, request->url, strlen(request->url));
	case SCHEME_PART_URL_NO_QUERY:
		return give(
		    sink, arg, request->url, strcspn(request->url, "?"));
	case SCHEME_PART_PATH:
		return give(sink, arg, request->path, strlen(request->path));
	case SCHEME_PART_PATH_QUERY:
		return fill_path_query(request, sink, arg);
	case SCHEME_PART_SECRET:
		return give(sink, arg, look->key, look->key_len);
	case SCHEME_PART_SORTED_FORM:
		return fill_sorted_form(look, sink, arg);
	case SCHEME_PART_SHA256HEX_BODY:
		return fill_body_hash(look, sink, arg);
	case SCHEME_PART_HMAC:
		return fill_hmac(look, part, sink, arg);
	case SCHEME_PART_MADE:
		return fill_made(look, part, sink, arg);
	case SCHEME_PART__MAX:
		break;
	}
	return SCHEME_ERROR;
}

enum scheme_result
scheme_look_fill(struct scheme_look *look,
    const struct scheme_template *template, scheme_sink_fn *sink, void *arg,
    const char **where)
{
	for (size_t i = 0; i < template->n; i++) {
		const struct scheme_part *part = &template->v[i];
		enum scheme_result result = fill_part(look, part, sink, arg);

		if (result != SCHEME_OK) {
			*where = part->kind == SCHEME_PART_PLACE
				     ? part->place.name
				 : part->kind == SCHEME_PART_ID ? "id"
								: "";
			return result;
		}
	}
	return SCHEME_OK;
}
