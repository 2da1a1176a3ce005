#include "explain.h"

#include <stdio.h>
#include <string.h>

enum { LABEL_WIDTH = 18, PARAMS_MAX = 8, PARAM_SIZE = 64 };

struct word {
	const char *name;
	const char *text;
};

static const char *
find_word(const struct word *words, const char *name, size_t len)
{
	for (; words->name; words++)
		if (strlen(words->name) == len &&
		    memcmp(words->name, name, len) == 0)
			return words->text;
	return NULL;
}

static const char *
get(const struct scheme *scheme, const char *key, const char *otherwise)
{
	const char *value = scheme_get(scheme, key);

	return value ? value : otherwise;
}

static bool
is(const struct scheme *scheme, const char *key, const char *value)
{
	return strcmp(get(scheme, key, ""), value) == 0;
}

void
explain_kind(const struct scheme *scheme, struct buf *out)
{
	(void)buf_add_str(out, get(scheme, "kind", ""));
	if (is(scheme, "kind", "hmac") || is(scheme, "kind", "hash"))
		(void)buf_printf(out, "-%s", get(scheme, "hash", "sha256"));
}

/* Whether a public key of the provider is what is configured. */
static bool
is_public(const struct scheme *scheme)
{
	return is(scheme, "kind", "ed25519") || is(scheme, "kind", "ecdsa") ||
	       is(scheme, "kind", "rsa");
}

/* ---- places and templates ---- */

