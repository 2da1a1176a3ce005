#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheme_parse.h"
#include "units.h"

typedef int parse_fn(struct scheme_parse *p, const char *value);

struct key {
	const char *name;
	bool list;
	parse_fn *parse; /* called for each value, in the order of the table */
};

const char *const scheme_kind_words[] = {
    [SCHEME_KIND_UNSET] = "",
    [SCHEME_KIND_HMAC] = "hmac",
    [SCHEME_KIND_HASH] = "hash",
    [SCHEME_KIND_ED25519] = "ed25519",
    [SCHEME_KIND_ECDSA] = "ecdsa",
    [SCHEME_KIND_RSA] = "rsa",
    [SCHEME_KIND_JWT] = "jwt",
    [SCHEME_KIND_MESSAGE] = "message",
    [SCHEME_KIND_TOKEN] = "token",
    [SCHEME_KIND_BASIC] = "basic",
    [SCHEME_KIND_NONE] = "none",
    [SCHEME_KIND__MAX] = NULL,
};

static const char *const yes_no[] = {"no", "yes", NULL};

/* ---- small values ---- */

static int
parse_text(struct scheme_parse *p, const char *value)
{
	for (; *value != '\0'; value++)
		if (iscntrl((unsigned char)*value))
			return scheme_fault(p, "control characters");
	return 0;
}

static int
parse_kind(struct scheme_parse *p, const char *value)
{
	int kind = scheme_parse_word(p, scheme_kind_words + 1, value);

	if (kind < 0)
		return -1;
	p->rules->kind = (enum scheme_kind)(kind + 1);
	return 0;
}

static int
parse_hash(struct scheme_parse *p, const char *value)
{
	int hash = scheme_parse_word(p, scheme_hash_words, value);

	if (hash < 0)
		return -1;
	p->rules->hash = (enum scheme_hash)hash;
	return 0;
}

static int
parse_candidates(struct scheme_parse *p, const char *value)
{
	static const char *const words[] = {"first", "all", NULL};
	int word = scheme_parse_word(p, words, value);

	p->rules->all_candidates = word == 1;
	return word < 0 ? -1 : 0;
}

static int
parse_encoding(struct scheme_parse *p, const char *value)
{
	static const char *const words[] = {
	    [CODEC_HEX] = "hex",
	    [CODEC_BASE64] = "base64",
	    [CODEC_BASE64URL] = "base64url",
	    NULL,
	};
	int word = scheme_parse_word(p, words, value);

	if (word < 0)
		return -1;
	p->rules->encoding = (enum codec)word;
	return 0;
}

static int
copy_to(struct scheme_parse *p, const char **to, const char *value)
{
	*to = scheme_copy(p, value, strlen(value));
	return *to ? 0 : -1;
}

