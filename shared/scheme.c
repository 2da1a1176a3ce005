#include "scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheme_impl.h"
#include "scheme_message.h"
#include "scheme_parse.h"
#include "scheme_text.h"
#include "units.h"

/* ---- building ---- */

static void
clear_setting(struct scheme_setting *setting)
{
	for (size_t i = 0; i < setting->n; i++)
		free(setting->v[i]);
	free(setting->v);
	*setting = (struct scheme_setting){0};
}

static int
add_value(struct scheme_setting *setting, const char *value)
{
	char **v = realloc(setting->v, (setting->n + 1) * sizeof(*v));

	if (!v)
		return -1;
	setting->v = v;
	setting->v[setting->n] = strdup(value);
	if (!setting->v[setting->n])
		return -1;
	setting->n++;
	return 0;
}

static int
copy_setting(struct scheme_setting *to, const struct scheme_setting *from)
{
	for (size_t i = 0; i < from->n; i++) {
		if (add_value(to, from->v[i])) {
			clear_setting(to);
			return -1;
		}
	}
	return 0;
}

/* One scheme without those it is linked with. */
static void
free_one(struct scheme *scheme)
{
	if (!scheme)
		return;
	for (size_t i = 0; scheme->settings && i < scheme_n_keys(); i++)
		clear_setting(&scheme->settings[i]);
	free(scheme->settings);
	scheme_rules_free(scheme->rules);
	free(scheme->name);
	free(scheme);
}

static struct scheme *
new_one(const char *name, const struct scheme *base)
{
	struct scheme *scheme = calloc(1, sizeof(*scheme));
	char error[SCHEME_ERROR_SIZE];

	if (!scheme)
		return NULL;
	scheme->name = strdup(name);
	scheme->settings = calloc(scheme_n_keys(), sizeof(*scheme->settings));
	if (!scheme->name || !scheme->settings)
		goto fail;
	for (size_t i = 0; base && i < scheme_n_keys(); i++) {
		if (copy_setting(&scheme->settings[i], &base->settings[i]))
			goto fail;
		scheme->settings[i].inherited = true;
	}
	scheme->rules = scheme_compile(scheme, error);
	if (scheme->rules)
		return scheme;
fail:
	free_one(scheme);
	return NULL;
}

static void
clear_others(struct scheme *scheme)
{
	for (size_t i = 0; i < scheme->n_others; i++)
		free_one(scheme->others[i]);
	free(scheme->others);
	scheme->others = NULL;
	scheme->n_others = 0;
}

/* Give a copy the params of whom it is linked with, before its own: a name's
 * first value counts. */
static int
share_params(struct scheme *to, const struct scheme *from)
{
	size_t i = scheme_key_index("param");
	struct scheme_setting all = {.inherited = true};
	char error[SCHEME_ERROR_SIZE];
	struct scheme_rules *rules;

	if (from->settings[i].n == 0)
		return 0;
	if (copy_setting(&all, &from->settings[i]) ||
	    copy_setting(&all, &to->settings[i])) {
		clear_setting(&all);
		return -1;
	}
	clear_setting(&to->settings[i]);
	to->settings[i] = all;
	rules = scheme_compile(to, error);
	if (!rules)
		return -1;
	scheme_rules_free(to->rules);
	to->rules = rules;
	return 0;
}

/* Link with a copy. */
static int
add_other(struct scheme *scheme, const struct scheme *other)
{
	struct scheme **others = realloc(
	    scheme->others, (scheme->n_others + 1) * sizeof(struct scheme *));

	if (!others)
		return -1;
	scheme->others = others;
	others[scheme->n_others] = new_one(other->name, other);
	if (!others[scheme->n_others])
		return -1;
	scheme->n_others++;
	return share_params(others[scheme->n_others - 1], scheme);
}

struct scheme *
scheme_new(const char *name, const struct scheme *base)
{
	struct scheme *scheme = new_one(name, base);

	for (size_t i = 0; scheme && base && i < base->n_others; i++) {
		if (add_other(scheme, base->others[i])) {
			scheme_free(scheme);
			return NULL;
		}
	}
	return scheme;
}

void
scheme_free(struct scheme *scheme)
{
	if (scheme)
		clear_others(scheme);
	free_one(scheme);
}

int
scheme_set(struct scheme *scheme, const char *key, const char *value,
    char error[SCHEME_ERROR_SIZE])
{
	size_t i = scheme_key_index(key);
	struct scheme_setting new = {0};
	struct scheme_setting old;
	struct scheme_rules *rules;

	if (i == scheme_n_keys()) {
		(void)snprintf(
		    error, SCHEME_ERROR_SIZE, "%s: no key of a scheme", key);
		return -1;
	}
	old = scheme->settings[i];
	if ((scheme_key_is_list(key) && !old.inherited &&
		copy_setting(&new, &old)) ||
	    (*value != '\0' && add_value(&new, value))) {
		clear_setting(&new);
		(void)snprintf(error, SCHEME_ERROR_SIZE, "%s: no memory", key);
		return -1;
	}
	scheme->settings[i] = new;
	rules = scheme_compile(scheme, error);
	if (!rules) {
		scheme->settings[i] = old;
		clear_setting(&new);
		return -1;
	}
	clear_setting(&old);
	scheme_rules_free(scheme->rules);
	scheme->rules = rules;
	return 0;
}

