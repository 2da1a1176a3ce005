/*
 * The vectors in tests/vectors against their schemes: every vector as it is,
 * and every valid one with each part of it that is signed changed in each way.
 */

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

enum { FLIPS_MAX = 2048, CHAIN_FLIPS = 160 };

static struct {
	unsigned valid, removed, emptied, doubled, cut, changed, flipped,
	    clocks, secrets;
} counts;

/* ---- verifying ---- */

static enum scheme_result
verify(const struct vector *v, const struct scheme_request *request)
{
	struct scheme_verdict verdict;
	enum scheme_result result =
	    scheme_verify(v->scheme, v->keys, request, &verdict);

	assert_int_equal(result, verdict.result);
	assert_non_null(verdict.where);
	return result;
}

static void
expect(const struct vector *v, const struct scheme_request *request, bool valid,
    const char *what)
{
	enum scheme_result result = verify(v, request);

	if (result == SCHEME_ERROR || (result == SCHEME_OK) != valid)
		fail_msg("%s %zu (%s): %s: %s", v->file, v->number,
		    scheme_name(v->scheme), what, scheme_result_name(result));
}

static void
refuse(const struct vector *v, const struct scheme_request *request,
    const char *what)
{
	expect(v, request, false, what);
}

/* ---- changing headers ---- */

static bool
has_header(const struct scheme_places *places, const char *name)
{
	for (size_t i = 0; i < places->n; i++)
		if (places->v[i].kind == SCHEME_PLACE_HEADER &&
		    strcmp(places->v[i].name, name) == 0)
			return true;
	return false;
}

/* Whether the scheme looks at a header at all. */
static bool
is_used(const struct vector *v, const char *name)
{
	struct scheme_place place = {SCHEME_PLACE_HEADER, name, 0};

	/* with a secret that is the signer's own nothing is fetched */
	if (v->urls && v->rules->has_keys_at &&
	    strcmp(v->rules->keys_at.name, name) == 0)
		return true;
	for (size_t i = 0; i < v->rules->require.n; i++)
		if (strcmp(v->rules->require.v[i].place.name, name) == 0)
			return true;
	return has_header(&v->rules->signature, name) ||
	       has_header(&v->rules->timestamp, name) ||
	       scheme_covers(v->rules, &place);
}

/* A header with more than one signature: a cut or change may well leave a good
 * one. */
static bool
has_several(const struct vector *v, const struct scheme_header *header)
{
	const struct scheme_rules *rules = v->rules;
	char separator = rules->list_separator != '\0' ? rules->list_separator
						       : rules->pair_separator;
	size_t n = 1;

	if (!has_header(&rules->signature, header->name))
		return false;
	if (rules->all_candidates)
		return true;
	if (rules->n_signature_keys == 0 && rules->list_separator == '\0')
		return false;
	for (const char *c = header->value; *c != '\0'; c++)
		n += *c == separator;
	if (rules->timestamp.n > 0 &&
	    rules->timestamp.v[0].kind == SCHEME_PLACE_SIGNATURE)
		n--;
	return n > 1;
}

static void
remove_and_double(const struct vector *v, size_t i)
{
	struct scheme_header headers[VECTORS_HEADERS_MAX + 1];
	struct scheme_request request = v->request;
	bool all = v->rules->all_candidates &&
		   has_header(&v->rules->signature, v->headers[i].name);

	request.headers = headers;
	memcpy(headers, v->headers, sizeof(v->headers));
	headers[i] = headers[--request.n_headers];
	if (!all) {
		refuse(v, &request, "header removed");
		counts.removed++;
	}

	memcpy(headers, v->headers, sizeof(v->headers));
	request.n_headers = v->request.n_headers;
	headers[i].value = "";
	if (!all) {
		refuse(v, &request, "header emptied");
		counts.emptied++;
	}

	memcpy(headers, v->headers, sizeof(v->headers));
	headers[request.n_headers++] = v->headers[i];
	expect(v, &request, all, "header doubled");
	headers[request.n_headers - 1].value = "";
	expect(v, &request, all && v->rules->prefix[0] == '\0',
	    "header doubled by an empty one");
	counts.doubled += 2;
}

