#include "payload.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- filling in ---- */

static const struct payload_value *
find(const struct payload_value *values, const char *name, size_t len)
{
	for (; values->name; values++)
		if (strlen(values->name) == len &&
		    memcmp(values->name, name, len) == 0)
			return values;
	return NULL;
}

/* The value that a {name} at `p` stands for, and its end; or NULL. */
static const struct payload_value *
value_at(const struct payload_value *values, const char *p, const char **end)
{
	size_t len = *p == '{' ? strcspn(p, "}") : 0;

	*end = p + len + 1;
	return len > 0 && p[len] == '}' ? find(values, p + 1, len - 1) : NULL;
}

static json_t *
fill_text(const char *text, const struct payload_value *values)
{
	const struct payload_value *value;
	struct buf out = {0};
	const char *end;
	json_t *filled;

	for (; *text != '\0';) {
		value = value_at(values, text, &end);
		if (value) {
			(void)buf_add_str(
			    &out, value->value ? value->value : "");
			text = end;
		} else {
			(void)buf_add_char(&out, *text++);
		}
	}
	filled = buf_str(&out) ? json_string(out.p) : NULL;
	buf_clear(&out);
	return filled;
}

/* What stands instead of a text; NULL without memory. */
static json_t *
fill_one(const char *text, const struct payload_value *values)
{
	const char *end;
	const struct payload_value *value = value_at(values, text, &end);

	if (value && *end == '\0' && !value->value)
		return json_null();
	if (value && *end == '\0' && value->number)
		return json_integer(strtoll(value->value, NULL, 10));
	return fill_text(text, values);
}

/* Fill the texts of an object in; what holds more goes onto the list. */
static int
fill_object(json_t *object, const struct payload_value *values, json_t *list)
{
	const char *name;
	json_t *item, *filled;
	void *next;

	json_object_foreach_safe(object, next, name, item)
	{
		if (json_is_object(item) || json_is_array(item)) {
			if (json_array_append(list, item))
				return -1;
			continue;
		}
		if (!json_is_string(item))
			continue;
		filled = fill_one(json_string_value(item), values);
		if (json_is_null(filled))
			(void)json_object_del(object, name);
		else if (json_object_set_new(object, name, filled))
			return -1;
	}
	return 0;
}

static int
fill_array(json_t *array, const struct payload_value *values, json_t *list)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *item = json_array_get(array, i);

		if (json_is_object(item) || json_is_array(item)) {
			if (json_array_append(list, item))
				return -1;
		} else if (json_is_string(item) &&
			   json_array_set_new(array, i,
			       fill_one(json_string_value(item), values))) {
			return -1;
		}
	}
	return 0;
}

json_t *
payload_fill(json_t *model, const struct payload_value *values)
{
	json_t *filled = json_deep_copy(model), *list = json_array();
	int rc = json_array_append(list, filled);

	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		json_t *at = json_array_get(list, i);

		rc = json_is_object(at) ? fill_object(at, values, list)
					: fill_array(at, values, list);
	}
	json_decref(list);
	if (rc == 0)
		return filled;
	json_decref(filled);
	return NULL;
}

/* ---- putting in ---- */

/* The next token of a pointer, unescaped; *pointer moves behind it. */
static char *
next_token(const char **pointer)
{
	struct buf out = {0};
	const char *p = *pointer + 1;

	for (; *p != '\0' && *p != '/'; p++) {
		if (*p == '~' && (p[1] == '0' || p[1] == '1'))
			(void)buf_add_char(&out, *++p == '0' ? '~' : '/');
		else
			(void)buf_add_char(&out, *p);
	}
	*pointer = p;
	return buf_take(&out);
}

static bool
is_index(const char *token)
{
	return *token != '\0' && token[strspn(token, "0123456789")] == '\0';
}

/* Make `item` the child of that name or index.  Takes it over. */
static int
set_child(json_t *parent, const char *token, json_t *item)
{
	size_t i = (size_t)strtoul(token, NULL, 10);

	if (!json_is_array(parent))
		return json_object_set_new(parent, token, item);
	if (i < json_array_size(parent))
		return json_array_set_new(parent, i, item);
	return json_array_append_new(parent, item);
}

static json_t *
get_child(const json_t *parent, const char *token)
{
	return json_is_array(parent)
		   ? json_array_get(parent, (size_t)strtoul(token, NULL, 10))
		   : json_object_get(parent, token);
}

static json_t *
new_container(const char *pointer)
{
	return isdigit((unsigned char)pointer[1]) ? json_array()
						  : json_object();
}

int
payload_put(json_t **root, const char *pointer, const char *text)
{
	json_t *at;
	char *token;
	int rc = 0;

	if (!*root)
		*root = new_container(pointer);
	at = *root;
	while (rc == 0 && at && *pointer == '/') {
		token = next_token(&pointer);
		if (!token || (json_is_array(at) && !is_index(token)))
			rc = -1;
		else if (*pointer != '/')
			rc = set_child(at, token, json_string(text));
		else if (!json_is_object(get_child(at, token)) &&
			 !json_is_array(get_child(at, token)))
			rc = set_child(at, token, new_container(pointer));
		if (rc == 0)
			at = get_child(at, token);
		free(token);
	}
	return rc == 0 && at ? 0 : -1;
}

/* ---- forms ---- */

static void
add_escaped(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (isalnum(c) || strchr("-._~", c))
			(void)buf_add_char(out, *text);
		else
			(void)buf_printf(out, "%%%02X", c);
	}
}

int
payload_add_pair(struct buf *out, const char *name, const char *value)
{
	if (out->len > 0 && out->p[out->len - 1] != '?')
		(void)buf_add_char(out, '&');
	add_escaped(out, name);
	(void)buf_add_char(out, '=');
	add_escaped(out, value);
	return out->failed ? -1 : 0;
}

int
payload_form(json_t *object, struct buf *out)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		char *text =
		    json_is_string(value)
			? strdup(json_string_value(value))
			: json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		if (!text || payload_add_pair(out, name, text) != 0)
			out->failed = true;
		free(text);
	}
	return out->failed ? -1 : 0;
}
