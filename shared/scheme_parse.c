#include "scheme_parse.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheme_text.h"
#include "units.h"

const char *const scheme_hash_words[] = {
    [SCHEME_HASH_SHA256] = "sha256",
    [SCHEME_HASH_SHA1] = "sha1",
    [SCHEME_HASH_SHA384] = "sha384",
    [SCHEME_HASH_SHA512] = "sha512",
    [SCHEME_HASH_MD5] = "md5",
    [SCHEME_HASH__MAX] = NULL,
};

static const char *const place_words[] = {
    [SCHEME_PLACE_HEADER] = "header:",
    [SCHEME_PLACE_QUERY] = "query:",
    [SCHEME_PLACE_FORM] = "form:",
    [SCHEME_PLACE_JSON] = "json:",
    [SCHEME_PLACE_CLAIM] = "claim:",
    [SCHEME_PLACE_SIGNATURE] = "signature:",
};

static const char *const part_words[SCHEME_PART__MAX] = {
    [SCHEME_PART_BODY] = "body",
    [SCHEME_PART_TIMESTAMP] = "timestamp",
    [SCHEME_PART_ID] = "id",
    [SCHEME_PART_METHOD] = "method",
    [SCHEME_PART_URL] = "url",
    [SCHEME_PART_URL_NO_QUERY] = "url_no_query",
    [SCHEME_PART_PATH] = "path",
    [SCHEME_PART_PATH_QUERY] = "path_query",
    [SCHEME_PART_SECRET] = "secret",
    [SCHEME_PART_SORTED_FORM] = "sorted_form_params",
    [SCHEME_PART_SHA256HEX_BODY] = "sha256hex_body",
};

int
scheme_fault(struct scheme_parse *p, const char *fmt, ...)
{
	int n = snprintf(p->error, SCHEME_ERROR_SIZE, "%s: ", p->key);
	va_list ap;

	if (n < 0 || n >= SCHEME_ERROR_SIZE)
		return -1;
	va_start(ap, fmt);
	(void)vsnprintf(p->error + n, (size_t)(SCHEME_ERROR_SIZE - n), fmt, ap);
	va_end(ap);
	return -1;
}

void *
scheme_alloc(struct scheme_parse *p, size_t size)
{
	struct scheme_rules *rules = p->rules;
	void **blocks = realloc(
	    rules->blocks, (rules->n_blocks + 1) * sizeof(*rules->blocks));
	void *block = calloc(1, size);

	if (blocks)
		rules->blocks = blocks;
	if (!blocks || !block) {
		free(block);
		(void)scheme_fault(p, "no memory");
		return NULL;
	}
	rules->blocks[rules->n_blocks++] = block;
	return block;
}

const char *
scheme_copy(struct scheme_parse *p, const char *text, size_t len)
{
	char *copy = scheme_alloc(p, len + 1);

	if (copy)
		memcpy(copy, text, len);
	return copy;
}

int
scheme_parse_word(
    struct scheme_parse *p, const char *const *words, const char *value)
{
	struct buf list = {0};

	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	for (int i = 0; words[i]; i++)
		(void)buf_printf(&list, "%s%s", i > 0 ? ", " : "", words[i]);
	const char *all = buf_str(&list);
	(void)scheme_fault(p, "`%s` is none of: %s", value, all ? all : "");
	buf_clear(&list);
	return -1;
}

int
scheme_parse_separator(struct scheme_parse *p, const char *value)
{
	static const char *const words[] = {"comma", "semicolon", "space",
	    "ampersand", "equals", "colon", "bar", "dot", NULL};
	static const char characters[] = ",; &=:|.";
	int word = scheme_parse_word(p, words, value);

	return word < 0 ? -1 : characters[word];
}

const char *
scheme_next_word(const char **text, size_t *len)
{
	const char *start = *text + strspn(*text, " \t");

	*len = strcspn(start, " \t");
	*text = start + *len;
	return *len > 0 ? start : NULL;
}