/* Whether a byte is of the key's name, which the draft before RFC 9421 does not
 * sign. */
static bool
names_key(const struct vector *v, const struct scheme_header *header, size_t k)
{
	static const char name[] = "keyid=\"";
	const char *start = strstr(header->value, name);

	if (v->rules->syntax != SCHEME_SYNTAX_CAVAGE || !start ||
	    !has_header(&v->rules->signature, header->name))
		return false;
	start += strlen(name);
	return header->value + k >= start &&
	       header->value + k < strchr(start, '"');
}

/* Whether a blank between two pairs becomes another separator of theirs. */
static bool
separates(const struct vector *v, const char *value, size_t k, char to)
{
	char separator = v->rules->pair_separator;

	return v->rules->n_signature_keys > 0 && k > 0 && value[k] == ' ' &&
	       value[k - 1] == separator && to == separator;
}

static void
cut_and_change(const struct vector *v, size_t i)
{
	struct scheme_header headers[VECTORS_HEADERS_MAX];
	struct scheme_request request = v->request;
	size_t len = strlen(v->headers[i].value);
	char *value = strdup(v->headers[i].value);

	request.headers = headers;
	memcpy(headers, v->headers, sizeof(v->headers));
	headers[i].value = value;
	for (size_t k = len - 1; k > 0; k--) {
		char kept = value[k];

		value[k] = '\0';
		/* the padding of base64url is optional */
		expect(v, &request,
		    v->rules->encoding == CODEC_BASE64URL && kept == '=',
		    "header cut");
		value[k] = kept;
		counts.cut++;
	}
	for (size_t k = 0; k < len; k++) {
		static const char others[] = "01aZ+/=, .%";
		char kept = value[k];

		for (size_t c = 0; c < strlen(others); c++) {
			if (tolower((unsigned char)kept) ==
				tolower((unsigned char)others[c]) ||
			    names_key(v, &v->headers[i], k) ||
			    separates(v, v->headers[i].value, k, others[c]))
				continue;
			value[k] = others[c];
			refuse(v, &request, value);
			counts.changed++;
		}
		value[k] = kept;
	}
	free(value);
}

static void
change_headers(const struct vector *v)
{
	for (size_t i = 0; i < v->request.n_headers; i++) {
		if (!is_used(v, v->headers[i].name))
			continue;
		remove_and_double(v, i);
		if (!has_several(v, &v->headers[i]))
			cut_and_change(v, i);
	}
}

/* ---- changing the rest ---- */

/* Whether the fields of a form are signed, which may be written in several
 * ways (%2f, %2F). */
static bool
signs_form(const struct scheme_rules *rules)
{
	const struct scheme_template *template =
	    rules->templates[0]; /* or none */

	for (size_t i = 0; template && i < template->n; i++)
		if (template->v[i].kind == SCHEME_PART_SORTED_FORM ||
		    (template->v[i].kind == SCHEME_PART_PLACE &&
			template->v[i].place.kind == SCHEME_PLACE_FORM))
			return true;
	return false;
}

/* Whether the body is a token, and nothing else. */
static bool
is_token(const struct scheme_rules *rules)
{
	return rules->kind == SCHEME_KIND_JWT &&
	       rules->signature.v[0].kind == SCHEME_PLACE_JSON &&
	       rules->id.n > 0 &&
	       rules->id.v[0].v[0].kind == SCHEME_PLACE_CLAIM;
}

static void
flip_body(const struct vector *v)
{
	struct scheme_place whole = {SCHEME_PLACE_JSON, "", 0};
	struct scheme_request request = v->request;
	size_t len = request.body_len, step = 1;
	char *body;

	if (!is_token(v->rules) &&
	    (!scheme_covers(v->rules, &whole) || signs_form(v->rules)))
		return;
	/* chains take their time: here and there */
	if (is_token(v->rules) && len * 8 > CHAIN_FLIPS)
		step = len * 8 / CHAIN_FLIPS;
	body = malloc(len + 1);
	memcpy(body, request.body, len);
	request.body = body;
	for (size_t bit = 0; bit < len * 8 && bit / step < FLIPS_MAX;
	     bit += step) {
		body[bit / 8] ^= (char)(1 << bit % 8);
		refuse(v, &request, "bit of the body flipped");
		body[bit / 8] ^= (char)(1 << bit % 8);
		counts.flipped++;
	}
	body[len] = 'x';
	request.body_len = len + 1;
	refuse(v, &request, "body longer");
	if (len > 0) {
		request.body_len = len - 1;
		refuse(v, &request, "body shorter");
	}
	free(body);
}

