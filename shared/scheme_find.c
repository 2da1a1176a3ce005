#include <ctype.h>
#include <string.h>

#include <openssl/crypto.h>

#include "event.h"
#include "scheme_impl.h"

/* ---- id, type, probe ---- */

static bool
is_probe(struct scheme_look *look)
{
	const struct scheme_conditions *probe = &look->rules->probe;
	const char *where;

	return probe->n > 0 && scheme_look_if(look, probe, &where) == SCHEME_OK;
}

int
scheme_find(const struct scheme *scheme, const struct scheme_request *request,
    struct scheme_facts *facts)
{
	const struct scheme_rules *rules = scheme->rules;
	struct scheme_look look;
	int rc = -1;

	memset(facts, 0, sizeof(*facts));
	scheme_look_init(&look, rules, request);
	if (scheme_look_joined(&look, &rules->id, EVENT_KEY_MAX, &facts->key))
		goto out;
	if (scheme_look_joined(
		&look, &rules->type, EVENT_TYPE_MAX, &facts->type))
		goto out;
	facts->probe = is_probe(&look);
	rc = 0;
out:
	scheme_look_clear(&look);
	if (rc)
		scheme_facts_clear(facts);
	return rc;
}

void
scheme_facts_clear(struct scheme_facts *facts)
{
	buf_clear(&facts->key);
	buf_clear(&facts->type);
	facts->probe = false;
}

/* ---- handshakes ---- */

int
scheme_sink_word(void *arg, const void *p, size_t len)
{
	struct scheme_word *word = arg;
	const unsigned char *c = p;

	word->len += len;
	for (size_t i = 0; i < len && !word->other; i++) {
		word->ended |= c[i] == '=';
		word->other = word->len > SCHEME_WORD_MAX || c[i] > 'z' ||
			      (word->ended ? c[i] != '='
					   : !isalnum(c[i]) && c[i] != '-' &&
						 c[i] != '_');
	}
	return 0;
}

bool
scheme_is_word(const struct scheme_word *word)
{
	return word->len > 0 && !word->other;
}

/* A sink that escapes for the inside of a JSON string what came from the
 * request; the template's own text goes past it. */
struct answer_sink {
	struct buf *out;
	bool json;
};

static int
sink_answer(void *arg, const void *p, size_t len)
{
	const struct answer_sink *sink = arg;

	return sink->json ? buf_add_json(sink->out, p, len)
			  : buf_add(sink->out, p, len);
}

static enum scheme_result
fill_answer(struct scheme_look *look, const struct scheme_handshake *rule,
    struct buf *out)
{
	bool json = strstr(rule->type, "json") != NULL;
	const char *where;

	for (size_t i = 0; i < rule->body->n; i++) {
		struct scheme_template one = {{rule->body->v[i]}, 1};
		struct answer_sink sink = {
		    out, json && one.v[0].kind != SCHEME_PART_TEXT};
		enum scheme_result result =
		    scheme_look_fill(look, &one, sink_answer, &sink, &where);

		if (result != SCHEME_OK)
			return result;
	}
	return out->len <= SCHEME_ANSWER_MAX ? SCHEME_OK : SCHEME_BAD_FORMAT;
}

/* What came from the request could hold a line's end. */
static bool
is_header_value(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == '\x7f')
			return false;
	return true;
}

static enum scheme_result
fill_headers(struct scheme_look *look, const struct scheme_handshake *rule,
    struct buf *out)
{
	for (size_t i = 0; i < rule->n_headers; i++) {
		const struct scheme_answer_header *header = &rule->headers[i];
		enum scheme_result result;
		const char *where;
		size_t start;

		(void)buf_printf(out, "%s: ", header->name);
		start = out->len;
		result = scheme_look_fill(
		    look, header->value, scheme_sink_buf, out, &where);
		if (result != SCHEME_OK)
			return result;
		if (out->len - start > SCHEME_ANSWER_MAX / 2 ||
		    !is_header_value(out->p + start, out->len - start))
			return SCHEME_BAD_FORMAT;
		(void)buf_add_str(out, "\r\n");
	}
	return out->failed ? SCHEME_ERROR : SCHEME_OK;
}

static bool
takes(const struct scheme_handshake *rule, const char *method)
{
	return !rule->method || strcmp(rule->method, method) == 0;
}

/* Take the secret that a rule delivers.  Its length is that of one. */
static enum scheme_result
take_secret(struct scheme_look *look, const struct scheme_handshake *rule,
    struct buf *keep)
{
	struct scheme_text text = {0};
	enum scheme_result result = scheme_look_at(look, &rule->keep, &text);

	if (result == SCHEME_OK &&
	    (text.len < SCHEME_KEEP_MIN || text.len > SCHEME_KEEP_MAX))
		result = SCHEME_WRONG_LENGTH;
	if (result == SCHEME_OK && buf_add(keep, text.p, text.len))
		result = SCHEME_ERROR;
	if (text.own.p)
		OPENSSL_cleanse(text.own.p, text.own.cap);
	scheme_text_clear(&text);
	return result;
}

/* One rule: as scheme_handshake(). */
static int
try_rule(struct scheme_look *look, const struct scheme_handshake *rule,
    struct scheme_answer *answer)
{
	const char *where;
	enum scheme_result result = scheme_look_if(look, &rule->when, &where);

	if (result == SCHEME_OK && rule->keeps)
		result = take_secret(look, rule, &answer->keep);
	if (result == SCHEME_OK)
		result = fill_headers(look, rule, &answer->headers);
	if (result == SCHEME_OK)
		result = fill_answer(look, rule, &answer->body);
	if (result == SCHEME_OK &&
	    buf_add_str(&answer->type, rule->type) == 0) {
		answer->status = rule->status;
		return 1;
	}
	scheme_answer_clear(answer);
	return result == SCHEME_OK || result == SCHEME_ERROR ? -1 : 0;
}

int
scheme_handshake(const struct scheme *scheme, const struct scheme_keys *keys,
    const struct scheme_request *request, bool verified,
    struct scheme_answer *answer)
{
	const struct scheme_rules *rules = scheme->rules;
	struct scheme_look look;
	int rc = 0;

	memset(answer, 0, sizeof(*answer));
	scheme_look_init(&look, rules, request);
	look.words_only = !verified;
	if (keys && keys->n > 0) {
		look.key = keys->v[0].p;
		look.key_len = keys->v[0].len;
	}
	for (size_t i = 0; i < rules->n_handshakes && rc == 0; i++) {
		const struct scheme_handshake *rule = &rules->handshakes[i];

		if ((verified ? !rule->keeps : rule->unsigned_too) &&
		    !rule->idle && takes(rule, request->method))
			rc = try_rule(&look, rule, answer);
	}
	scheme_look_clear(&look);
	return rc;
}

bool
scheme_takes_method(const struct scheme *scheme, const char *method)
{
	const struct scheme_rules *rules = scheme->rules;

	for (size_t i = 0; i < rules->n_handshakes; i++)
		if ((rules->handshakes[i].unsigned_too ||
			rules->handshakes[i].method) &&
		    takes(&rules->handshakes[i], method))
			return true;
	return false;
}

void
scheme_answer_clear(struct scheme_answer *answer)
{
	buf_clear(&answer->headers);
	buf_clear(&answer->type);
	buf_clear(&answer->body);
	if (answer->keep.p)
		OPENSSL_cleanse(answer->keep.p, answer->keep.cap);
	buf_clear(&answer->keep);
	answer->status = 0;
}