/* ---- places ---- */

/* Header names are kept in lower case. */
static const char *
copy_header(struct scheme_parse *p, const char *text, size_t len)
{
	char *name = scheme_alloc(p, len + 1);

	for (size_t i = 0; name && i < len; i++) {
		if (!isalnum((unsigned char)text[i]) &&
		    !strchr("!#$%&'*+-.^_`|~", text[i])) {
			(void)scheme_fault(
			    p, "`%.*s` is no header name", (int)len, text);
			return NULL;
		}
		name[i] = (char)tolower((unsigned char)text[i]);
	}
	return name;
}

/* Give the pointer its number among all of the scheme. */
static int
add_pointer(struct scheme_parse *p, struct scheme_place *place)
{
	struct scheme_rules *rules = p->rules;
	size_t i = 0;

	while (i < rules->n_pointers &&
	       strcmp(rules->pointer_texts[i], place->name) != 0)
		i++;
	place->pointer = i;
	if (i < rules->n_pointers)
		return 0;
	if (i == JSONPICK_MAX)
		return scheme_fault(
		    p, "a scheme has at most %d json: places", JSONPICK_MAX);
	if (jsonpick_compile(place->name, &rules->pointers[i]))
		return scheme_fault(p,
		    "`%s` is no JSON pointer (/member/0/member)", place->name);
	rules->pointer_texts[rules->n_pointers++] = place->name;
	return 0;
}

int
scheme_parse_place(struct scheme_parse *p, const char *text, size_t len,
    struct scheme_place *place)
{
	size_t kind = 0;
	size_t prefix = 0;

	for (; kind < SCHEME_PLACE__MAX; kind++) {
		prefix = strlen(place_words[kind]);
		if (len > prefix &&
		    memcmp(text, place_words[kind], prefix) == 0)
			break;
	}
	if (kind == SCHEME_PLACE__MAX)
		return scheme_fault(p,
		    "`%.*s` is none of header:NAME, query:NAME, form:NAME, "
		    "json:/POINTER",
		    (int)len, text);
	place->kind = (enum scheme_place_kind)kind;
	text += prefix;
	len -= prefix;
	place->name = place->kind == SCHEME_PLACE_HEADER
			  ? copy_header(p, text, len)
			  : scheme_copy(p, text, len);
	if (!place->name)
		return -1;
	if (place->kind == SCHEME_PLACE_CLAIM &&
	    (len > SCHEME_CLAIM_MAX || strpbrk(place->name, "/~") ||
		(strcmp(p->key, "id") != 0 && strcmp(p->key, "type") != 0)))
		return scheme_fault(p,
		    "claim:%s: for id and type, a name of "
		    "up to %d bytes without / and ~",
		    place->name, SCHEME_CLAIM_MAX);
	return place->kind == SCHEME_PLACE_JSON ? add_pointer(p, place) : 0;
}

int
scheme_parse_joined(
    struct scheme_parse *p, const char *text, struct scheme_joined *joined)
{
	size_t len;
	const char *word;

	joined->n = 0;
	while ((word = scheme_next_word(&text, &len))) {
		size_t i = joined->n;

		if (i == SCHEME_JOINED_MAX)
			return scheme_fault(p, "at most %d places are joined",
			    SCHEME_JOINED_MAX);
		joined->optional[i] = i > 0 && word[len - 1] == '?';
		if (joined->optional[i])
			len--;
		if (scheme_parse_place(p, word, len, &joined->v[i]))
			return -1;
		if (joined->v[i].kind == SCHEME_PLACE_SIGNATURE)
			return scheme_fault(p, "signature: is for timestamps");
		joined->n++;
	}
	return joined->n > 0 ? 0 : scheme_fault(p, "a place is missing");
}

/* ---- conditions ---- */