static int
parse_auth_scheme(struct scheme_parse *p, const char *value)
{
	for (const char *c = value; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.~+", *c))
			return scheme_fault(p, "`%s` is not one word", value);
	if (strcmp(value, "none") == 0)
		value = "";
	return copy_to(p, &p->rules->auth_scheme, value);
}

static int
parse_prefix(struct scheme_parse *p, const char *value)
{
	return copy_to(p, &p->rules->prefix, value);
}

static int
parse_algorithm_prefix(struct scheme_parse *p, const char *value)
{
	size_t len;
	const char *start;

	while ((start = scheme_next_word(&value, &len))) {
		const char *word = scheme_copy(p, start, len);
		int hash =
		    word ? scheme_parse_word(p, scheme_hash_words, word) : -1;

		if (hash < 0)
			return -1;
		p->rules->algorithms[hash] = true;
		p->rules->has_algorithms = true;
	}
	return 0;
}

static int
separator(struct scheme_parse *p, char *to, const char *value)
{
	int character = scheme_parse_separator(p, value);

	if (character < 0)
		return -1;
	*to = (char)character;
	return 0;
}

static int
parse_pair_separator(struct scheme_parse *p, const char *value)
{
	return separator(p, &p->rules->pair_separator, value);
}

static int
parse_key_separator(struct scheme_parse *p, const char *value)
{
	return separator(p, &p->rules->key_separator, value);
}

static int
parse_list_separator(struct scheme_parse *p, const char *value)
{
	return separator(p, &p->rules->list_separator, value);
}

static int
parse_group_separator(struct scheme_parse *p, const char *value)
{
	return separator(p, &p->rules->group_separator, value);
}

static int
parse_signature_key(struct scheme_parse *p, const char *value)
{
	struct scheme_rules *rules = p->rules;

	if (rules->n_signature_keys == SCHEME_RULES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_RULES_MAX);
	return copy_to(
	    p, &rules->signature_keys[rules->n_signature_keys++], value);
}

static int
parse_secret_encoding(struct scheme_parse *p, const char *value)
{
	static const char *const words[] = {
	    [SCHEME_SECRET_TEXT] = "text",
	    [SCHEME_SECRET_BASE64] = "base64",
	    [SCHEME_SECRET_BASE64URL] = "base64url",
	    [SCHEME_SECRET_HEX] = "hex",
	    [SCHEME_SECRET_PEM] = "pem",
	    [SCHEME_SECRET_CERTIFICATE] = "certificate",
	    [SCHEME_SECRET__MAX] = NULL,
	};
	int word = scheme_parse_word(p, words, value);

	if (word < 0)
		return -1;
	p->rules->secret_encoding = (enum scheme_secret_encoding)word;
	return 0;
}

static int
parse_secret_prefix(struct scheme_parse *p, const char *value)
{
	return copy_to(p, &p->rules->secret_prefix, value);
}

static int
parse_secret_hash(struct scheme_parse *p, const char *value)
{
	int hash = scheme_parse_word(p, scheme_hash_words, value);

	if (hash < 0)
		return -1;
	p->rules->secret_hashed = true;
	p->rules->secret_hash = (enum scheme_hash)hash;
	return 0;
}

static int
parse_secret_suffix(struct scheme_parse *p, const char *value)
{
	return copy_to(p, &p->rules->secret_suffix, value);
}

static int
parse_unit(struct scheme_parse *p, const char *value)
{
	static const char *const words[] = {
	    [SCHEME_UNIT_S] = "s",
	    [SCHEME_UNIT_MS] = "ms",
	    [SCHEME_UNIT_RFC3339] = "rfc3339",
	    NULL,
	};
	int word = scheme_parse_word(p, words, value);

	if (word < 0)
		return -1;
	p->rules->unit = (enum scheme_unit)word;
	return 0;
}

static int
parse_tolerance(struct scheme_parse *p, const char *value)
{
	p->rules->no_tolerance = strcmp(value, "none") == 0;
	if (p->rules->no_tolerance)
		return 0;
	if (units_duration_ms(value, &p->rules->tolerance_ms) ||
	    p->rules->tolerance_ms <= 0)
		return scheme_fault(
		    p, "`%s` is no duration (300s, 5m) nor `none`", value);
	return 0;
}

static int
parse_direction(struct scheme_parse *p, const char *value)
{
	static const char *const words[] = {"both", "past", NULL};
	int word = scheme_parse_word(p, words, value);

	p->rules->past_only = word == 1;
	return word < 0 ? -1 : 0;
}

static int
parse_json_form(struct scheme_parse *p, const char *value)
{
	return copy_to(p, &p->rules->json_form, value);
}

static int
parse_json_multipart(struct scheme_parse *p, const char *value)
{
	return copy_to(p, &p->rules->json_multipart, value);
}

static int
parse_key_signed(struct scheme_parse *p, const char *value)
{
	int word = scheme_parse_word(p, yes_no, value);

	if (word < 0)
		return -1;
	p->rules->key_signed = word ? SCHEME_SIGNED_YES : SCHEME_SIGNED_NO;
	return 0;
}

static int
parse_max_body(struct scheme_parse *p, const char *value)
{
	if (units_size(value, &p->rules->max_body) || p->rules->max_body <= 0)
		return scheme_fault(p, "`%s` is no size (64k, 25M)", value);
	return 0;
}

static int
status(struct scheme_parse *p, const char *value, int min, int max)
{
	int64_t number;

	if (units_number(value, min, max, &number))
		return scheme_fault(
		    p, "`%s` is no status of %d to %d", value, min, max);
	return 0;
}

static int
parse_response_status(struct scheme_parse *p, const char *value)
{
	return status(p, value, 200, 299);
}

static int
parse_refused_status(struct scheme_parse *p, const char *value)
{
	return status(p, value, 400, 499);
}

static int
parse_response_body(struct scheme_parse *p, const char *value)
{
	if (strlen(value) > SCHEME_ANSWER_MAX)
		return scheme_fault(p, "at most %d bytes", SCHEME_ANSWER_MAX);
	return 0;
}

/* ---- places, conditions, rules ---- */

static int
add_place(
    struct scheme_parse *p, struct scheme_places *places, const char *value)
{
	if (places->n == SCHEME_PLACES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_PLACES_MAX);
	return scheme_parse_place(
	    p, value, strlen(value), &places->v[places->n++]);
}

/* A place of the request itself, not a part of the signature. */
static int
add_proof(
    struct scheme_parse *p, struct scheme_places *places, const char *value)
{
	if (strncmp(value, "signature:", 10) == 0)
		return scheme_fault(p, "signature: is for timestamps");
	return add_place(p, places, value);
}

static int
parse_signature(struct scheme_parse *p, const char *value)
{
	return add_proof(p, &p->rules->signature, value);
}

static int
parse_hide(struct scheme_parse *p, const char *value)
{
	return add_proof(p, &p->rules->hide, value);
}

static int
parse_timestamp(struct scheme_parse *p, const char *value)
{
	return add_place(p, &p->rules->timestamp, value);
}

static int
parse_template(struct scheme_parse *p, const char *value)
{
	struct scheme_rules *rules = p->rules;
	const struct scheme_template *template;

	if (rules->n_templates == SCHEME_TEMPLATES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_TEMPLATES_MAX);
	template = scheme_parse_template(p, value);
	if (!template)
		return -1;
	rules->templates[rules->n_templates++] = template;
	return 0;
}

static int
add_joined(
    struct scheme_parse *p, struct scheme_joins *joins, const char *value)
{
	if (joins->n == SCHEME_RULES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_RULES_MAX);
	return scheme_parse_joined(p, value, &joins->v[joins->n++]);
}

static int
parse_id(struct scheme_parse *p, const char *value)
{
	return add_joined(p, &p->rules->id, value);
}

static int
parse_type(struct scheme_parse *p, const char *value)
{
	return add_joined(p, &p->rules->type, value);
}

static int
add_condition(struct scheme_parse *p, struct scheme_conditions *conditions,
    const char *value)
{
	if (conditions->n == SCHEME_RULES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_RULES_MAX);
	return scheme_parse_condition(
	    p, value, strlen(value), &conditions->v[conditions->n++]);
}

static int
parse_when(struct scheme_parse *p, const char *value)
{
	return add_condition(p, &p->rules->when, value);
}

static int
parse_require(struct scheme_parse *p, const char *value)
{
	return add_condition(p, &p->rules->require, value);
}

static int
parse_probe(struct scheme_parse *p, const char *value)
{
	return add_condition(p, &p->rules->probe, value);
}

static int
parse_param(struct scheme_parse *p, const char *value)
{
	struct scheme_rules *rules = p->rules;
	const char *equals = strchr(value, '=');

	if (!equals || equals == value || equals[1] == '\0')
		return scheme_fault(p, "`%s` is not NAME=VALUE", value);
	if (rules->n_params == SCHEME_PLACES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_PLACES_MAX);
	struct scheme_param *param = &rules->params[rules->n_params++];
	param->name = scheme_copy(p, value, (size_t)(equals - value));
	return param->name ? copy_to(p, &param->value, equals + 1) : -1;
}

static int
parse_handshake(struct scheme_parse *p, const char *value)
{
	struct scheme_rules *rules = p->rules;

	if (rules->n_handshakes == SCHEME_RULES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_RULES_MAX);
	return scheme_parse_handshake(
	    p, value, &rules->handshakes[rules->n_handshakes++]);
}

/* The language, in the order in which sections are printed.  `param` must come
 * before what names params. */
static const struct key keys[] = {
    {"title", false, parse_text},
    {"docs", true, parse_text},
    {"secret_at", false, parse_text},
    {"sends_from", true, parse_text},
    {"evidence", false, parse_text},
    {"also", true, parse_text},
    {"param", true, parse_param},
    {"kind", false, parse_kind},
    {"hash", false, parse_hash},
    {"signature", true, parse_signature},
    {"hide", true, parse_hide},
    {"candidates", false, parse_candidates},
    {"auth_scheme", false, parse_auth_scheme},
    {"prefix", false, parse_prefix},
    {"algorithm_prefix", false, parse_algorithm_prefix},
    {"signature_key", true, parse_signature_key},
    {"pair_separator", false, parse_pair_separator},
    {"key_separator", false, parse_key_separator},
    {"group_separator", false, parse_group_separator},
    {"list_separator", false, parse_list_separator},
    {"encoding", false, parse_encoding},
    {"template", true, parse_template},
    {"algorithms", false, scheme_parse_algorithms},
    {"claim", true, scheme_parse_claim},
    {"max_age", false, scheme_parse_max_age},
    {"payload", false, scheme_parse_payload},
    {"syntax", false, scheme_parse_syntax},
    {"covered", true, scheme_parse_covered},
    {"tag", false, scheme_parse_tag},
    {"keys_url", false, scheme_parse_keys_url},
    {"keys_from", true, scheme_parse_keys_from},
    {"keys_at", false, scheme_parse_keys_at},
    {"certificate_chain", false, scheme_parse_certificate_chain},
    {"certificate_name", true, scheme_parse_certificate_name},
    {"certificate_oid", true, scheme_parse_certificate_oid},
    {"secret_encoding", false, parse_secret_encoding},
    {"secret_prefix", false, parse_secret_prefix},
    {"secret_suffix", false, parse_secret_suffix},
    {"secret_hash", false, parse_secret_hash},
    {"timestamp", true, parse_timestamp},
    {"timestamp_unit", false, parse_unit},
    {"tolerance", false, parse_tolerance},
    {"direction", false, parse_direction},
    {"when", true, parse_when},
    {"require", true, parse_require},
    {"json_form", false, parse_json_form},
    {"json_multipart", false, parse_json_multipart},
    {"id", true, parse_id},
    {"key_signed", false, parse_key_signed},
    {"type", true, parse_type},
    {"probe", true, parse_probe},
    {"handshake", true, parse_handshake},
    {"confirm", false, scheme_parse_confirm},
    {"confirm_at", true, scheme_parse_confirm_at},
    {"max_body", false, parse_max_body},
    {"response_status", false, parse_response_status},
    {"response_type", false, parse_text},
    {"response_body", false, parse_response_body},
    {"refused_status", false, parse_refused_status},
};

enum { N_KEYS = sizeof(keys) / sizeof(*keys), TOLERANCE_MS = 300000 };

size_t
scheme_n_keys(void)
{
	return N_KEYS;
}

size_t
scheme_key_index(const char *key)
{
	size_t i = 0;

	while (i < N_KEYS && strcmp(keys[i].name, key) != 0)
		i++;
	return i;
}

const char *
scheme_key(size_t i)
{
	return i < N_KEYS ? keys[i].name : NULL;
}

bool
scheme_key_is_list(const char *key)
{
	size_t i = scheme_key_index(key);

	return i < N_KEYS && keys[i].list;
}

struct scheme_rules *
scheme_compile(const struct scheme *scheme, char error[SCHEME_ERROR_SIZE])
{
	struct scheme_rules *rules = calloc(1, sizeof(*rules));
	struct scheme_parse parse = {rules, "", error};

	if (!rules) {
		(void)scheme_fault(&parse, "no memory");
		return NULL;
	}
	rules->auth_scheme = rules->prefix = "";
	rules->secret_prefix = rules->secret_suffix = "";
	rules->pair_separator = ',';
	rules->key_separator = '=';
	rules->tolerance_ms = TOLERANCE_MS;
	for (size_t i = 0; i < N_KEYS; i++) {
		const struct scheme_setting *setting = &scheme->settings[i];

		parse.key = keys[i].name;
		for (size_t k = 0; k < setting->n; k++) {
			if (keys[i].parse(&parse, setting->v[k])) {
				scheme_rules_free(rules);
				return NULL;
			}
		}
	}
	return rules;
}

void
scheme_rules_free(struct scheme_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->n_blocks; i++)
		free(rules->blocks[i]);
	free(rules->blocks);
	free(rules);
}
