/* Events that a GET confirms: a subscription's, at the URL that they name. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "scheme_impl.h"
#include "scheme_parse.h"

enum { URL_MAX = 2048 };

/* ---- reading ---- */

int
scheme_parse_confirm(struct scheme_parse *p, const char *value)
{
	struct scheme_confirm *confirm = &p->rules->confirm;
	const char *arrow = strstr(value, "-> "), *word;
	size_t len;

	if (strcmp(value, "none") == 0) {
		confirm->none = true;
		return 0;
	}
	while (
	    arrow && (word = scheme_next_word(&value, &len)) && word < arrow) {
		struct scheme_conditions *when = &confirm->when;

		if (when->n == SCHEME_RULES_MAX)
			return scheme_fault(
			    p, "at most %d conditions", SCHEME_RULES_MAX);
		if (scheme_parse_condition(p, word, len, &when->v[when->n++]))
			return -1;
	}
	if (!arrow || confirm->when.n == 0)
		return scheme_fault(p, "`none`, or CONDITION… -> PLACE");
	value = arrow + strlen("-> ");
	confirm->used = true;
	return scheme_parse_place(p, value, strlen(value), &confirm->at);
}

int
scheme_parse_confirm_at(struct scheme_parse *p, const char *value)
{
	struct scheme_confirm *confirm = &p->rules->confirm;
	char url[SCHEME_URL_MAX];
	size_t i;

	if (confirm->n_hosts == SCHEME_FROM_MAX)
		return scheme_fault(p, "at most %d", SCHEME_FROM_MAX);
	/* with a letter for each `*` it is what it will match */
	(void)snprintf(url, sizeof(url), "https://%s/", value);
	for (i = 0; url[i] != '\0'; i++)
		if (url[i] == '*')
			url[i] = 'x';
	if (strchr(value, '/') || !scheme_is_url(url))
		return scheme_fault(
		    p, "`%s` is no HOST such as *.example.com", value);
	confirm->hosts[confirm->n_hosts] = scheme_copy(p, value, strlen(value));
	return confirm->hosts[confirm->n_hosts++] ? 0 : -1;
}

bool
scheme_confirms(const struct scheme *scheme)
{
	if (scheme->rules->confirm.used)
		return true;
	for (size_t i = 0; i < scheme->n_others; i++)
		if (scheme->others[i]->rules->confirm.used)
			return true;
	return false;
}

const char *
scheme_confirm_host(const struct scheme *scheme, size_t i)
{
	const struct scheme_confirm *confirm = &scheme->rules->confirm;

	return confirm->used && i < confirm->n_hosts ? confirm->hosts[i] : NULL;
}

/* ---- checking ---- */

/* A place in the body that is signed, maybe together with others. */
static bool
is_signed(const struct scheme_rules *rules, const struct scheme_place *place,
    bool always)
{
	return (place->kind == SCHEME_PLACE_JSON ||
		   place->kind == SCHEME_PLACE_FORM) &&
	       (always ? scheme_covers(rules, place)
		       : scheme_covers_some(rules, place));
}

static int
fault(char *error, const char *what, const char *name)
{
	(void)snprintf(error, SCHEME_ERROR_SIZE, "%s%s", what, name);
	return -1;
}

/* What is asked for on behalf of an event is what its signer has written, in an
 * event that it means so: there may be others whose signed text has no URL. */
int
scheme_check_confirm(const struct scheme_rules *rules, char *error)
{
	const struct scheme_confirm *confirm = &rules->confirm;

	if (!confirm->used && !confirm->none && confirm->n_hosts > 0)
		return fault(
		    error, "confirm_at: of no use without confirm", "");
	if (!confirm->used)
		return 0;
	if (confirm->n_hosts == 0)
		return fault(
		    error, "confirm: confirm_at must say at which hosts", "");
	for (size_t i = 0; i < confirm->when.n; i++) {
		const struct scheme_condition *c = &confirm->when.v[i];

		if (c->absent || !c->value ||
		    !is_signed(rules, &c->place, true))
			return fault(error,
			    "confirm: a condition is PLACE=VALUE, of what is "
			    "signed, not ",
			    c->place.name);
	}
	if (!is_signed(rules, &confirm->at, false))
		return fault(error,
		    "confirm: no field of the body that is signed: ",
		    confirm->at.name);
	return 0;
}

/* ---- a URL ---- */

/* What a path and query may be of (RFC 3986): no fragment, no blank, nothing
 * that two readers read differently. */
static bool
is_target(const char *p)
{
	for (; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) &&
		    !strchr("-._~%!$&'()*+,;=:@/?", *p))
			return false;
	return true;
}

/* https, on a host of the list. */
static bool
is_allowed(const struct scheme_confirm *confirm, const char *url)
{
	const char *path = scheme_url_path(url);
	char root[SCHEME_URL_MAX], pattern[SCHEME_URL_MAX];

	if (!path || path - url >= SCHEME_URL_MAX - 1 ||
	    strlen(url) > URL_MAX || !is_target(path))
		return false;
	(void)snprintf(root, sizeof(root), "%.*s/", (int)(path - url), url);
	for (size_t i = 0; i < confirm->n_hosts; i++) {
		(void)snprintf(
		    pattern, sizeof(pattern), "%s/", confirm->hosts[i]);
		if (scheme_from_matches(pattern, root))
			return true;
	}
	return false;
}

/* ---- an event ---- */

/* The rules that an event came under.  Those that it is linked with confirm
 * nothing where it does not: a source overrides its own alone. */
static const struct scheme_rules *
rules_named(const struct scheme *scheme, const char *name)
{
	if (!scheme->rules->confirm.used)
		return NULL;
	if (strcmp(scheme->name, name) == 0)
		return scheme->rules;
	for (size_t i = 0; i < scheme->n_others; i++)
		if (strcmp(scheme->others[i]->name, name) == 0)
			return scheme->others[i]->rules;
	return NULL;
}

enum scheme_confirming
scheme_confirm(const struct scheme *scheme, const char *under,
    const struct scheme_request *request, struct buf *url)
{
	const struct scheme_rules *rules = rules_named(scheme, under);
	enum scheme_confirming confirming = SCHEME_CONFIRM_NOT;
	struct scheme_text text = {0};
	struct scheme_look look;
	const char *where;

	if (!rules || !rules->confirm.used)
		return confirming;
	scheme_look_init(&look, rules, request);
	if (scheme_look_if(&look, &rules->confirm.when, &where) != SCHEME_OK)
		goto out;
	confirming = SCHEME_CONFIRM_REFUSED;
	if (scheme_look_at(&look, &rules->confirm.at, &text) != SCHEME_OK ||
	    memchr(text.p, '\0', text.len) ||
	    buf_add(url, text.p, text.len) != 0 || !buf_str(url))
		goto out;
	if (is_allowed(&rules->confirm, url->p))
		confirming = SCHEME_CONFIRM_GET;
out:
	scheme_text_clear(&text);
	scheme_look_clear(&look);
	return confirming;
}