static const char *
param(struct scheme_parse *p, const char *name, size_t len)
{
	struct scheme_rules *rules = p->rules;

	for (size_t i = 0; i < rules->n_params; i++)
		if (strlen(rules->params[i].name) == len &&
		    memcmp(rules->params[i].name, name, len) == 0)
			return rules->params[i].value;
	/* a source may still give it: scheme_wanted_param() tells */
	if (!rules->missing_param)
		rules->missing_param = scheme_copy(p, name, len);
	if (strcmp(p->key, "template") == 0)
		rules->missing_signed = rules->missing_param;
	return "";
}

int
scheme_parse_condition(struct scheme_parse *p, const char *text, size_t len,
    struct scheme_condition *condition)
{
	static const char open[] = "{param:";
	static const char body_hash[] = "{sha256hex_body}";
	const size_t open_len = sizeof(open) - 1;
	bool absent = len > 0 && *text == '!';
	const char *equals = memchr(text, '=', len);
	size_t place_len = equals ? (size_t)(equals - text) : len;

	if (scheme_parse_place(
		p, text + absent, place_len - absent, &condition->place))
		return -1;
	condition->absent = absent;
	condition->body_hash = false;
	if (absent && equals)
		return scheme_fault(p, "what is not there has no value");
	if (condition->place.kind == SCHEME_PLACE_SIGNATURE)
		return scheme_fault(p, "signature: is for timestamps");
	condition->value = NULL;
	condition->secret = false;
	if (!equals)
		return 0;

	const char *value = equals + 1;
	size_t value_len = len - place_len - 1;
	if (value_len == 0)
		return scheme_fault(p, "nothing behind the `=`");
	condition->body_hash = value_len == strlen(body_hash) &&
			       memcmp(value, body_hash, value_len) == 0;
	condition->secret = value_len > open_len + 1 &&
			    memcmp(value, open, open_len) == 0 &&
			    value[value_len - 1] == '}';
	condition->value = condition->secret ? param(p, value + open_len,
						   value_len - open_len - 1)
					     : scheme_copy(p, value, value_len);
	return condition->value ? 0 : -1;
}

/* ---- templates ---- */

/* {hmac:HASH:ENCODING:PLACE}, the text being what follows "hmac:". */
static int
hmac_part(struct scheme_parse *p, const char *text, size_t len,
    struct scheme_part *part)
{
	static const char *const codecs[] = {"hex:", "base64:", "base64url:"};

	part->kind = SCHEME_PART_HMAC;
	for (size_t hash = 0; hash < SCHEME_HASH__MAX; hash++) {
		size_t n = strlen(scheme_hash_words[hash]);

		if (len <= n || memcmp(text, scheme_hash_words[hash], n) != 0 ||
		    text[n] != ':')
			continue;
		part->hash = (enum scheme_hash)hash;
		text += n + 1;
		len -= n + 1;
		for (size_t i = 0; i < 3; i++) {
			n = strlen(codecs[i]);
			if (len <= n || memcmp(text, codecs[i], n) != 0)
				continue;
			part->codec = (enum codec)i;
			return scheme_parse_place(
			    p, text + n, len - n, &part->place);
		}
	}
	return scheme_fault(p,
	    "{hmac:…} is {hmac:HASH:ENCODING:PLACE}, not {hmac:%.*s}", (int)len,
	    text);
}

/* {NAME} or {NAME:WORD…} of a maker. */
static int
made_part(struct scheme_parse *p, const char *name, size_t len,
    struct scheme_part *part)
{
	size_t skip = strlen(part->maker->name);

	if ((part->maker->form == SCHEME_WORDS_NONE) != (skip == len))
		return scheme_fault(p, "{%s%s", part->maker->name,
		    skip == len ? ":…} needs words behind it"
				: "} has no words behind it");
	skip += skip < len;
	part->kind = SCHEME_PART_MADE;
	part->words =
	    scheme_parse_words(p, part->maker, name + skip, len - skip);
	return part->words ? 0 : -1;
}