/* header:x as "header x"; what is no place stays as it is. */
static void
put_place(struct buf *out, const char *text, size_t len)
{
	static const struct {
		const char *prefix;
		const char *before;
		const char *behind;
	} rows[] = {
	    {"header:", "header ", ""},
	    {"query:", "", " of the query"},
	    {"form:", "field ", " of the form"},
	    {"json:", "", " of the JSON body"},
	    {"signature:", "", " of the signature"},
	    {"param:", "your param ", ""},
	    {"jose_headers:", "the headers that the token lists: ", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t skip = strlen(rows[i].prefix);

		if (len <= skip || memcmp(text, rows[i].prefix, skip) != 0)
			continue;
		(void)buf_printf(out, "%s%.*s%s", rows[i].before,
		    (int)(len - skip), text + skip, rows[i].behind);
		return;
	}
	(void)buf_add(out, text, len);
}

/* The places of an id or type: those behind the first are joined by a dot. */
static void
put_joined(struct buf *out, const char *text)
{
	const char *between = "";

	while (*text != '\0') {
		size_t len = strcspn(text, " ");
		bool optional = len > 0 && text[len - 1] == '?';

		(void)buf_add_str(out, between);
		put_place(out, text, optional ? len - 1 : len);
		if (optional)
			(void)buf_add_str(out, " (where it is there)");
		text += len + strspn(text + len, " ");
		between = ", a dot, ";
	}
}

/* All values of a key as places. */
static void
put_places(struct buf *out, const struct scheme *scheme, const char *key,
    const char *between)
{
	const char *value;

	for (size_t i = 0; (value = scheme_value(scheme, key, i)); i++) {
		(void)buf_add_str(out, i > 0 ? between : "");
		put_joined(out, value);
	}
}

static void
put_part(struct buf *out, const char *name, size_t len)
{
	static const struct word words[] = {
	    {"body", "the body as it came"},
	    {"timestamp", "the time as it stands"},
	    {"id", "the id"},
	    {"method", "the method"},
	    {"url", "the public URL with its query"},
	    {"url_no_query", "the public URL without its query"},
	    {"path", "the path"},
	    {"path_query", "the path with the query"},
	    {"secret", "the secret"},
	    {"sorted_form_params", "the form's fields, sorted"},
	    {"sha256hex_body", "the body's SHA-256 in hex"},
	    {"sha256_body", "the body's SHA-256"},
	    {"json_body", "the body as a JSON string"},
	    {"canonical_json", "the JSON body in its canonical form"},
	    {"crc32_body", "the body's CRC-32 in decimal"},
	    {"php_form", "the form's fields as PHP serializes them"},
	    {"form_json", "the form's fields as a JSON object"},
	    {"sorted_query", "the query, sorted"},
	    {"url_with_port", "the public URL with its port"},
	    {"url_without_port", "the public URL without its port"},
	    {"contentful_path", "the path as Contentful writes it"},
	    {NULL, NULL},
	};
	static const char lines[] = "name_lines:";
	const char *text = find_word(words, name, len);
	size_t skip = strlen(lines);

	if (text)
		(void)buf_add_str(out, text);
	else if (len > skip && memcmp(name, lines, skip) == 0)
		(void)buf_printf(out,
		    "a line each for the name and text of %.*s",
		    (int)(len - skip), name + skip);
	else
		put_place(out, name, len);
}

/* A template as its parts, in words, with commas between them. */
static void
put_template(struct buf *out, const char *p)
{
	const char *between = "";

	while (*p != '\0') {
		size_t len = strcspn(p, "{");

		/* \{ is a literal brace */
		while (p[len] == '{' && len > 0 && p[len - 1] == '\\')
			len += 1 + strcspn(p + len + 1, "{");
		(void)buf_add_str(out, between);
		between = ", ";
		if (len > 0) {
			(void)buf_printf(out, "`%.*s`", (int)len, p);
			p += len;
			continue;
		}
		len = strcspn(p, "}");
		put_part(out, p + 1, len - 1);
		p += len + (p[len] == '}');
	}
}

/* ---- the lines ---- */

static void
label(struct buf *out, const char *name)
{
	(void)buf_printf(out, "%-*s", LABEL_WIDTH, name);
}

static void
end_line(struct buf *out)
{
	(void)buf_add_char(out, '\n');
}

/* A line for each value of a key. */
static void
put_values(struct buf *out, const struct scheme *scheme, const char *key,
    const char *name)
{
	const char *value;

	for (size_t i = 0; (value = scheme_value(scheme, key, i)); i++) {
		label(out, i == 0 ? name : "");
		(void)buf_add_str(out, value);
		end_line(out);
	}
}

static void
put_how(const struct scheme *scheme, struct buf *out)
{
	static const struct word words[] = {
	    {"hmac", "an HMAC under the secret you share"},
	    {"hash", "a digest of a text with the secret in it"},
	    {"ed25519", "an Ed25519 signature"},
	    {"ecdsa", "an ECDSA signature (P-256)"},
	    {"rsa", "an RSA signature (PKCS#1 v1.5)"},
	    {"jwt", "a signed token (JWT)"},
	    {"message", "a signature of the message (RFC 9421, or the draft "
			"before it)"},
	    {"token", "the secret itself; nothing is signed"},
	    {"basic", "user and password; nothing is signed"},
	    {"none", "nothing: a source needs `allow` or `unverified = yes`"},
	    {NULL, NULL},
	};
	const char *kind = get(scheme, "kind", "");
	const char *text = find_word(words, kind, strlen(kind));

	label(out, "Proof");
	(void)buf_add_str(out, text ? text : kind);
	if (scheme_get(scheme, "template"))
		(void)buf_printf(out, ", %s", get(scheme, "hash", "sha256"));
	if (scheme_get(scheme, "encoding"))
		(void)buf_printf(
		    out, ", written as %s", get(scheme, "encoding", ""));
	end_line(out);
}

static void
put_signed(const struct scheme *scheme, struct buf *out)
{
	const char *template;

	for (size_t i = 0; (template = scheme_value(scheme, "template", i));
	     i++) {
		label(out, i == 0 ? "What is signed" : "  or");
		put_template(out, template);
		end_line(out);
	}
	put_values(out, scheme, "algorithms", "Algorithms");
	put_values(out, scheme, "claim", "It must claim");
	put_values(out, scheme, "covered", "It must cover");
	put_values(out, scheme, "tag", "Its tag");
	template = scheme_get(scheme, "payload");
	if (template) {
		label(out, "What is signed");
		put_template(out, template);
		end_line(out);
	}
	put_values(out, scheme, "when", "Only where");
	put_values(out, scheme, "require", "It must have");
}

static void
put_where(const struct scheme *scheme, struct buf *out)
{
	static const struct {
		const char *key;
		const char *words;
	} rows[] = {
	    {"auth_scheme", " behind the word `"},
	    {"prefix", " behind `"},
	    {"algorithm_prefix", " behind the name of its hash: `"},
	    {"signature_key", " in a list of pairs, as `"},
	    {"list_separator", " in a list, between two: `"},
	};

	if (!scheme_get(scheme, "signature"))
		return;
	label(out, "Where it stands");
	put_places(out, scheme, "signature", ", else ");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *value;

		for (size_t k = 0;
		     (value = scheme_value(scheme, rows[i].key, k)); k++)
			(void)buf_printf(out, "%s%s`",
			    k == 0 ? rows[i].words : " or `", value);
	}
	end_line(out);
}

