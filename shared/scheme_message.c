#include "scheme_message.h"

#include <string.h>

const char *const scheme_message_words[] = {"ed25519", "ecdsa-p256-sha256",
    "ecdsa-p384-sha384", "rsa-pss-sha512", "rsa-v1_5-sha256", "hmac-sha256",
    NULL};

/* The algorithms, and what the draft calls them. */
static const struct {
	enum scheme_jwt_algorithm algorithm;
	const char *draft;
} rows[] = {
    {SCHEME_EDDSA, "ed25519"},
    {SCHEME_ES256, "ecdsa-sha256"},
    {SCHEME_ES384, "ecdsa-sha384"},
    {SCHEME_PS512, "rsa-pss-sha512"},
    {SCHEME_RS256, "rsa-sha256"},
    {SCHEME_HS256, "hmac-sha256"},
};

enum { N_ROWS = sizeof(rows) / sizeof(*rows) };

enum scheme_jwt_algorithm
scheme_message_algorithm(size_t word)
{
	return rows[word].algorithm;
}

const char *
scheme_message_name(
    const struct scheme_rules *rules, enum scheme_jwt_algorithm algorithm)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].algorithm == algorithm)
			return rules->syntax == SCHEME_SYNTAX_CAVAGE
				   ? rows[i].draft
				   : scheme_message_words[i];
	return "";
}

enum scheme_jwt_algorithm
scheme_message_choose(const struct scheme_rules *rules, const EVP_PKEY *pkey)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		enum scheme_jwt_algorithm a = rows[i].algorithm;

		if (rules->jwt_algorithms[a] &&
		    (pkey ? scheme_jwt_fits(a, pkey) : scheme_jwt_is_hmac(a)))
			return a;
	}
	return SCHEME_JWT__MAX;
}

void
scheme_message_clear(struct scheme_message *message)
{
	buf_clear(&message->base);
	buf_clear(&message->signature);
	buf_clear(&message->keyid);
	buf_clear(&message->algorithm);
	*message = (struct scheme_message){0};
}

/* ---- what every signature covers ---- */

static bool
is_one_of(const struct scheme_component *covered, const char *const *names)
{
	for (size_t i = 0; i < covered->n; i++) {
		const char *const *name = names;

		while (*name && strcmp(*name, covered->names[i]) != 0)
			name++;
		if (!*name)
			return false;
	}
	return true;
}

/* Whether each of the alternatives of some line is one of these. */
static bool
covers_one_of(const struct scheme_rules *rules, const char *const *names)
{
	for (size_t i = 0; i < rules->n_covered; i++)
		if (is_one_of(&rules->covered[i], names))
			return true;
	return false;
}

bool
scheme_message_covers_header(const struct scheme_rules *rules, const char *name)
{
	const char *const names[] = {name, NULL};

	/* the public URL stands for it where that is known */
	if (strcmp(name, "host") == 0)
		return false;
	return strcmp(name, scheme_message_digest_name(rules)) == 0 ||
	       (rules->syntax == SCHEME_SYNTAX_RFC9421 &&
		   strcmp(name, "signature-input") == 0) ||
	       covers_one_of(rules, names);
}

bool
scheme_message_covers_query(const struct scheme_rules *rules)
{
	static const char *const names[] = {"@target-uri", "@query",
	    "@request-target", "(request-target)", NULL};

	return covers_one_of(rules, names);
}

bool
scheme_message_needs_url(const struct scheme_rules *rules)
{
	static const char *const names[] = {
	    "@target-uri", "@authority", "@scheme", NULL};

	for (size_t i = 0; i < rules->n_covered; i++)
		for (size_t k = 0; k < rules->covered[i].n; k++)
			for (const char *const *name = names; *name; name++)
				if (strcmp(*name, rules->covered[i].names[k]) ==
				    0)
					return true;
	return false;
}

/* ---- one signature under one secret ---- */

static enum scheme_result
check_time(struct scheme_proof *proof, const struct scheme_message *message)
{
	const struct scheme_rules *rules = proof->rules;
	/* whoever signs whole seconds counts in whole seconds */
	int64_t now_s = proof->look.request->now_ms / 1000;
	int64_t skew_ms;

	proof->verdict->where = "expires";
	if (message->has_expires && now_s > message->expires_s)
		return SCHEME_TOO_OLD;
	proof->verdict->where = "created";
	if (!message->has_created)
		return rules->no_tolerance ? SCHEME_OK : SCHEME_HEADER_MISSING;
	skew_ms = (message->created_s - now_s) * 1000;
	proof->verdict->has_skew = true;
	proof->verdict->skew_ms = skew_ms;
	if (rules->no_tolerance)
		return SCHEME_OK;
	if (skew_ms < -rules->tolerance_ms)
		return SCHEME_TOO_OLD;
	return skew_ms > rules->tolerance_ms && !rules->past_only
		   ? SCHEME_TOO_NEW
		   : SCHEME_OK;
}

