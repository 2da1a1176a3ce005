#include <string.h>
#include <strings.h>

#include "scheme_impl.h"

enum { PUBLIC_MAX = 8 /* signatures with public keys cost 0.1 ms each */ };

static enum scheme_result
add_signature(struct scheme_proof *proof, const char *p, size_t len,
    enum scheme_hash hash)
{
	size_t max = scheme_is_asymmetric(proof->rules->kind)
			 ? (size_t)PUBLIC_MAX
			 : (size_t)SCHEME_SIGNATURES_MAX;

	if (proof->n_signatures == max)
		return SCHEME_BAD_FORMAT;
	proof->signatures[proof->n_signatures++] =
	    (struct scheme_signature){p, len, hash};
	return SCHEME_OK;
}

/* A timestamp that stands in the signature's text; there may be one. */
static enum scheme_result
set_timestamp(struct scheme_proof *proof, const char *p, size_t len)
{
	struct scheme_text *timestamp = &proof->look.timestamp;

	if (timestamp->p)
		return SCHEME_BAD_FORMAT;
	timestamp->p = p;
	timestamp->len = len;
	return SCHEME_OK;
}

static bool
is_timestamp_key(const struct scheme_rules *rules, const char *p, size_t len)
{
	for (size_t i = 0; i < rules->timestamp.n; i++) {
		const struct scheme_place *place = &rules->timestamp.v[i];

		if (place->kind == SCHEME_PLACE_SIGNATURE &&
		    strlen(place->name) == len &&
		    memcmp(place->name, p, len) == 0)
			return true;
	}
	return false;
}

static bool
is_signature_key(const struct scheme_rules *rules, const char *p, size_t len)
{
	for (size_t i = 0; i < rules->n_signature_keys; i++)
		if (strcmp(rules->signature_keys[i], "*") == 0)
			return true;
	for (size_t i = 0; i < rules->n_signature_keys; i++)
		if (strlen(rules->signature_keys[i]) == len &&
		    memcmp(rules->signature_keys[i], p, len) == 0)
			return true;
	return false;
}

/* Keep a pair that a template names; it may be there once. */
static enum scheme_result
keep_pair(struct scheme_proof *proof, const char *key, size_t key_len,
    const struct scheme_text *value)
{
	const struct scheme_rules *rules = proof->rules;

	for (size_t i = 0; i < rules->n_pairs; i++) {
		if (strlen(rules->pairs[i]) != key_len ||
		    memcmp(rules->pairs[i], key, key_len) != 0)
			continue;
		if (proof->look.pairs[i].p)
			return SCHEME_HEADER_TWICE;
		proof->look.pairs[i] = *value;
	}
	return SCHEME_OK;
}

static enum scheme_result
take_pair(struct scheme_proof *proof, const char *p, size_t len)
{
	const struct scheme_rules *rules = proof->rules;
	const char *separator = memchr(p, rules->key_separator, len);

	if (!separator)
		return SCHEME_OK; /* not ours: ignored like unknown keys */
	size_t key_len = (size_t)(separator - p);
	const char *value = separator + 1;
	size_t value_len = len - key_len - 1;

	if (is_timestamp_key(rules, p, key_len))
		return set_timestamp(proof, value, value_len);
	if (is_signature_key(rules, p, key_len))
		return add_signature(proof, value, value_len, rules->hash);
	return keep_pair(proof, p, key_len,
	    &(struct scheme_text){.p = value, .len = value_len});
}

static enum scheme_result
take_item(struct scheme_proof *proof, size_t i, const char *p, size_t len)
{
	const struct scheme_rules *rules = proof->rules;

	if (rules->list_separator == '\0')
		return take_pair(proof, p, len);
	if (i == 0 && is_timestamp_key(rules, "0", 1))
		return set_timestamp(proof, p, len);
	return add_signature(proof, p, len, rules->hash);
}

/* Pairs or a list: items with blanks around them, empty ones left out. */
static enum scheme_result
take_items(struct scheme_proof *proof, const char *p, size_t len)
{
	const struct scheme_rules *rules = proof->rules;
	char separator = rules->list_separator != '\0' ? rules->list_separator
						       : rules->pair_separator;
	const char *end = p + len;
	size_t n = 0;

	while (p < end) {
		const char *stop = memchr(p, separator, (size_t)(end - p));
		const char *next = stop ? stop + 1 : end;

		if (!stop)
			stop = end;
		while (p < stop && *p == ' ')
			p++;
		while (stop > p && stop[-1] == ' ')
			stop--;
		if (p < stop) {
			enum scheme_result result =
			    take_item(proof, n++, p, (size_t)(stop - p));

			if (result != SCHEME_OK)
				return result;
		}
		p = next;
	}
	return proof->n_signatures > 0 ? SCHEME_OK : SCHEME_BAD_FORMAT;
}

/* The group of signatures that is to be looked at; their number is noted. */
static enum scheme_result
take_group(struct scheme_proof *proof, const char *p, size_t len)
{
	char separator = proof->rules->group_separator;
	const char *end = p + len;
	const char *group = NULL;
	size_t group_len = 0;

	while (p < end) {
		const char *stop = memchr(p, separator, (size_t)(end - p));

		if (!stop)
			stop = end;
		if (p < stop && proof->n_groups++ == proof->group) {
			group = p;
			group_len = (size_t)(stop - p);
		}
		p = stop + 1;
	}
	if (!group || proof->n_groups > SCHEME_GROUPS_MAX) {
		proof->n_groups = 0;
		return SCHEME_BAD_FORMAT;
	}
	return take_items(proof, group, group_len);
}