static void
move_clock(const struct vector *v)
{
	int64_t tolerance_ms = scheme_tolerance_ms(v->scheme);
	struct scheme_request request = v->request;
	struct scheme_verdict verdict;
	int64_t signed_ms;

	if (tolerance_ms == 0)
		return;
	scheme_verify(v->scheme, v->keys, &request, &verdict);
	assert_true(verdict.has_skew);
	signed_ms = request.now_ms + verdict.skew_ms;

	request.now_ms = signed_ms + tolerance_ms;
	expect(v, &request, true, "as old as may be");
	request.now_ms += 1000;
	assert_int_equal(verify(v, &request), SCHEME_TOO_OLD);
	request.now_ms = signed_ms - tolerance_ms;
	expect(v, &request, true, "as new as may be");
	request.now_ms -= 1000;
	assert_int_equal(verify(v, &request),
	    v->rules->past_only ? SCHEME_OK : SCHEME_TOO_NEW);
	counts.clocks += 4;
}

/* Under another secret it is refused, under another and the right one not. */
static void
change_secret(const struct vector *v)
{
	struct scheme_secret secrets[VECTORS_SECRETS_MAX + 1];
	struct scheme_secret other = v->secrets[0];
	struct vector changed = *v;
	char error[SCHEME_ERROR_SIZE];
	size_t skip = strlen(v->rules->secret_prefix);
	unsigned char *p;

	if (v->n_secrets != 1 || scheme_is_asymmetric(v->rules->kind) ||
	    v->rules->secret_encoding == SCHEME_SECRET_CERTIFICATE ||
	    ((v->rules->kind == SCHEME_KIND_JWT ||
		 v->rules->kind == SCHEME_KIND_MESSAGE) &&
		(strchr("-{", (char)*other.p) ||
		    v->rules->secret_encoding != SCHEME_SECRET_TEXT)))
		return;
	p = malloc(other.len);
	memcpy(p, other.p, other.len);
	if (other.len < skip || memcmp(p, v->rules->secret_prefix, skip) != 0)
		skip = 0;
	p[skip] = p[skip] == 'b' ? 'c' : 'b';
	other.p = p;

	secrets[0] = other;
	secrets[1] = v->secrets[0];
	changed.keys = scheme_keys_new(v->scheme, secrets, 1, error);
	assert_non_null(changed.keys);
	refuse(&changed, &v->request, "another secret");
	scheme_keys_free(changed.keys);
	changed.keys = scheme_keys_new(v->scheme, secrets, 2, error);
	assert_non_null(changed.keys);
	expect(&changed, &v->request, true, "the second of two secrets");
	scheme_keys_free(changed.keys);
	free(p);
	counts.secrets += 2;
}

static void
try_vector(void *arg, struct vector *v)
{
	(void)arg;
	expect(v, &v->request, v->valid, "as it is");
	if (!v->valid)
		return;
	counts.valid++;
	change_headers(v);
	flip_body(v);
	move_clock(v);
	change_secret(v);
}

static void
test_vectors(void **state)
{
	unsigned vectors = vectors_each(try_vector, NULL);

	(void)state;
	printf("%u vectors (%u valid); refused or accepted as they "
	       "should: %u removed, %u emptied, %u doubled, %u cut, %u "
	       "changed, %u bits, %u clocks, %u secrets\n",
	    vectors, counts.valid, counts.removed, counts.emptied,
	    counts.doubled, counts.cut, counts.changed, counts.flipped,
	    counts.clocks, counts.secrets);
	/* none of the ways may have gone untried */
	assert_true(counts.valid > 80);
	assert_true(counts.removed > 80 && counts.doubled > 160);
	assert_true(counts.cut > 4000 && counts.changed > 40000);
	assert_true(counts.flipped > 40000 && counts.clocks > 60);
}

