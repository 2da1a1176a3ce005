#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scheme_message.h"
#include "scheme_text.h"

static int fault(char error[SCHEME_ERROR_SIZE], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
fault(char error[SCHEME_ERROR_SIZE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(error, SCHEME_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return -1;
}

static bool
has(const struct scheme_template *template, enum scheme_part_kind kind)
{
	for (size_t i = 0; i < template->n; i++)
		if (template->v[i].kind == kind)
			return true;
	return false;
}

static bool
made(const struct scheme_template *template, unsigned covers)
{
	for (size_t i = 0; i < template->n; i++)
		if (template->v[i].kind == SCHEME_PART_MADE &&
		    (template->v[i].maker->covers & covers) != 0)
			return true;
	return false;
}

bool
scheme_has_part(const struct scheme_rules *rules, enum scheme_part_kind kind)
{
	if (rules->payload && has(rules->payload, kind))
		return true;
	for (size_t i = 0; i < rules->n_claims; i++)
		if (rules->claims[i].template &&
		    has(rules->claims[i].template, kind))
			return true;
	for (size_t i = 0; i < rules->n_templates; i++)
		if (has(rules->templates[i], kind))
			return true;
	return false;
}

bool
scheme_has_made(const struct scheme_rules *rules, unsigned covers)
{
	if (rules->payload && made(rules->payload, covers))
		return true;
	for (size_t i = 0; i < rules->n_claims; i++)
		if (rules->claims[i].template &&
		    made(rules->claims[i].template, covers))
			return true;
	for (size_t i = 0; i < rules->n_templates; i++)
		if (made(rules->templates[i], covers))
			return true;
	return false;
}

bool
scheme_is_asymmetric(enum scheme_kind kind)
{
	return kind == SCHEME_KIND_ED25519 || kind == SCHEME_KIND_ECDSA ||
	       kind == SCHEME_KIND_RSA;
}

static bool
signs(const struct scheme_rules *rules)
{
	return rules->kind == SCHEME_KIND_HMAC ||
	       rules->kind == SCHEME_KIND_HASH ||
	       scheme_is_asymmetric(rules->kind);
}

static bool
same_place(const struct scheme_place *a, const struct scheme_place *b)
{
	return a->kind == b->kind && strcmp(a->name, b->name) == 0;
}

static bool
part_names(const struct scheme_part *part, const struct scheme_place *place)
{
	if (part->kind == SCHEME_PART_PLACE)
		return same_place(&part->place, place);
	if (part->kind != SCHEME_PART_MADE)
		return false;
	for (size_t i = 0; i < part->words->places.n; i++)
		if (same_place(&part->words->places.v[i], place))
			return true;
	for (size_t i = 0; i < part->words->n_names; i++)
		if (place->kind == SCHEME_PLACE_HEADER &&
		    strcmp(part->words->names[i], place->name) == 0)
			return true;
	return false;
}

static bool
names_place(
    const struct scheme_template *template, const struct scheme_place *place)
{
	for (size_t i = 0; i < template->n; i++)
		if (part_names(&template->v[i], place))
			return true;
	return false;
}

static bool
is_timestamp(const struct scheme_rules *rules, const struct scheme_place *place)
{
	for (size_t i = 0; i < rules->timestamp.n; i++)
		if (same_place(&rules->timestamp.v[i], place))
			return true;
	return false;
}

/* {id} stands for the id alone: of one place, and the only one. */
static bool
is_plain_id(const struct scheme_rules *rules, const struct scheme_place *place)
{
	return rules->id.n == 1 && rules->id.v[0].n == 1 &&
	       same_place(&rules->id.v[0].v[0], place);
}

static bool
covers_query(const struct scheme_template *template)
{
	return has(template, SCHEME_PART_URL) ||
	       has(template, SCHEME_PART_PATH_QUERY) ||
	       made(template, SCHEME_COVERS_QUERY);
}

/* Whether a condition makes a signed place the digest of the body. */
static bool
binds_body(
    const struct scheme_rules *rules, const struct scheme_template *template)
{
	for (size_t i = 0; i < rules->require.n; i++) {
		const struct scheme_condition *c = &rules->require.v[i];

		if (c->body_hash && (names_place(template, &c->place) ||
					(c->place.kind == SCHEME_PLACE_QUERY &&
					    covers_query(template))))
			return true;
	}
	return false;
}

static bool
covers_body(
    const struct scheme_rules *rules, const struct scheme_template *template)
{
	return has(template, SCHEME_PART_BODY) ||
	       has(template, SCHEME_PART_SHA256HEX_BODY) ||
	       made(template, SCHEME_COVERS_BODY) ||
	       binds_body(rules, template);
}

static bool
covers_json(
    const struct scheme_rules *rules, const struct scheme_template *template)
{
	struct scheme_place form = {SCHEME_PLACE_FORM, rules->json_form, 0};

	if (has(template, SCHEME_PART_SORTED_FORM))
		return rules->json_form != NULL;
	return rules->json_form && names_place(template, &form);
}

static bool
is_signature(const struct scheme_rules *rules, const struct scheme_place *place)
{
	for (size_t i = 0; i < rules->signature.n; i++)
		if (same_place(&rules->signature.v[i], place))
			return true;
	return false;
}

static bool
covers(const struct scheme_rules *rules, const struct scheme_template *template,
    const struct scheme_place *place)
{
	if (names_place(template, place) ||
	    (has(template, SCHEME_PART_TIMESTAMP) &&
		is_timestamp(rules, place)) ||
	    (has(template, SCHEME_PART_ID) && is_plain_id(rules, place)))
		return true;
	switch (place->kind) {
	case SCHEME_PLACE_QUERY:
		return covers_query(template);
	case SCHEME_PLACE_JSON:
		return covers_body(rules, template) ||
		       covers_json(rules, template);
	case SCHEME_PLACE_FORM:
		return covers_body(rules, template) ||
		       has(template, SCHEME_PART_SORTED_FORM) ||
		       made(template, SCHEME_COVERS_FORM) ||
		       (made(template, SCHEME_COVERS_FIELDS) &&
			   !is_signature(rules, place));
	case SCHEME_PLACE_HEADER:
	case SCHEME_PLACE_CLAIM:
	case SCHEME_PLACE_SIGNATURE:
	case SCHEME_PLACE__MAX:
		break;
	}
	return false;
}

/* A token covers its claims, and what one of them is made of. */
static bool
token_covers(const struct scheme_rules *rules, const struct scheme_place *place)
{
	if (rules->payload && covers(rules, rules->payload, place))
		return true;
	for (size_t i = 0; i < rules->n_claims; i++)
		if (rules->claims[i].template &&
		    covers(rules, rules->claims[i].template, place))
			return true;
	return !rules->payload && place->kind == SCHEME_PLACE_CLAIM;
}

/* A message signature covers the body by its digest. */
static bool
message_covers(
    const struct scheme_rules *rules, const struct scheme_place *place)
{
	switch (place->kind) {
	case SCHEME_PLACE_HEADER:
		return scheme_message_covers_header(rules, place->name);
	case SCHEME_PLACE_QUERY:
		return scheme_message_covers_query(rules);
	case SCHEME_PLACE_FORM:
	case SCHEME_PLACE_JSON:
		return true;
	case SCHEME_PLACE_CLAIM:
	case SCHEME_PLACE_SIGNATURE:
	case SCHEME_PLACE__MAX:
		break;
	}
	return false;
}

bool
scheme_covers(
    const struct scheme_rules *rules, const struct scheme_place *place)
{
	if (rules->kind == SCHEME_KIND_JWT)
		return token_covers(rules, place);
	if (rules->kind == SCHEME_KIND_MESSAGE)
		return message_covers(rules, place);
	for (size_t i = 0; i < rules->n_templates; i++)
		if (!covers(rules, rules->templates[i], place))
			return false;
	return signs(rules) && rules->n_templates > 0;
}

bool
scheme_covers_some(
    const struct scheme_rules *rules, const struct scheme_place *place)
{
	for (size_t i = 0; signs(rules) && i < rules->n_templates; i++)
		if (covers(rules, rules->templates[i], place))
			return true;
	return scheme_covers(rules, place);
}

/* The first place of an id that is not signed, or NULL. */
static const struct scheme_place *
unsigned_id(const struct scheme_rules *rules)
{
	for (size_t i = 0; i < rules->id.n; i++)
		for (size_t k = 0; k < rules->id.v[i].n; k++)
			if (!scheme_covers(rules, &rules->id.v[i].v[k]))
				return &rules->id.v[i].v[k];
	return NULL;
}

bool
scheme_key_signed(const struct scheme *scheme)
{
	const struct scheme_rules *rules = scheme->rules;

	return rules->key_signed != SCHEME_SIGNED_NO && rules->id.n > 0 &&
	       !unsigned_id(rules);
}

bool
scheme_keys_signed(const struct scheme *scheme)
{
	for (size_t i = 0; i < scheme->n_others; i++)
		if (!scheme_key_signed(scheme->others[i]))
			return false;
	return scheme_key_signed(scheme);
}

static int
check_timestamp(const struct scheme_rules *rules, char *error)
{
	bool used = scheme_has_part(rules, SCHEME_PART_TIMESTAMP);
	bool pairs = rules->n_signature_keys > 0;

	if (rules->timestamp.n == 0)
		return used ? fault(error, "template: {timestamp} needs the "
					   "key `timestamp`")
			    : 0;
	if (!signs(rules))
		return fault(error, "timestamp: this kind signs none");
	for (size_t i = 0; i < rules->timestamp.n; i++) {
		const struct scheme_place *place = &rules->timestamp.v[i];

		if (!scheme_covers(rules, place))
			return fault(error,
			    "timestamp: it is not in the template, so anyone "
			    "could change it");
		if (place->kind != SCHEME_PLACE_SIGNATURE || pairs)
			continue;
		if (rules->list_separator == '\0' ||
		    strcmp(place->name, "0") != 0)
			return fault(error,
			    "timestamp: signature:KEY needs signature_key, "
			    "signature:0 needs list_separator");
	}
	return 0;
}

static int
check_templates(const struct scheme_rules *rules, char *error)
{
	for (size_t i = 0; i < rules->n_templates; i++) {
		const struct scheme_template *template = rules->templates[i];
		bool secret = has(template, SCHEME_PART_SECRET) ||
			      made(template, SCHEME_COVERS_SECRET);

		if (template->n == 0)
			return fault(error, "template: nothing is signed");
		if (rules->kind == SCHEME_KIND_HASH && !secret)
			return fault(
			    error, "template: kind hash needs {secret} in it");
		if (scheme_is_asymmetric(rules->kind) && secret)
			return fault(
			    error, "template: a public key is no {secret}");
		if (has(template, SCHEME_PART_HMAC))
			return fault(
			    error, "template: {hmac:…} is for handshakes");
		if (has(template, SCHEME_PART_ID) && rules->id.n == 0)
			return fault(
			    error, "template: {id} needs the key `id`");
	}
	if (rules->n_templates == 0)
		return fault(error, "template: what is signed is missing");
	return 0;
}

static int
check_signed(const struct scheme_rules *rules, char *error)
{
	if (check_templates(rules, error))
		return -1;
	if (rules->n_pairs > 0 && rules->n_signature_keys == 0)
		return fault(
		    error, "template: {signature:KEY} needs signature_key");
	if (rules->group_separator != '\0' && rules->n_signature_keys == 0)
		return fault(
		    error, "group_separator: groups have a signature_key");
	if (rules->n_signature_keys > 0 && rules->list_separator != '\0')
		return fault(
		    error, "list_separator: not together with signature_key");
	if (rules->has_algorithms &&
	    (rules->n_signature_keys > 0 || rules->list_separator != '\0' ||
		*rules->prefix != '\0'))
		return fault(error, "algorithm_prefix: not together with "
				    "prefix, signature_key or list_separator");
	if (rules->has_algorithms && rules->kind != SCHEME_KIND_HMAC)
		return fault(error, "algorithm_prefix: for kind hmac only");
	return 0;
}

static int
check_token(const struct scheme_rules *rules, char *error)
{
	if (rules->n_templates > 0)
		return fault(error, "template: this kind signs nothing");
	if (rules->n_signature_keys > 0 || rules->list_separator != '\0' ||
	    rules->has_algorithms)
		return fault(error, "signature_key, list_separator, "
				    "algorithm_prefix: for signatures only");
	return 0;
}

static bool
finds_claim(const struct scheme_joins *joins)
{
	for (size_t i = 0; i < joins->n; i++)
		for (size_t k = 0; k < joins->v[i].n; k++)
			if (joins->v[i].v[k].kind == SCHEME_PLACE_CLAIM)
				return true;
	return false;
}

static bool
has_algorithm(const struct scheme_rules *rules, bool hmac)
{
	for (size_t i = 0; i < SCHEME_JWT_ALGORITHMS; i++)
		if (rules->jwt_algorithms[i] &&
		    scheme_jwt_is_hmac((enum scheme_jwt_algorithm)i) == hmac)
			return true;
	return false;
}

/* The syntax whose components a scheme names. */
static int
check_syntax(const struct scheme_rules *rules, char *error)
{
	char other = rules->syntax == SCHEME_SYNTAX_CAVAGE ? '@' : '(';

	for (size_t i = 0; i < rules->n_covered; i++)
		for (size_t k = 0; k < rules->covered[i].n; k++)
			if (*rules->covered[i].names[k] == other)
				return fault(error,
				    "covered: %s is not of this syntax",
				    rules->covered[i].names[k]);
	return 0;
}

static int
check_message(const struct scheme_rules *rules, char *error)
{
	if (rules->kind != SCHEME_KIND_MESSAGE)
		return rules->n_covered > 0 || rules->tag ||
			       rules->names_message ||
			       rules->syntax != SCHEME_SYNTAX_RFC9421
			   ? fault(error,
				 "syntax, covered, tag and these algorithms: "
				 "for kind message")
			   : 0;
	if (rules->n_claims > 0 || rules->max_age_ms > 0 || rules->payload)
		return fault(error, "claim, max_age, payload: for kind jwt");
	if (!rules->names_message)
		return fault(error, "algorithms: missing");
	/* a public key in some other form would be the secret of an HMAC */
	if (has_algorithm(rules, true) && has_algorithm(rules, false))
		return fault(error,
		    "algorithms: hmac-sha256 stands alone or not at all");
	if (rules->jwt_algorithms[SCHEME_PS512] &&
	    rules->jwt_algorithms[SCHEME_RS256])
		return fault(error, "algorithms: an RSA key has one of them");
	for (size_t i = 0; i < rules->signature.n; i++)
		if (rules->signature.v[i].kind != SCHEME_PLACE_HEADER)
			return fault(error, "signature: it stands in a header");
	return check_syntax(rules, error);
}

static int
check_jwt(const struct scheme_rules *rules, char *error)
{
	if (rules->kind != SCHEME_KIND_JWT &&
	    (finds_claim(&rules->id) || finds_claim(&rules->type)))
		return fault(error, "claim: is a place of kind jwt");
	if (rules->kind == SCHEME_KIND_MESSAGE)
		return 0;
	if (rules->kind != SCHEME_KIND_JWT)
		return rules->names_jwt || rules->n_claims > 0 ||
			       rules->max_age_ms > 0 || rules->payload
			   ? fault(error, "algorithms, claim, max_age, "
					  "payload: for kind jwt")
		       : rules->keys_url
			   ? fault(error, "keys_url: for kind jwt")
			   : 0;
	if (!rules->names_jwt)
		return fault(error, "algorithms: missing");
	if (rules->payload &&
	    (rules->n_claims > 0 || rules->max_age_ms > 0 ||
		finds_claim(&rules->id) || finds_claim(&rules->type)))
		return fault(error, "payload: it has no claims");
	if (rules->payload && rules->payload->n == 0)
		return fault(error, "payload: nothing is signed");
	if (rules->n_keys_from > 0)
		return fault(error, "keys_from: a token names no URL");
	if (has_algorithm(rules, true) &&
	    rules->secret_encoding == SCHEME_SECRET_CERTIFICATE)
		return fault(error, "algorithms: HS ones have no certificates");
	if (scheme_rules_fetch(rules) && has_algorithm(rules, true))
		return fault(error, "keys_url: keys of HS algorithms are "
				    "secret");
	if (rules->no_tolerance)
		return fault(error, "tolerance: none would be for ever");
	if (scheme_has_part(rules, SCHEME_PART_SECRET) ||
	    scheme_has_made(rules, SCHEME_COVERS_SECRET))
		return fault(error, "claim: a secret is none");
	if (scheme_has_part(rules, SCHEME_PART_HMAC) ||
	    scheme_has_part(rules, SCHEME_PART_ID))
		return fault(error, "claim: {hmac:…}, {id} are none");
	return 0;
}

static int
check_certificates(const struct scheme_rules *rules, char *error)
{
	bool used = rules->secret_encoding == SCHEME_SECRET_CERTIFICATE;

	if (used && !scheme_is_asymmetric(rules->kind) &&
	    rules->kind != SCHEME_KIND_JWT)
		return fault(error, "secret_encoding: certificate is for "
				    "public keys and jwt");
	if (!used &&
	    (rules->certificate_chain || rules->n_certificate_names > 0 ||
		rules->n_certificate_oids > 0 ||
		(rules->n_keys_from > 0 && scheme_is_asymmetric(rules->kind))))
		return fault(error, "certificate_…, keys_from: need "
				    "secret_encoding = certificate");
	if (rules->has_keys_at != (rules->n_keys_from > 0))
		return fault(error, "keys_at and keys_from: one without the "
				    "other is of no use");
	return 0;
}

static int
check_none(const struct scheme_rules *rules, char *error)
{
	if (rules->signature.n > 0 || rules->n_templates > 0)
		return fault(error,
		    "kind none verifies nothing: no signature, no template");
	return 0;
}

int
scheme_check(const struct scheme *scheme, char error[SCHEME_ERROR_SIZE])
{
	const struct scheme_rules *rules = scheme->rules;
	const struct scheme_place *place = unsigned_id(rules);

	if (rules->kind == SCHEME_KIND_UNSET)
		return fault(error, "kind: missing");
	if (rules->kind != SCHEME_KIND_NONE && rules->signature.n == 0)
		return fault(error, "signature: where it stands is missing");
	if (rules->secret_encoding == SCHEME_SECRET_PEM &&
	    !scheme_is_asymmetric(rules->kind))
		return fault(error, "secret_encoding: pem is for public keys");
	if (rules->key_signed == SCHEME_SIGNED_YES &&
	    (place || rules->id.n == 0))
		return fault(error, "key_signed: %s%s is not signed",
		    place ? "" : "there is no id: it",
		    place ? place->name : "");
	if (signs(rules)) {
		if (check_signed(rules, error))
			return -1;
	} else if (rules->kind == SCHEME_KIND_NONE) {
		if (check_none(rules, error))
			return -1;
	} else if (check_token(rules, error)) {
		return -1;
	}
	if (check_jwt(rules, error) || check_message(rules, error) ||
	    check_certificates(rules, error) ||
	    scheme_check_confirm(rules, error))
		return -1;
	return check_timestamp(rules, error);
}