int
scheme_link(struct scheme *scheme, scheme_lookup_fn *lookup, void *arg,
    char error[SCHEME_ERROR_SIZE])
{
	const struct scheme *other;
	const char *name;

	clear_others(scheme);
	for (size_t i = 0; (name = scheme_value(scheme, "also", i)); i++) {
		other = lookup(arg, name);
		if (!other || scheme_is_none(other) || other->n_others > 0) {
			(void)snprintf(error, SCHEME_ERROR_SIZE,
			    "also: `%.64s` is no scheme that could stand "
			    "beside another one",
			    name);
			return -1;
		}
		if (add_other(scheme, other)) {
			(void)snprintf(
			    error, SCHEME_ERROR_SIZE, "also: no memory");
			return -1;
		}
	}
	return 0;
}

/* ---- facts ---- */

const char *
scheme_name(const struct scheme *scheme)
{
	return scheme->name;
}

bool
scheme_is_none(const struct scheme *scheme)
{
	return scheme->rules->kind == SCHEME_KIND_NONE;
}

const char *
scheme_wanted_param(const struct scheme *scheme)
{
	return scheme->rules->missing_param;
}

const char *
scheme_wanted_signed(const struct scheme *scheme)
{
	return scheme->rules->missing_signed;
}

static bool
signs_url(const struct scheme_rules *rules)
{
	if (rules->kind == SCHEME_KIND_MESSAGE)
		return scheme_message_needs_url(rules);
	return scheme_has_part(rules, SCHEME_PART_URL) ||
	       scheme_has_part(rules, SCHEME_PART_URL_NO_QUERY) ||
	       scheme_has_made(rules, SCHEME_COVERS_URL);
}

bool
scheme_needs_url(const struct scheme *scheme)
{
	for (size_t i = 0; i < scheme->n_others; i++)
		if (signs_url(scheme->others[i]->rules))
			return true;
	return signs_url(scheme->rules);
}

int64_t
scheme_tolerance_ms(const struct scheme *scheme)
{
	const struct scheme_rules *rules = scheme->rules;

	if (rules->timestamp.n == 0 && rules->kind != SCHEME_KIND_MESSAGE)
		return 0;
	return rules->no_tolerance ? 0 : rules->tolerance_ms;
}

bool
scheme_keeps(const struct scheme *scheme)
{
	return scheme->rules->keeps;
}

int64_t
scheme_max_body(const struct scheme *scheme)
{
	return scheme->rules->max_body;
}

void
scheme_describe(const struct scheme *scheme, struct buf *out)
{
	const struct scheme_rules *rules = scheme->rules;
	int64_t tolerance_ms = scheme_tolerance_ms(scheme);
	char text[32];

	(void)buf_printf(
	    out, "%s (%s", scheme->name, scheme_kind_words[rules->kind]);
	if (rules->kind == SCHEME_KIND_HMAC || rules->kind == SCHEME_KIND_HASH)
		(void)buf_printf(out, "-%s", scheme_hash_words[rules->hash]);
	if (tolerance_ms > 0 && tolerance_ms % 1000 == 0)
		(void)buf_printf(
		    out, ", %llds", (long long)(tolerance_ms / 1000));
	else if (tolerance_ms > 0)
		(void)buf_printf(out, ", %s",
		    units_format_ms(tolerance_ms, text, sizeof(text)));
	(void)buf_add_char(out, ')');
}

void
scheme_print(const struct scheme *scheme, struct buf *out)
{
	(void)buf_printf(out, "[scheme %s]\n", scheme->name);
	for (size_t i = 0; i < scheme_n_keys(); i++)
		for (size_t k = 0; k < scheme->settings[i].n; k++)
			(void)buf_printf(out, "%s = %s\n", scheme_key(i),
			    scheme->settings[i].v[k]);
}

const char *
scheme_value(const struct scheme *scheme, const char *key, size_t i)
{
	size_t k = scheme_key_index(key);

	return k < scheme_n_keys() && i < scheme->settings[k].n
		   ? scheme->settings[k].v[i]
		   : NULL;
}

const char *
scheme_get(const struct scheme *scheme, const char *key)
{
	return scheme_value(scheme, key, 0);
}

static bool
stands_in(const struct scheme_places *places, enum scheme_place_kind kind,
    const char *name)
{
	for (size_t i = 0; i < places->n; i++)
		if (places->v[i].kind == kind &&
		    strcmp(places->v[i].name, name) == 0)
			return true;
	return false;
}