/* ---- handshakes ---- */

/* A name that a header or a query parameter of the example has, and what stands
 * there, as a request has it. */
static void
add_query(struct buf *query, const char *name, const char *value)
{
	(void)buf_printf(query, "%s%s=", query->len > 0 ? "&" : "", name);
	for (const char *c = value; *c != '\0'; c++)
		(void)buf_printf(query,
		    isalnum((unsigned char)*c) ? "%c" : "%%%02X",
		    (unsigned char)*c);
}

static void
check_answer(const json_t *example, struct scheme_answer *answer)
{
	const json_t *expected = json_object_get(example, "answer");
	const char *body = json_string_value(json_object_get(expected, "body"));
	const char *name;
	struct buf line = {0};
	size_t left = answer->headers.len;
	json_t *value;

	assert_int_equal(answer->status,
	    json_integer_value(json_object_get(expected, "status")));
	assert_string_equal(buf_str(&answer->body), body ? body : "");
	json_object_foreach(json_object_get(expected, "headers"), name, value)
	{
		if (strcmp(name, "Content-Type") == 0) {
			assert_string_equal(
			    buf_str(&answer->type), json_string_value(value));
			continue;
		}
		buf_reset(&line);
		(void)buf_printf(
		    &line, "%s: %s\r\n", name, json_string_value(value));
		assert_non_null(
		    strcasestr(buf_str(&answer->headers), buf_str(&line)));
		left -= line.len;
	}
	/* and no other */
	assert_int_equal(left, 0);
	buf_clear(&line);
}

static void
try_handshake(const char *file, json_t *example)
{
	struct vector v = {.file = file};
	struct scheme *scheme = vectors_scheme(example);
	const char *secret =
	    json_string_value(json_object_get(example, "secret"));
	const char *keep = json_string_value(json_object_get(example, "keep"));
	bool is_signed = json_is_true(json_object_get(example, "signed"));
	struct scheme_secret bytes;
	char error[SCHEME_ERROR_SIZE];
	struct scheme_answer answer;
	struct buf query = {0};
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(example, "query"), name, value)
	    add_query(&query, name, json_string_value(value));
	vectors_headers(&v, json_object_get(example, "headers"));
	v.request.method =
	    json_string_value(json_object_get(example, "method"));
	v.request.url = v.request.path = "/";
	v.request.query = buf_str(&query);
	v.request.content_type = "";
	v.request.body = json_string_value(json_object_get(example, "body"));
	v.request.body_len = strlen(v.request.body);
	if (secret) {
		bytes = (struct scheme_secret){
		    (const unsigned char *)secret, strlen(secret)};
		v.keys = scheme_keys_new(scheme, &bytes, 1, error);
		assert_non_null(v.keys);
	}
	if (scheme_handshake(scheme, v.keys, &v.request, is_signed, &answer) !=
	    1)
		fail_msg("%s: no answer", file);
	check_answer(example, &answer);
	assert_string_equal(buf_str(&answer.keep), keep ? keep : "");
	scheme_answer_clear(&answer);
	/* nobody is answered before he has proved who he is */
	if (is_signed)
		assert_int_equal(scheme_handshake(scheme, v.keys, &v.request,
				     false, &answer),
		    0);
	else
		assert_true(strcmp(v.request.method, "POST") == 0 ||
			    scheme_takes_method(scheme, v.request.method));
	buf_clear(&query);
	vectors_clear(&v);
	scheme_free(scheme);
}

static void
test_handshakes(void **state)
{
	unsigned n = 0;
	glob_t files;
	size_t i, k;

	(void)state;
	assert_int_equal(glob("tests/vectors/*.json", 0, NULL, &files), 0);
	for (i = 0; i < files.gl_pathc; i++) {
		json_t *document = json_load_file(files.gl_pathv[i], 0, NULL);
		json_t *example;

		json_array_foreach(
		    json_object_get(document, "handshakes"), k, example)
		{
			try_handshake(files.gl_pathv[i], example);
			n++;
		}
		json_decref(document);
	}
	globfree(&files);
	print_message("%u handshakes\n", n);
	assert_true(n >= 22);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_handshakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
