/*
 * draft-cavage-http-signatures: the header is a list of NAME="VALUE" and
 * NAME=NUMBER, one of which names what is signed: headers="(request-target)
 * host date digest".
 */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "scheme_message.h"

enum { NAME_SIZE = 128, DIGITS_MAX = 12 };

enum parameter { KEYID, ALGORITHM, SIGNATURE, HEADERS, CREATED, EXPIRES, N };

static const char *const names[N] = {
    [KEYID] = "keyid",
    [ALGORITHM] = "algorithm",
    [SIGNATURE] = "signature",
    [HEADERS] = "headers",
    [CREATED] = "created",
    [EXPIRES] = "expires",
};

/* The header's parameters as they stand there; p NULL: not there. */
struct parameters {
	struct {
		const char *p;
		size_t len;
	} v[N];
};

/* ---- reading ---- */

/* Note one; there are no others than these, and none is there twice. */
static int
note(struct parameters *parameters, const char *name, size_t name_len,
    const char *value, size_t len)
{
	for (size_t i = 0; i < N; i++) {
		if (strlen(names[i]) != name_len ||
		    strncasecmp(names[i], name, name_len) != 0)
			continue;
		if (parameters->v[i].p)
			return -1;
		parameters->v[i].p = value;
		parameters->v[i].len = len;
		return 0;
	}
	return -1;
}

/* NAME="VALUE" or NAME=NUMBER at *p, which is moved behind it.  0 or -1. */
static int
read_one(const char **p, const char *end, struct parameters *parameters)
{
	const char *name = *p, *value;
	size_t name_len = 0, len = 0;
	bool quoted;

	while (name + name_len < end && isalnum((unsigned char)name[name_len]))
		name_len++;
	value = name + name_len;
	if (name_len == 0 || value == end || *value++ != '=')
		return -1;
	quoted = value < end && *value == '"';
	value += quoted;
	while (
	    value + len < end &&
	    (quoted ? value[len] != '"' : isdigit((unsigned char)value[len])))
		len++;
	if (len == 0 || (quoted && value + len == end))
		return -1;
	*p = value + len + quoted;
	return note(parameters, name, name_len, value, len);
}

static int
read_all(const char *p, size_t len, struct parameters *parameters)
{
	const char *end = p + len;

	for (;;) {
		while (p < end && *p == ' ')
			p++;
		if (read_one(&p, end, parameters))
			return -1;
		if (p == end)
			return 0;
		if (*p++ != ',')
			return -1;
	}
}

static int
read_seconds(const struct parameters *parameters, enum parameter which,
    bool *has, int64_t *seconds)
{
	const char *p = parameters->v[which].p;
	size_t len = parameters->v[which].len;

	*has = p != NULL;
	*seconds = 0;
	if (p == NULL)
		return 0;
	if (len > DIGITS_MAX)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)p[i]))
			return -1;
		*seconds = *seconds * 10 + (p[i] - '0');
	}
	return 0;
}

static enum scheme_result
copy(const struct parameters *parameters, enum parameter which, struct buf *out)
{
	if (parameters->v[which].p)
		(void)buf_add(
		    out, parameters->v[which].p, parameters->v[which].len);
	return buf_str(out) ? SCHEME_OK : SCHEME_ERROR;
}

/* ---- what is signed ---- */

static bool
lists(const char *list, const char *name)
{
	while (*list != '\0') {
		size_t len = strcspn(list, " ");

		if (strlen(name) == len && memcmp(list, name, len) == 0)
			return true;
		list += len + (list[len] == ' ');
	}
	return false;
}

static enum scheme_result
check_covered(
    const struct scheme_look *look, const char *list, const char **where)
{
	const struct scheme_rules *rules = look->rules;

	for (size_t i = 0; i < rules->n_covered; i++) {
		const struct scheme_component *covered = &rules->covered[i];
		size_t k = 0;

		while (k < covered->n && !lists(list, covered->names[k]))
			k++;
		*where = covered->names[0];
		if (k == covered->n)
			return SCHEME_HEADER_MISSING;
	}
	*where = "digest";
	return look->request->body_len > 0 && !lists(list, "digest")
		   ? SCHEME_HEADER_MISSING
		   : SCHEME_OK;
}

static enum scheme_result
add_target(struct scheme_look *look, struct buf *out)
{
	for (const char *p = look->request->method; *p != '\0'; p++)
		(void)buf_add_char(out, (char)tolower((unsigned char)*p));
	(void)buf_add_char(out, ' ');
	return scheme_message_value(look, "@request-target", out);
}

static enum scheme_result
add_seconds(bool has, int64_t seconds, struct buf *out)
{
	(void)buf_printf(out, "%lld", (long long)seconds);
	return has ? SCHEME_OK : SCHEME_HEADER_MISSING;
}