/* Whether it is secret beside the signature: another proof, or what a rule
 * compares with a param. */
static bool
is_secret(const struct scheme_rules *rules, enum scheme_place_kind kind,
    const char *name)
{
	if (stands_in(&rules->hide, kind, name))
		return true;
	for (size_t i = 0; i < rules->n_handshakes; i++) {
		const struct scheme_conditions *when =
		    &rules->handshakes[i].when;
		const struct scheme_place *keep = &rules->handshakes[i].keep;

		if (rules->handshakes[i].keeps && keep->kind == kind &&
		    strcmp(keep->name, name) == 0)
			return true;
		for (size_t k = 0; k < when->n; k++)
			if (when->v[k].secret &&
			    when->v[k].place.kind == kind &&
			    strcmp(when->v[k].place.name, name) == 0)
				return true;
	}
	return false;
}

static bool
hides_itself(const struct scheme_rules *rules, enum scheme_place_kind kind,
    const char *name)
{
	return stands_in(&rules->signature, kind, name) ||
	       is_secret(rules, kind, name);
}

static bool
hides(
    const struct scheme *scheme, enum scheme_place_kind kind, const char *name)
{
	for (size_t i = 0; i < scheme->n_others; i++)
		if (hides_itself(scheme->others[i]->rules, kind, name))
			return true;
	return hides_itself(scheme->rules, kind, name);
}

/* Whether its signature gives no secret away. */
static bool
signs(const struct scheme_rules *rules)
{
	return rules->kind == SCHEME_KIND_HMAC ||
	       rules->kind == SCHEME_KIND_HASH ||
	       rules->kind == SCHEME_KIND_MESSAGE ||
	       scheme_is_asymmetric(rules->kind);
}

/* Whether what stands there is secret, and no mere signature. */
static bool
holds_secret(const struct scheme_rules *rules, enum scheme_place_kind kind,
    const char *name)
{
	return is_secret(rules, kind, name) ||
	       (!signs(rules) && stands_in(&rules->signature, kind, name));
}

static bool
shows(
    const struct scheme *scheme, enum scheme_place_kind kind, const char *name)
{
	for (size_t i = 0; i < scheme->n_others; i++)
		if (holds_secret(scheme->others[i]->rules, kind, name))
			return false;
	return hides(scheme, kind, name) &&
	       !holds_secret(scheme->rules, kind, name);
}

bool
scheme_shows_header(const struct scheme *scheme, const char *name)
{
	return shows(scheme, SCHEME_PLACE_HEADER, name);
}

bool
scheme_shows_query(const struct scheme *scheme, const char *name)
{
	return shows(scheme, SCHEME_PLACE_QUERY, name);
}

static bool
is_of_body(const struct scheme_place *place)
{
	return place->kind == SCHEME_PLACE_FORM ||
	       place->kind == SCHEME_PLACE_JSON;
}

/* Whether a secret stands in the body, or may. */
static bool
proves_in_body(const struct scheme_rules *rules)
{
	for (size_t i = 0; i < rules->signature.n && !signs(rules); i++)
		if (is_of_body(&rules->signature.v[i]))
			return true;
	for (size_t i = 0; i < rules->n_handshakes; i++)
		if (rules->handshakes[i].keeps &&
		    is_of_body(&rules->handshakes[i].keep))
			return true;
	return false;
}

bool
scheme_hides_body(const struct scheme *scheme)
{
	for (size_t i = 0; i < scheme->n_others; i++)
		if (proves_in_body(scheme->others[i]->rules))
			return true;
	return proves_in_body(scheme->rules);
}

bool
scheme_hides_header(const struct scheme *scheme, const char *name)
{
	return hides(scheme, SCHEME_PLACE_HEADER, name);
}

bool
scheme_hides_query(const struct scheme *scheme, const char *name)
{
	return hides(scheme, SCHEME_PLACE_QUERY, name);
}

const char *
scheme_result_name(enum scheme_result result)
{
	static const char *const names[SCHEME__MAX] = {
	    [SCHEME_OK] = "ok",
	    [SCHEME_HEADER_MISSING] = "header_missing",
	    [SCHEME_HEADER_TWICE] = "header_twice",
	    [SCHEME_BAD_FORMAT] = "bad_format",
	    [SCHEME_BAD_ENCODING] = "bad_encoding",
	    [SCHEME_WRONG_LENGTH] = "wrong_length",
	    [SCHEME_MISMATCH] = "mismatch",
	    [SCHEME_TOO_OLD] = "too_old",
	    [SCHEME_TOO_NEW] = "too_new",
	    [SCHEME_BAD_TOKEN] = "bad_token",
	    [SCHEME_NO_SUCH_KEY] = "no_such_key",
	    [SCHEME_BAD_CERTIFICATE] = "bad_certificate",
	    [SCHEME_NO_KEY_YET] = "no_keys",
	    [SCHEME_ERROR] = "error",
	};

	return names[result];
}