static enum scheme_result
take_algorithm(struct scheme_proof *proof, const char *p, size_t len)
{
	static const char *const names[] = {
	    [SCHEME_HASH_SHA256] = "sha256=",
	    [SCHEME_HASH_SHA1] = "sha1=",
	    [SCHEME_HASH_SHA384] = "sha384=",
	    [SCHEME_HASH_SHA512] = "sha512=",
	    [SCHEME_HASH_MD5] = "md5=",
	};

	for (size_t hash = 0; hash < SCHEME_HASH__MAX; hash++) {
		size_t n = strlen(names[hash]);

		if (proof->rules->algorithms[hash] && len > n &&
		    memcmp(p, names[hash], n) == 0)
			return add_signature(
			    proof, p + n, len - n, (enum scheme_hash)hash);
	}
	return SCHEME_BAD_FORMAT;
}

/* Cut "Bearer " off the Authorization header (RFC 9110, 11.4). */
static enum scheme_result
cut_auth_scheme(const struct scheme_rules *rules, const char **p, size_t *len)
{
	const char *word =
	    rules->kind == SCHEME_KIND_BASIC ? "Basic" : rules->auth_scheme;
	size_t n = strlen(word);

	if (n == 0)
		return SCHEME_OK;
	if (*len <= n || strncasecmp(*p, word, n) != 0 || (*p)[n] != ' ')
		return SCHEME_BAD_FORMAT;
	while (n < *len && (*p)[n] == ' ')
		n++;
	*p += n;
	*len -= n;
	return SCHEME_OK;
}

/* Take the signatures out of one text. */
static enum scheme_result
take_text(struct scheme_proof *proof, const struct scheme_place *place,
    const struct scheme_text *text)
{
	const struct scheme_rules *rules = proof->rules;
	size_t prefix = strlen(rules->prefix);
	const char *p = text->p;
	size_t len = text->len;

	proof->verdict->where = place->name;
	if (place->kind == SCHEME_PLACE_HEADER &&
	    strcmp(place->name, "authorization") == 0) {
		enum scheme_result result = cut_auth_scheme(rules, &p, &len);

		if (result != SCHEME_OK)
			return result;
	}
	if (len < prefix || memcmp(p, rules->prefix, prefix) != 0)
		return SCHEME_BAD_FORMAT;
	p += prefix;
	len -= prefix;
	if (rules->group_separator != '\0')
		return take_group(proof, p, len);
	if (rules->n_signature_keys > 0 || rules->list_separator != '\0')
		return take_items(proof, p, len);
	if (rules->has_algorithms)
		return take_algorithm(proof, p, len);
	return add_signature(proof, p, len, rules->hash);
}

/* All values of a repeated header, where each may be the one. */
static enum scheme_result
take_header_values(struct scheme_proof *proof, const struct scheme_place *place)
{
	const struct scheme_request *request = proof->look.request;
	size_t n = scheme_look_count(request, place->name);

	for (size_t i = 0; i < n; i++) {
		struct scheme_text text = {0};
		enum scheme_result result;

		text.p = scheme_look_header(request, place->name, i);
		text.len = strlen(text.p);
		result = take_text(proof, place, &text);
		if (result != SCHEME_OK)
			return result;
	}
	return n > 0 ? SCHEME_OK : SCHEME_HEADER_MISSING;
}

static enum scheme_result
take_place(struct scheme_proof *proof, const struct scheme_place *place)
{
	struct scheme_text *text = &proof->texts[proof->n_texts];
	enum scheme_result result;

	*text = (struct scheme_text){0};

	if (proof->rules->all_candidates && place->kind == SCHEME_PLACE_HEADER)
		return take_header_values(proof, place);
	result = scheme_look_at(&proof->look, place, text);
	proof->n_texts++;
	return result == SCHEME_OK ? take_text(proof, place, text) : result;
}

void
scheme_proof_init(struct scheme_proof *proof, const struct scheme_rules *rules,
    const struct scheme_request *request)
{
	memset(proof, 0, offsetof(struct scheme_proof, look));
	proof->rules = rules;
	scheme_look_init(&proof->look, rules, request);
}

enum scheme_result
scheme_take(struct scheme_proof *proof)
{
	const struct scheme_rules *rules = proof->rules;

	for (size_t i = 0; i < rules->signature.n; i++) {
		const struct scheme_place *place = &rules->signature.v[i];
		enum scheme_result result = take_place(proof, place);

		if (result == SCHEME_HEADER_MISSING)
			continue;
		if (result != SCHEME_OK) {
			proof->verdict->where = place->name;
			return result;
		}
		if (!rules->all_candidates)
			return SCHEME_OK;
	}
	if (proof->n_signatures > 0)
		return SCHEME_OK;
	proof->verdict->where = rules->signature.v[0].name;
	return SCHEME_HEADER_MISSING;
}
