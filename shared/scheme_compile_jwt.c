/* The keys of kind jwt. */

#include <string.h>

#include "scheme_jwt.h"
#include "scheme_parse.h"
#include "units.h"

int
scheme_parse_algorithms(struct scheme_parse *p, const char *value)
{
	size_t len;
	const char *start;

	while ((start = scheme_next_word(&value, &len))) {
		const char *word = scheme_copy(p, start, len);
		int algorithm =
		    word ? scheme_parse_word(p, scheme_jwt_words, word) : -1;

		if (algorithm < 0)
			return -1;
		p->rules->jwt_algorithms[algorithm] = true;
	}
	return 0;
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
	if (len == 0 || len > SCHEME_CLAIM_MAX || strcspn(value, "/~") < len ||
	    (equals && equals[1] == '\0'))
		return scheme_fault(p, "`%s` is no NAME or NAME=VALUE", value);
	claim->name = scheme_copy(p, value, len);
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