static void
put_secret(const struct scheme *scheme, struct buf *out)
{
	const char *encoding = get(scheme, "secret_encoding", "text");
	const char *prefix = scheme_get(scheme, "secret_prefix");

	if (scheme_is_none(scheme))
		return;
	label(out, "Secret");
	if (strcmp(encoding, "certificate") == 0)
		(void)buf_add_str(out,
		    scheme_fetches(scheme)
			? "none is needed; or certificates that are trusted: "
			  "PEM or sha256:FINGERPRINT"
			: "certificates that are trusted: PEM or "
			  "sha256:FINGERPRINT");
	else if (is_public(scheme))
		(void)buf_printf(out, "the provider's public key, as PEM%s%s",
		    strcmp(encoding, "text") == 0 ? "" : " or ",
		    strcmp(encoding, "text") == 0 ||
			    strcmp(encoding, "pem") == 0
			? ""
			: encoding);
	else if (is(scheme, "kind", "jwt") && scheme_fetches(scheme))
		(void)buf_printf(out,
		    "none is needed: the worker gets the keys from %s; or "
		    "public keys: PEM or a JWK set",
		    scheme_keys_url(scheme, 0));
	else if (is(scheme, "kind", "jwt"))
		(void)buf_add_str(out, "that of an HMAC, or public keys: PEM "
				       "or a JWK set");
	else if (is(scheme, "algorithms", "hmac-sha256"))
		(void)buf_add_str(out, "that of the HMAC");
	else if (is(scheme, "kind", "message"))
		(void)buf_printf(out, "public keys: %s%sPEM or a JWK set",
		    scheme_get(scheme, "secret_encoding") ? encoding : "",
		    scheme_get(scheme, "secret_encoding") ? ", " : "");
	else if (is(scheme, "kind", "basic"))
		(void)buf_add_str(out, "written user:password");
	else if (strcmp(encoding, "text") == 0)
		(void)buf_add_str(out, "the text as the provider shows it");
	else
		(void)buf_printf(out, "%s, as the provider shows it", encoding);
	if (prefix)
		(void)buf_printf(out, ", with or without `%s`", prefix);
	end_line(out);
	put_values(out, scheme, "secret_at", "Where to find it");
}

static void
put_time(const struct scheme *scheme, struct buf *out)
{
	int64_t tolerance_ms = scheme_tolerance_ms(scheme);

	if (scheme_is_none(scheme))
		return;
	label(out, "Time");
	if (is(scheme, "kind", "jwt") && !scheme_get(scheme, "payload")) {
		(void)buf_printf(out,
		    "exp, nbf, iat as far as they are there, "
		    "%s off at most%s%s\n",
		    get(scheme, "tolerance", "300s"),
		    scheme_get(scheme, "max_age") ? ", not older than " : "",
		    get(scheme, "max_age", ""));
		return;
	}
	if (tolerance_ms == 0) {
		(void)buf_add_str(out, "not checked: who has seen a request "
				       "can send it again\n");
		return;
	}
	if (is(scheme, "kind", "message"))
		(void)buf_add_str(out, is(scheme, "syntax", "cavage")
					   ? "(created), else header date"
					   : "created, and expires");
	else
		put_places(out, scheme, "timestamp", ", else ");
	(void)buf_printf(out, ", %lld s off at most, %s\n",
	    (long long)(tolerance_ms / 1000),
	    is(scheme, "direction", "past") ? "into the past" : "either way");
}

