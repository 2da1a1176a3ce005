#include "explain.h"

#include <string.h>

#include "explain_text.h"

enum { LABEL_WIDTH = 18 };

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
	static const struct explain_word words[] = {
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
	const char *text = explain_text_find(words, kind, strlen(kind));

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
		explain_text_template(out, template);
		end_line(out);
	}
	put_values(out, scheme, "algorithms", "Algorithms");
	put_values(out, scheme, "claim", "It must claim");
	put_values(out, scheme, "covered", "It must cover");
	put_values(out, scheme, "tag", "Its tag");
	template = scheme_get(scheme, "payload");
	if (template) {
		label(out, "What is signed");
		explain_text_template(out, template);
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
	explain_text_places(out, scheme, "signature", ", else ");
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
		explain_text_places(out, scheme, "timestamp", ", else ");
	(void)buf_printf(out, ", %lld s off at most, %s\n",
	    (long long)(tolerance_ms / 1000),
	    is(scheme, "direction", "past") ? "into the past" : "either way");
}

static void
put_event(const struct scheme *scheme, struct buf *out)
{
	label(out, "Event's id");
	if (scheme_get(scheme, "id")) {
		explain_text_places(out, scheme, "id", ", else ");
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
	explain_text_places(out, scheme, "type", ", else ");
	end_line(out);
}

static void
put_params(const struct scheme *scheme, struct buf *out)
{
	char names[EXPLAIN_PARAMS_MAX][EXPLAIN_PARAM_SIZE];
	size_t n = explain_text_params(scheme, names);

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
	static const struct explain_word words[] = {
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
	const char *text = explain_text_find(words, evidence, strlen(evidence));

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
	put_values(out, scheme, "confirm", "GET confirms");
	put_values(out, scheme, "confirm_at", "  only at");
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
	char names[EXPLAIN_PARAMS_MAX][EXPLAIN_PARAM_SIZE];
	size_t n = explain_text_params(scheme, names);
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
		explain_text_template(&text, template);
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