/* What the message says of its algorithm must be what the scheme says. */
static bool
is_algorithm(const struct scheme_rules *rules,
    const struct scheme_message *message, enum scheme_jwt_algorithm algorithm)
{
	const char *said = message->algorithm.p;

	if (algorithm == SCHEME_JWT__MAX)
		return false;
	if (message->algorithm.len == 0)
		return true;
	return strcmp(said, scheme_message_name(rules, algorithm)) == 0 ||
	       (rules->syntax == SCHEME_SYNTAX_CAVAGE &&
		   strcmp(said, "hs2019") == 0);
}

static enum scheme_result
check_under(const struct scheme_rules *rules,
    const struct scheme_message *message, const struct scheme_key *key,
    EVP_PKEY *pkey)
{
	struct scheme_jws jws = {
	    .algorithm = scheme_message_choose(rules, pkey),
	    .text = message->base.p,
	    .text_len = message->base.len,
	};

	if (!is_algorithm(rules, message, jws.algorithm))
		return SCHEME_NO_SUCH_KEY;
	return pkey ? scheme_jws_check(&jws, pkey, &message->signature)
		    : scheme_jws_check_hmac(&jws, key, &message->signature);
}

/* Whether a key of a set may be the message's. */
static bool
is_meant(const struct scheme_rules *rules, const struct scheme_message *message,
    const struct scheme_jwk *jwk)
{
	enum scheme_jwt_algorithm algorithm =
	    scheme_message_choose(rules, jwk->pkey);

	if (algorithm == SCHEME_JWT__MAX ||
	    (jwk->alg && strcmp(jwk->alg, scheme_jwt_words[algorithm]) != 0))
		return false;
	return !jwk->kid || message->keyid.len == 0 ||
	       strcmp(jwk->kid, message->keyid.p) == 0;
}

static enum scheme_result
check_signature(struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_message *message)
{
	enum scheme_result result = SCHEME_NO_SUCH_KEY;

	proof->verdict->where = "signature";
	if (key->n_jwks == 0)
		return check_under(proof->rules, message, key, NULL);
	for (size_t i = 0; i < key->n_jwks && result != SCHEME_OK; i++) {
		const struct scheme_jwk *jwk = &key->jwks[i];

		if (is_meant(proof->rules, message, jwk))
			result =
			    check_under(proof->rules, message, key, jwk->pkey);
		if (result == SCHEME_ERROR)
			break;
	}
	return result;
}

enum scheme_result
scheme_message_try(struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_message *message)
{
	enum scheme_result result = check_time(proof, message);

	if (result == SCHEME_OK)
		result = check_signature(proof, key, message);
	/* what covers a body's digest has that body, be it empty */
	if (result != SCHEME_OK || !message->covers_digest)
		return result;
	proof->verdict->where = scheme_message_digest_name(proof->rules);
	return scheme_message_digest(&proof->look);
}

/* ---- RFC 9421 ---- */

static bool
has_component(
    const struct sfv *field, const struct sfv_node *input, const char *name)
{
	const struct sfv_node *item = sfv_inner(field, input);

	for (; item; item = sfv_next(field, item))
		if (item->type == SFV_STRING && !sfv_params(field, item) &&
		    item->len == strlen(name) &&
		    memcmp(item->p, name, item->len) == 0)
			return true;
	return false;
}

/* Whether a signature covers what the scheme demands, and the body. */
static enum scheme_result
check_covered(struct scheme_proof *proof, const struct sfv *field,
    const struct sfv_node *input)
{
	const struct scheme_rules *rules = proof->rules;

	for (size_t i = 0; i < rules->n_covered; i++) {
		const struct scheme_component *covered = &rules->covered[i];
		size_t k = 0;

		while (k < covered->n &&
		       !has_component(field, input, covered->names[k]))
			k++;
		proof->verdict->where = covered->names[0];
		if (k == covered->n)
			return SCHEME_HEADER_MISSING;
	}
	proof->verdict->where = "content-digest";
	return proof->look.request->body_len > 0 &&
		       !has_component(field, input, "content-digest")
		   ? SCHEME_HEADER_MISSING
		   : SCHEME_OK;
}

static enum scheme_result
read_time(const struct sfv_node *param, bool *has, int64_t *seconds)
{
	*has = param != NULL;
	if (param && (param->type != SFV_INTEGER || param->number < 0))
		return SCHEME_BAD_FORMAT;
	*seconds = param ? param->number : 0;
	return SCHEME_OK;
}

static enum scheme_result
read_text(const struct sfv_node *param, struct buf *out)
{
	if (!param)
		return SCHEME_OK;
	if (param->type != SFV_STRING || sfv_text(param, out))
		return out->failed ? SCHEME_ERROR : SCHEME_BAD_FORMAT;
	return buf_str(out) ? SCHEME_OK : SCHEME_ERROR;
}

