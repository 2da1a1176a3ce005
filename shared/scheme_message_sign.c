#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "scheme_message.h"

static int
fault(const char **to, const char *text)
{
	*to = text;
	return -1;
}

/* Put a header into the request that is made here, unless it is there. */
static int
add(const struct scheme_message_making *making, const char *name,
    struct buf *value)
{
	return buf_str(value) && making->add(making->arg, name, value->p) == 0
		   ? 0
		   : -1;
}

static int
add_digest(const struct scheme_message_making *making)
{
	struct buf value = {0};
	int rc = scheme_message_put_digest(
	    making->rules, making->look->request, &value);

	if (rc == 0)
		rc = add(
		    making, scheme_message_digest_name(making->rules), &value);
	buf_clear(&value);
	return rc;
}

static int
add_date(const struct scheme_message_making *making)
{
	char text[CLOCK_HTTP_SIZE];
	struct buf value = {0};
	int rc;

	clock_format_http(making->look->request->now_ms, text);
	(void)buf_add_str(&value, text);
	rc = add(making, "date", &value);
	buf_clear(&value);
	return rc;
}

/* Whether the request has a component; the draft's host is the authority. */
static bool
has_component(const struct scheme_message_making *making, const char *name)
{
	bool cavage = making->rules->syntax == SCHEME_SYNTAX_CAVAGE;
	struct buf value = {0};
	enum scheme_result result;

	if (*name == '(')
		return true;
	if (cavage && strcmp(name, "host") == 0)
		name = "@authority";
	result = scheme_message_value(making->look, name, &value);
	buf_clear(&value);
	return result == SCHEME_OK;
}

/* The first of a component's names that the request has, or NULL. */
static const char *
choose(const struct scheme_message_making *making,
    const struct scheme_component *covered)
{
	for (size_t i = 0; i < covered->n; i++)
		if (has_component(making, covered->names[i]))
			return covered->names[i];
	return NULL;
}

/* The components, each between `quote`s and with a blank between two.  0 or -1
 * when the request has none of some. */
static int
list_components(const struct scheme_message_making *making, const char *quote,
    struct buf *out)
{
	const struct scheme_rules *rules = making->rules;
	const char *digest = scheme_message_digest_name(rules);
	bool has_digest = making->look->request->body_len == 0;

	for (size_t i = 0; i < rules->n_covered; i++) {
		const char *name = choose(making, &rules->covered[i]);

		if (!name)
			return -1;
		has_digest = has_digest || strcmp(name, digest) == 0;
		(void)buf_printf(out, "%s%s%s%s", out->len > 0 ? " " : "",
		    quote, name, quote);
	}
	if (!has_digest)
		(void)buf_printf(out, "%s%s%s%s", out->len > 0 ? " " : "",
		    quote, digest, quote);
	return buf_str(out) ? 0 : -1;
}

static int
sign_base(const struct scheme_message_making *making, struct buf *base,
    enum scheme_jwt_algorithm algorithm, struct buf *out)
{
	struct scheme_jws jws = {algorithm, buf_str(base), base->len};
	struct buf signature = {0};
	int rc = -1;

	if (jws.text && scheme_jws_sign(&jws, making->key, &signature) == 0)
		rc =
		    codec_encode(CODEC_BASE64, signature.p, signature.len, out);
	buf_clear(&signature);
	return rc;
}

static int
make_rfc9421(const struct scheme_message_making *making, const char *components,
    enum scheme_jwt_algorithm algorithm, struct buf *out)
{
	struct sfv field;
	struct buf input = {0};
	struct buf base = {0};
	int rc = -1;

	(void)buf_printf(&input, "sig1=(%s);created=%" PRId64 ";alg=\"%s\"",
	    components, making->look->request->now_ms / 1000,
	    scheme_message_name(making->rules, algorithm));
	if (making->rules->tag)
		(void)buf_printf(&input, ";tag=\"%s\"", making->rules->tag);
	(void)buf_add_str(out, "sig1=:");
	if (add(making, "signature-input", &input) == 0 &&
	    sfv_dictionary(input.p, input.len, &field) == 0 &&
	    scheme_message_base(
		making->look, &field, sfv_first(&field), &base) == SCHEME_OK &&
	    sign_base(making, &base, algorithm, out) == 0)
		rc = buf_add_char(out, ':');
	buf_clear(&input);
	buf_clear(&base);
	return rc;
}

static int
make_cavage(const struct scheme_message_making *making, const char *components,
    enum scheme_jwt_algorithm algorithm, struct buf *out)
{
	int64_t now_s = making->look->request->now_ms / 1000;
	struct scheme_message message = {
	    .has_created = true, .created_s = now_s};
	struct buf base = {0};
	int rc = -1;

	(void)buf_printf(out, "keyid=\"gaff\", algorithm=\"%s\", ",
	    scheme_message_name(making->rules, algorithm));
	if (strstr(components, "(created)"))
		(void)buf_printf(out, "created=%" PRId64 ", ", now_s);
	(void)buf_add_str(out, "signature=\"");
	if (scheme_message_cavage_base(
		making->look, components, &message, &base) == SCHEME_OK &&
	    sign_base(making, &base, algorithm, out) == 0)
		rc = buf_printf(out, "\", headers=\"%s\"", components);
	buf_clear(&base);
	return rc;
}

int
scheme_message_make(const struct scheme_message_making *making, struct buf *out,
    const char **text)
{
	bool cavage = making->rules->syntax == SCHEME_SYNTAX_CAVAGE;
	const struct scheme_key *key = making->key;
	enum scheme_jwt_algorithm algorithm = scheme_message_choose(
	    making->rules, key->n_jwks > 0 ? key->jwks[0].pkey : NULL);
	struct buf components = {0};
	int rc = -1;

	if (key->n_jwks > 0 && !key->can_sign)
		return fault(text, "a public key cannot sign: give the "
				   "private one in PEM");
	if (add_digest(making) || (cavage && add_date(making)))
		return fault(text, "no memory");
	if (list_components(making, cavage ? "" : "\"", &components))
		(void)fault(
		    text, "the request lacks a component that is covered");
	else if (cavage ? make_cavage(making, components.p, algorithm, out)
			: make_rfc9421(making, components.p, algorithm, out))
		(void)fault(text, "the key does not sign");
	else
		rc = 0;
	buf_clear(&components);
	return rc;
}