/* A pair of the signature's text that a template names. */
static int
add_pair(struct scheme_parse *p, const char *name)
{
	struct scheme_rules *rules = p->rules;

	if (strcmp(p->key, "template") != 0)
		return scheme_fault(p, "signature: is for signed texts");
	for (size_t i = 0; i < rules->n_pairs; i++)
		if (strcmp(rules->pairs[i], name) == 0)
			return 0;
	if (rules->n_pairs == SCHEME_PAIRS_MAX)
		return scheme_fault(
		    p, "at most %d signature: places", SCHEME_PAIRS_MAX);
	rules->pairs[rules->n_pairs++] = name;
	return 0;
}

static int
placeholder(struct scheme_parse *p, const char *name, size_t len,
    struct scheme_part *part)
{
	for (size_t kind = 0; kind < SCHEME_PART__MAX; kind++) {
		const char *word = part_words[kind];

		if (word && strlen(word) == len &&
		    memcmp(word, name, len) == 0) {
			part->kind = (enum scheme_part_kind)kind;
			return 0;
		}
	}
	if (len > 6 && memcmp(name, "param:", 6) == 0) {
		part->kind = SCHEME_PART_TEXT;
		part->text = param(p, name + 6, len - 6);
		part->len = part->text ? strlen(part->text) : 0;
		return part->text ? 0 : -1;
	}
	if (len > 5 && memcmp(name, "hmac:", 5) == 0)
		return hmac_part(p, name + 5, len - 5, part);
	part->maker = scheme_maker(name, strcspn(name, ":}"));
	if (part->maker)
		return made_part(p, name, len, part);
	if (!memchr(name, ':', len))
		return scheme_fault(
		    p, "{%.*s} is no placeholder", (int)len, name);
	part->kind = SCHEME_PART_PLACE;
	if (scheme_parse_place(p, name, len, &part->place))
		return -1;
	return part->place.kind == SCHEME_PLACE_SIGNATURE
		   ? add_pair(p, part->place.name)
		   : 0;
}

/* Read literal text up to the next placeholder.  Its bytes, or NULL. */
static const char *
literal(struct scheme_parse *p, const char **text, size_t *len)
{
	char *out = scheme_alloc(p, strlen(*text) + 1);
	const char *s = *text;

	*len = 0;
	while (
	    out && *s != '\0' && !(*s == '{' && islower((unsigned char)s[1]))) {
		char c = *s++;

		if (c == '\\') {
			c = *s++;
			if (c == 'n') {
				c = '\n';
			} else if (c != '\\' && c != '{') {
				(void)scheme_fault(
				    p, "a backslash stands before n, { or \\");
				return NULL;
			}
		}
		out[(*len)++] = c;
	}
	*text = s;
	return out;
}

static int
next_part(struct scheme_parse *p, const char **text, struct scheme_part *part)
{
	if (**text != '{' || !islower((unsigned char)(*text)[1])) {
		part->kind = SCHEME_PART_TEXT;
		part->text = literal(p, text, &part->len);
		return part->text ? 0 : -1;
	}

	const char *close = strchr(*text, '}');
	if (!close)
		return scheme_fault(p, "`%s` has no }", *text);
	const char *name = *text + 1;
	*text = close + 1;
	return placeholder(p, name, (size_t)(close - name), part);
}

const struct scheme_template *
scheme_parse_template(struct scheme_parse *p, const char *text)
{
	struct scheme_template *template = scheme_alloc(p, sizeof(*template));

	while (template && *text != '\0') {
		if (template->n == SCHEME_PARTS_MAX) {
			(void)scheme_fault(p, "a template has at most %d parts",
			    SCHEME_PARTS_MAX);
			return NULL;
		}
		if (next_part(p, &text, &template->v[template->n]))
			return NULL;
		template->n++;
	}
	return template;
}