static void
put_event(const struct scheme *scheme, struct buf *out)
{
	label(out, "Event's id");
	if (scheme_get(scheme, "id")) {
		put_places(out, scheme, "id", ", else ");
		(void)buf_add_str(out, scheme_key_signed(scheme)
					   ? "; signed\n"
					   : "; not signed, so that a copy has "
					     "the same body too\n");
	} else {
		(void)buf_add_str(
		    out, "none: every request is an event of its own\n");
	}
	if (!scheme_get(scheme, "type"))
		return;
	label(out, "Event's type");
	put_places(out, scheme, "type", ", else ");
	end_line(out);
}

/* ---- params ---- */

/* Whether the scheme gives the param a value. */
static bool
has_param(const struct scheme *scheme, const char *name)
{
	size_t len = strlen(name);
	const char *value;

	for (size_t i = 0; (value = scheme_value(scheme, "param", i)); i++)
		if (strncmp(value, name, len) == 0 && value[len] == '=')
			return true;
	return false;
}

/* The next param that a value names; none of a handshake's answer, which is
 * left out where it is not given. */
static const char *
next_param(const char *key, const char *value)
{
	const char *arrow =
	    strcmp(key, "handshake") == 0 ? strstr(value, "-> ") : NULL;
	const char *found = strstr(value, "{param:");

	return found && (!arrow || found < arrow) ? found : NULL;
}

/* The params that its rules name and it has no value for, once each. */
static size_t
wanted_params(const struct scheme *scheme, char names[PARAMS_MAX][PARAM_SIZE])
{
	const char *key, *value;
	size_t n = 0, k;

	for (size_t at = 0; (key = scheme_key(at)); at++) {
		for (size_t i = 0; (value = scheme_value(scheme, key, i));
		     i++) {
			while (n < PARAMS_MAX &&
			       (value = next_param(key, value))) {
				value += strlen("{param:");
				(void)snprintf(names[n], PARAM_SIZE, "%.*s",
				    (int)strcspn(value, "}"), value);
				for (k = 0; strcmp(names[k], names[n]) != 0;)
					k++;
				n += k == n && !has_param(scheme, names[n]);
			}
		}
	}
	return n;
}

static void
put_params(const struct scheme *scheme, struct buf *out)
{
	char names[PARAMS_MAX][PARAM_SIZE];
	size_t n = wanted_params(scheme, names);

	for (size_t i = 0; i < n; i++) {
		label(out, i == 0 ? "Needs" : "");
		(void)buf_printf(out, "param = %s=VALUE\n", names[i]);
	}
	if (!scheme_needs_url(scheme))
		return;
	label(out, n == 0 ? "Needs" : "");
	(void)buf_add_str(out,
	    "public_url: the URL you gave the provider, which is signed\n");
}

static void
put_evidence(const struct scheme *scheme, struct buf *out)
{
	static const struct word words[] = {
	    {"official-vector",
		"agrees with an example the provider publishes"},
	    {"sdk-vector", "agrees with what the provider's library makes"},
	    {"third-party-vector", "agrees with an example of somebody else"},
	    {"source-read", "written from the provider's text or source; no "
			    "example is known"},
	    {"generic", "a general rule, to be fitted"},
	    {"weak", "known at second hand only: try it before you rely on it"},
	    {NULL, NULL},
	};
	const char *evidence = get(scheme, "evidence", "");
	const char *text = find_word(words, evidence, strlen(evidence));

	if (*evidence == '\0')
		return;
	label(out, "Evidence");
	(void)buf_printf(
	    out, "%s%s%s\n", evidence, text ? ": " : "", text ? text : "");
}