static enum scheme_result
read_params(const struct sfv *field, const struct sfv_node *input,
    struct scheme_message *message)
{
	enum scheme_result result =
	    read_time(sfv_param(field, input, "created"), &message->has_created,
		&message->created_s);

	if (result == SCHEME_OK)
		result = read_time(sfv_param(field, input, "expires"),
		    &message->has_expires, &message->expires_s);
	if (result == SCHEME_OK)
		result = read_text(
		    sfv_param(field, input, "keyid"), &message->keyid);
	if (result == SCHEME_OK)
		result = read_text(
		    sfv_param(field, input, "alg"), &message->algorithm);
	return result;
}

/* The two headers of a request, and one signature in them. */
struct pair {
	struct sfv inputs, signatures;
	const struct sfv_node *input, *signature;
};

static enum scheme_result
check_pair(struct scheme_proof *proof, const struct scheme_key *key,
    const struct pair *pair)
{
	struct scheme_message message = {0};
	enum scheme_result result =
	    check_covered(proof, &pair->inputs, pair->input);

	if (result != SCHEME_OK)
		return result;
	message.covers_digest =
	    has_component(&pair->inputs, pair->input, "content-digest");
	proof->verdict->where = "signature-input";
	result = read_params(&pair->inputs, pair->input, &message);
	if (result == SCHEME_OK &&
	    sfv_bytes(pair->signature, &message.signature))
		result = message.signature.failed ? SCHEME_ERROR
						  : SCHEME_BAD_ENCODING;
	if (result == SCHEME_OK)
		result = scheme_message_base(
		    &proof->look, &pair->inputs, pair->input, &message.base);
	if (result == SCHEME_OK)
		result = scheme_message_try(proof, key, &message);
	scheme_message_clear(&message);
	return result;
}

/* Whether a signature is meant for the scheme: by its tag, where that has one.
 */
static bool
is_tagged(const struct scheme_rules *rules, const struct pair *pair)
{
	const struct sfv_node *tag =
	    sfv_param(&pair->inputs, pair->input, "tag");
	struct buf text = {0};
	bool same;

	if (!rules->tag)
		return true;
	same = tag && tag->type == SFV_STRING && sfv_text(tag, &text) == 0 &&
	       buf_str(&text) && strcmp(text.p, rules->tag) == 0;
	buf_clear(&text);
	return same;
}

/* Each signature that has its input; what was wrong with the first stands for
 * all. */
static enum scheme_result
check_pairs(
    struct scheme_proof *proof, const struct scheme_key *key, struct pair *pair)
{
	enum scheme_result first = SCHEME_HEADER_MISSING;
	const char *where = proof->rules->tag ? "tag" : "signature-input";
	size_t n = 0;

	for (pair->input = sfv_first(&pair->inputs); pair->input;
	     pair->input = sfv_next(&pair->inputs, pair->input)) {
		enum scheme_result result;

		pair->signature = sfv_member(
		    &pair->signatures, pair->input->key, pair->input->key_len);
		if (!pair->signature || pair->input->type != SFV_INNER_LIST ||
		    !is_tagged(proof->rules, pair))
			continue;
		if (n == SCHEME_MESSAGE_SIGNATURES_MAX)
			break;
		result = check_pair(proof, key, pair);
		if (result == SCHEME_OK || result == SCHEME_ERROR)
			return result;
		if (n++ == 0) {
			first = result;
			where = proof->verdict->where;
		}
	}
	proof->verdict->where = where;
	return first;
}

static enum scheme_result
check_rfc9421(struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_signature *signature)
{
	static const struct scheme_place place = {
	    SCHEME_PLACE_HEADER, "signature-input", 0};
	struct scheme_text text = {0};
	struct pair pair;
	enum scheme_result result = scheme_look_at(&proof->look, &place, &text);

	if (result == SCHEME_OK &&
	    sfv_dictionary(text.p, text.len, &pair.inputs))
		result = SCHEME_BAD_FORMAT;
	proof->verdict->where = place.name;
	if (result == SCHEME_OK &&
	    sfv_dictionary(signature->p, signature->len, &pair.signatures)) {
		result = SCHEME_BAD_FORMAT;
		proof->verdict->where = "signature";
	}
	if (result == SCHEME_OK)
		result = check_pairs(proof, key, &pair);
	scheme_text_clear(&text);
	return result;
}

/* ---- the draft ---- */

static enum scheme_result
check_cavage(struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_signature *signature)
{
	struct scheme_message message = {0};
	enum scheme_result result = scheme_message_cavage(
	    &proof->look, signature, &message, &proof->verdict->where);

	if (result == SCHEME_OK)
		result = scheme_message_try(proof, key, &message);
	scheme_message_clear(&message);
	return result;
}

enum scheme_result
scheme_message_check(struct scheme_proof *proof, const struct scheme_key *key,
    const struct scheme_signature *signature)
{
	return proof->rules->syntax == SCHEME_SYNTAX_CAVAGE
		   ? check_cavage(proof, key, signature)
		   : check_rfc9421(proof, key, signature);
}