static enum scheme_result
add_value(struct scheme_look *look, const char *name,
    const struct scheme_message *message, struct buf *out)
{
	if (strcmp(name, "(request-target)") == 0)
		return add_target(look, out);
	if (strcmp(name, "(created)") == 0)
		return add_seconds(
		    message->has_created, message->created_s, out);
	if (strcmp(name, "(expires)") == 0)
		return add_seconds(
		    message->has_expires, message->expires_s, out);
	if (*name == '(' || *name == '@')
		return SCHEME_BAD_FORMAT;
	/* that of the URL the sender was given, where it is known */
	if (strcmp(name, "host") == 0)
		return scheme_message_value(look, "@authority", out);
	return scheme_message_value(look, name, out);
}

enum scheme_result
scheme_message_cavage_base(struct scheme_look *look, const char *list,
    const struct scheme_message *message, struct buf *out)
{
	for (size_t n = 0; *list != '\0'; n++) {
		size_t len = strcspn(list, " ");
		char name[NAME_SIZE];
		enum scheme_result result;

		if (len == 0 || len >= sizeof(name) ||
		    n == SCHEME_MESSAGE_COMPONENTS_MAX)
			return SCHEME_BAD_FORMAT;
		memcpy(name, list, len);
		name[len] = '\0';
		(void)buf_printf(out, "%s%s: ", n > 0 ? "\n" : "", name);
		size_t before = out->len;
		result = add_value(look, name, message, out);
		if (result != SCHEME_OK)
			return result;
		if (out->failed)
			return SCHEME_ERROR;
		if (memchr(out->p + before, '\n', out->len - before))
			return SCHEME_BAD_FORMAT;
		list += len + (list[len] == ' ');
	}
	return out->failed ? SCHEME_ERROR : SCHEME_OK;
}

/* Its time where it has no (created): that of its Date header.  What is not
 * signed is none. */
static enum scheme_result
read_times(struct scheme_look *look, const char *list,
    const struct parameters *parameters, struct scheme_message *message)
{
	static const struct scheme_place date = {
	    SCHEME_PLACE_HEADER, "date", 0};
	struct scheme_text text = {0};
	enum scheme_result result = SCHEME_OK;
	int64_t ms;

	if (read_seconds(parameters, CREATED, &message->has_created,
		&message->created_s) ||
	    read_seconds(parameters, EXPIRES, &message->has_expires,
		&message->expires_s))
		return SCHEME_BAD_FORMAT;
	message->has_created = message->has_created && lists(list, "(created)");
	if (message->has_created || !lists(list, "date"))
		return SCHEME_OK;
	result = scheme_look_at(look, &date, &text);
	if (result == SCHEME_OK && clock_parse_http(text.p, &ms))
		result = SCHEME_BAD_FORMAT;
	if (result == SCHEME_OK) {
		message->has_created = true;
		message->created_s = ms / 1000;
	}
	scheme_text_clear(&text);
	return result;
}

static enum scheme_result
fill(struct scheme_look *look, const struct parameters *parameters,
    const char *list, struct scheme_message *message)
{
	enum scheme_result result = read_times(look, list, parameters, message);

	message->covers_digest = lists(list, "digest");
	if (result == SCHEME_OK)
		result = copy(parameters, KEYID, &message->keyid);
	if (result == SCHEME_OK)
		result = copy(parameters, ALGORITHM, &message->algorithm);
	if (result == SCHEME_OK &&
	    codec_decode(CODEC_BASE64, parameters->v[SIGNATURE].p,
		parameters->v[SIGNATURE].len, &message->signature))
		result = message->signature.failed ? SCHEME_ERROR
						   : SCHEME_BAD_ENCODING;
	if (result == SCHEME_OK)
		result = scheme_message_cavage_base(
		    look, list, message, &message->base);
	return result;
}

enum scheme_result
scheme_message_cavage(struct scheme_look *look,
    const struct scheme_signature *signature, struct scheme_message *message,
    const char **where)
{
	struct parameters parameters = {0};
	struct buf list = {0};
	enum scheme_result result = SCHEME_BAD_FORMAT;

	if (read_all(signature->p, signature->len, &parameters) ||
	    !parameters.v[SIGNATURE].p || !parameters.v[HEADERS].p)
		return result;
	result = copy(&parameters, HEADERS, &list);
	if (result == SCHEME_OK)
		result = check_covered(look, list.p, where);
	if (result == SCHEME_OK) {
		*where = look->rules->signature.v[0].name;
		result = fill(look, &parameters, list.p, message);
	}
	buf_clear(&list);
	return result;
}