void
explain_scheme(const struct scheme *scheme, struct buf *out)
{
	put_how(scheme, out);
	put_signed(scheme, out);
	put_where(scheme, out);
	put_secret(scheme, out);
	put_time(scheme, out);
	put_event(scheme, out);
	put_values(out, scheme, "handshake", "Answers at once");
	put_params(scheme, out);
	put_values(out, scheme, "also", "Beside it");
	put_values(out, scheme, "max_body", "Body up to");
	put_values(out, scheme, "sends_from", "Sends from");
	put_evidence(scheme, out);
	put_values(out, scheme, "docs", "Documentation");
}

/* ---- to paste ---- */

void
explain_source(const struct scheme *scheme, struct buf *out)
{
	char names[PARAMS_MAX][PARAM_SIZE];
	size_t n = wanted_params(scheme, names);
	const char *name = scheme_name(scheme);
	int len = (int)strcspn(name, ".");

	(void)buf_printf(out, "[source %.*s]\nscheme = %s\n", len, name, name);
	if (scheme_is_none(scheme))
		(void)buf_add_str(out,
		    "# anybody gets in; better where addresses are known: "
		    "allow = ADDRESSES\nunverified = yes\n");
	else if (scheme_keeps(scheme))
		(void)buf_add_str(out,
		    "# no secret: it comes with the provider's handshake\n");
	else if (!scheme_fetches(scheme))
		(void)buf_printf(
		    out, "secret = file:secrets/%.*s\n", len, name);
	for (size_t i = 0; i < n; i++)
		(void)buf_printf(out, "param = %s=VALUE\n", names[i]);
	if (scheme_needs_url(scheme))
		(void)buf_printf(out,
		    "public_url = https://hooks.example.com/%.*s\n", len, name);
}

/* Text of a table's cell: a bar would end it. */
static void
put_cell(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			(void)buf_add_char(out, '\\');
		(void)buf_add_char(out, *text);
	}
}

static void
put_row(const struct scheme *scheme, struct buf *out)
{
	const char *template = scheme_get(scheme, "template");
	const char *link = scheme_get(scheme, "docs");
	struct buf text = {0};

	(void)buf_printf(
	    out, "| [%s](#%s) | ", scheme_name(scheme), scheme_name(scheme));
	put_cell(out, get(scheme, "title", ""));
	(void)buf_add_str(out, " | ");
	explain_kind(scheme, out);
	(void)buf_add_str(out, " | ");
	if (!template)
		template = scheme_get(scheme, "payload");
	if (template)
		put_template(&text, template);
	else if (is(scheme, "kind", "jwt"))
		(void)buf_add_str(&text, "a token with its claims");
	if (is(scheme, "kind", "message"))
		(void)buf_add_str(&text, "what the message says, and the body");
	put_cell(out, text.len > 0 && buf_str(&text) ? text.p : "nothing");
	(void)buf_printf(out, " | %s | ", get(scheme, "evidence", ""));
	if (link)
		(void)buf_printf(out, "[page](%s) ", link);
	(void)buf_add_str(out, "|\n");
	out->failed |= text.failed;
	buf_clear(&text);
}

void
explain_page(struct buf *out)
{
	const char *name;

	(void)buf_add_str(out,
	    "# Providers\n\n"
	    "Made of `conf/schemes.conf` by `make docs/PROVIDERS.md`; `gaff "
	    "schemes NAME` prints the same for one.\n\n"
	    "| name | whose | kind | what is signed | evidence | rule |\n"
	    "|---|---|---|---|---|---|\n");
	for (size_t i = 0; (name = scheme_builtin_name(i)); i++)
		put_row(scheme_builtin(name), out);
	for (size_t i = 0; (name = scheme_builtin_name(i)); i++) {
		const struct scheme *scheme = scheme_builtin(name);

		/* the anchor, as the heading's own would have no dots */
		(void)buf_printf(out, "\n<a id=\"%s\"></a>\n## %s\n\n```\n",
		    name, get(scheme, "title", name));
		explain_scheme(scheme, out);
		(void)buf_add_str(out, "```\n\n```\n");
		explain_source(scheme, out);
		(void)buf_add_str(out, "```\n");
	}
}
