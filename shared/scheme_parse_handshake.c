/* Handshakes: what a request of one looks like, and its answer. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "scheme_parse.h"
#include "units.h"

/* Where the secret stands that it delivers. */
static int
handshake_keep(struct scheme_parse *p, const char *text, size_t len,
    struct scheme_handshake *handshake)
{
	if (scheme_parse_place(p, text, len, &handshake->keep))
		return -1;
	if (!handshake->unsigned_too || handshake->keeps ||
	    handshake->keep.kind == SCHEME_PLACE_SIGNATURE ||
	    handshake->keep.kind == SCHEME_PLACE_CLAIM)
		return scheme_fault(p, "keep:PLACE is for an unsigned rule, "
				       "once, a header or field");
	handshake->keeps = p->rules->keeps = true;
	return 0;
}

/* What stands before the arrow. */
static int
handshake_when(struct scheme_parse *p, const char *text, const char *arrow,
    struct scheme_handshake *handshake)
{
	size_t len;
	const char *word;
	bool begun = false;

	while ((word = scheme_next_word(&text, &len)) && word < arrow) {
		struct scheme_conditions *when = &handshake->when;
		bool is_signed = len == 6 && memcmp(word, "signed", 6) == 0;

		if (!begun &&
		    (is_signed ||
			(len == 8 && memcmp(word, "unsigned", 8) == 0))) {
			handshake->unsigned_too = !is_signed;
		} else if (len > 5 && memcmp(word, "keep:", 5) == 0) {
			if (handshake_keep(p, word + 5, len - 5, handshake))
				return -1;
		} else if (isupper((unsigned char)*word)) {
			handshake->method = scheme_copy(p, word, len);
			if (!handshake->method)
				return -1;
		} else if (when->n == SCHEME_RULES_MAX) {
			return scheme_fault(
			    p, "at most %d conditions", SCHEME_RULES_MAX);
		} else if (scheme_parse_condition(
			       p, word, len, &when->v[when->n])) {
			return -1;
		} else {
			when->n++;
		}
		begun = true;
	}
	if (!handshake->method && handshake->when.n == 0 && !handshake->keeps)
		return scheme_fault(p, "a rule needs a method or a condition");
	return 0;
}

static int
handshake_status(
    struct scheme_parse *p, const char **text, struct scheme_handshake *rule)
{
	size_t len;
	const char *word = scheme_next_word(text, &len);
	char number[8];
	int64_t status;

	(void)snprintf(
	    number, sizeof(number), "%.*s", (int)len, word ? word : "");
	if (units_number(number, 200, 299, &status) &&
	    units_number(number, 403, 404, &status))
		return scheme_fault(
		    p, "`%s` is no status of 200 to 299, 403 or 404", number);
	rule->status = (int)status;
	return 0;
}

static void
note_hmac(struct scheme_rules *rules, const struct scheme_handshake *rule,
    const struct scheme_template *template)
{
	for (size_t i = 0; template && i < template->n; i++)
		rules->signs_words |= rule->unsigned_too &&
				      template->v[i].kind == SCHEME_PART_HMAC;
}

/* One header:NAME=TEMPLATE; a template has no blank here. */
static int
handshake_header(struct scheme_parse *p, const char *word, size_t len,
    struct scheme_handshake *rule)
{
	const char *name = word + strlen("header:");
	const char *equals = memchr(name, '=', len - strlen("header:"));
	struct scheme_answer_header *header = &rule->headers[rule->n_headers];
	const char *value;

	if (!equals || equals == name || rule->n_headers == SCHEME_HEADERS_MAX)
		return scheme_fault(p,
		    "an answer has up to %d header:NAME=VALUE",
		    SCHEME_HEADERS_MAX);
	header->name = scheme_copy(p, name, (size_t)(equals - name));
	value = scheme_copy(p, equals + 1, len - (size_t)(equals + 1 - word));
	if (!header->name || !value)
		return -1;
	if (strspn(header->name, "abcdefghijklmnopqrstuvwxyz0123456789-") !=
	    strlen(header->name))
		return scheme_fault(
		    p, "header:%s: lower-case letters, please", header->name);
	header->value = scheme_parse_template(p, value);
	if (!header->value)
		return -1;
	note_hmac(p->rules, rule, header->value);
	rule->n_headers++;
	return 0;
}

/* A rule that cannot make its answer is left out: a source need not give a
 * param that is for this alone. */
static int
handshake_body(
    struct scheme_parse *p, const char *text, struct scheme_handshake *rule)
{
	struct scheme_rules *rules = p->rules;
	const char *missing = rules->missing_param;

	rules->missing_param = NULL;
	rule->body = scheme_parse_template(p, text);
	rule->idle = rules->missing_param != NULL;
	rules->missing_param = missing;
	note_hmac(rules, rule, rule->body);
	return rule->body ? 0 : -1;
}

int
scheme_parse_handshake(struct scheme_parse *p, const char *text,
    struct scheme_handshake *handshake)
{
	static const char header[] = "header:";
	const char *arrow = strstr(text, "-> ");
	const char *word;
	size_t len;

	if (!arrow)
		return scheme_fault(
		    p, "`-> STATUS` is missing: what shall the answer be?");
	memset(handshake, 0, sizeof(*handshake));
	if (handshake_when(p, text, arrow, handshake))
		return -1;
	text = arrow + 2;
	if (handshake_status(p, &text, handshake))
		return -1;
	while ((word = scheme_next_word(&text, &len)) && len > strlen(header) &&
	       memcmp(word, header, strlen(header)) == 0)
		if (handshake_header(p, word, len, handshake))
			return -1;
	handshake->type = scheme_copy(p, word ? word : "", word ? len : 0);
	text += strspn(text, " \t");
	return handshake_body(p, text, handshake) || !handshake->type ? -1 : 0;
}
