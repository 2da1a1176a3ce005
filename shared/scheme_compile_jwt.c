/* The keys of the kinds jwt and message, and where their keys come from. */

#include <string.h>

#include "scheme_message.h"
#include "scheme_parse.h"
#include "units.h"

/* Both kinds have their own words for them. */
static int
add_algorithm(struct scheme_parse *p, const char *word)
{
	struct scheme_rules *rules = p->rules;

	for (size_t i = 0; scheme_message_words[i]; i++) {
		if (strcmp(scheme_message_words[i], word) != 0)
			continue;
		rules->jwt_algorithms[scheme_message_algorithm(i)] = true;
		rules->names_message = true;
		return 0;
	}
	int algorithm = scheme_parse_word(p,
	    rules->kind == SCHEME_KIND_MESSAGE ? scheme_message_words
					       : scheme_jwt_words,
	    word);
	if (algorithm < 0)
		return -1;
	rules->jwt_algorithms[algorithm] = true;
	rules->names_jwt = true;
	return 0;
}

int
scheme_parse_algorithms(struct scheme_parse *p, const char *value)
{
	size_t len;
	const char *start;

	while ((start = scheme_next_word(&value, &len))) {
		const char *word = scheme_copy(p, start, len);

		if (!word || add_algorithm(p, word))
			return -1;
	}
	return 0;
}

int
scheme_parse_syntax(struct scheme_parse *p, const char *value)
{
	static const char *const words[] = {
	    [SCHEME_SYNTAX_RFC9421] = "rfc9421",
	    [SCHEME_SYNTAX_CAVAGE] = "cavage",
	    NULL,
	};
	int word = scheme_parse_word(p, words, value);

	p->rules->syntax = (enum scheme_syntax)word;
	return word < 0 ? -1 : 0;
}

/* A header's name, or what a syntax has beside them. */
static bool
is_component(const char *name)
{
	static const char *const words[] = {"@method", "@target-uri",
	    "@authority", "@scheme", "@request-target", "@path", "@query",
	    "(request-target)", "(created)", "(expires)"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") ==
	       strlen(name);
}

int
scheme_parse_covered(struct scheme_parse *p, const char *value)
{
	struct scheme_rules *rules = p->rules;
	struct scheme_component *covered = &rules->covered[rules->n_covered];
	size_t len;
	const char *start;

	if (rules->n_covered == SCHEME_RULES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_RULES_MAX);
	while ((start = scheme_next_word(&value, &len))) {
		const char *word = scheme_copy(p, start, len);

		if (!word)
			return -1;
		if (covered->n == SCHEME_COVERED_MAX)
			return scheme_fault(
			    p, "at most %d on a line", SCHEME_COVERED_MAX);
		if (!is_component(word))
			return scheme_fault(p,
			    "`%s` is no component (@method, @target-uri, "
			    "content-type …)",
			    word);
		covered->names[covered->n++] = word;
	}
	rules->n_covered++;
	return 0;
}

int
scheme_parse_tag(struct scheme_parse *p, const char *value)
{
	p->rules->tag = scheme_copy(p, value, strlen(value));
	return p->rules->tag ? 0 : -1;
}

/* A name, or several with a bar between them; of an inner object OBJECT/NAME.
 */
static bool
is_claim(const char *name)
{
	size_t len = strlen(name);

	for (const char *c = name; *c != '\0'; c++)
		if (strchr("/|", *c) &&
		    (c == name || c[1] == '\0' || strchr("/|", c[1])))
			return false;
	return len > 0 && len <= SCHEME_CLAIM_MAX && !strchr(name, '~');
}

/* NAME, NAME=TEMPLATE or NAME?=TEMPLATE. */
int
scheme_parse_claim(struct scheme_parse *p, const char *value)
{
	struct scheme_rules *rules = p->rules;
	struct scheme_claim *claim = &rules->claims[rules->n_claims];
	const char *equals = strchr(value, '=');
	size_t len = equals ? (size_t)(equals - value) : strlen(value);

	if (rules->n_claims == SCHEME_RULES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_RULES_MAX);
	claim->unless_empty = equals && len > 0 && equals[-1] == '?';
	len -= claim->unless_empty;
	claim->name = scheme_copy(p, value, len);
	if (claim->name &&
	    (!is_claim(claim->name) || (equals && equals[1] == '\0')))
		return scheme_fault(p, "`%s` is no NAME or NAME=VALUE", value);
	if (equals)
		claim->template = scheme_parse_template(p, equals + 1);
	rules->n_claims++;
	return claim->name && (!equals || claim->template) ? 0 : -1;
}

int
scheme_parse_max_age(struct scheme_parse *p, const char *value)
{
	if (units_duration_ms(value, &p->rules->max_age_ms) ||
	    p->rules->max_age_ms <= 0)
		return scheme_fault(p, "`%s` is no duration (300s, 5m)", value);
	return 0;
}

/* A template that is known beforehand: text and params; what it gives is looked
 * at when they are there. */
int
scheme_parse_keys_url(struct scheme_parse *p, const char *value)
{
	const struct scheme_template *template =
	    scheme_parse_template(p, value);
	struct buf url = {0};
	int rc = -1;

	for (size_t i = 0; template && i < template->n; i++) {
		if (template->v[i].kind != SCHEME_PART_TEXT) {
			template = NULL;
			(void)scheme_fault(p, "only {param:NAME} is known "
					      "before a request comes");
		} else {
			(void)buf_add(
			    &url, template->v[i].text, template->v[i].len);
		}
	}
	if (template && !buf_str(&url))
		(void)scheme_fault(p, "no memory");
	else if (template && !scheme_is_url(url.p) && !p->rules->missing_param)
		(void)scheme_fault(p, "`%s` is no https://HOST/PATH", url.p);
	else if (template)
		p->rules->keys_url = scheme_copy(p, url.p, url.len);
	if (p->rules->keys_url)
		rc = 0;
	buf_clear(&url);
	return rc;
}

int
scheme_parse_keys_from(struct scheme_parse *p, const char *value)
{
	struct scheme_rules *rules = p->rules;
	struct buf url = {0};
	bool good;

	if (rules->n_keys_from == SCHEME_FROM_MAX)
		return scheme_fault(p, "at most %d", SCHEME_FROM_MAX);
	/* with a letter for each `*` it is what it will match */
	(void)buf_printf(&url, "https://%s", value);
	for (size_t i = 0; url.p && i < url.len; i++)
		if (url.p[i] == '*')
			url.p[i] = 'x';
	good = buf_str(&url) && scheme_is_url(url.p);
	buf_clear(&url);
	if (!good)
		return scheme_fault(p,
		    "`%s` is no HOST/PATH such as keys.example.com/*.pem",
		    value);
	rules->keys_from[rules->n_keys_from] =
	    scheme_copy(p, value, strlen(value));
	return rules->keys_from[rules->n_keys_from++] ? 0 : -1;
}

int
scheme_parse_payload(struct scheme_parse *p, const char *value)
{
	p->rules->payload = scheme_parse_template(p, value);
	return p->rules->payload ? 0 : -1;
}
