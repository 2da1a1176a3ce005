#include "vectors.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct scheme *
look_up(void *arg, const char *name)
{
	(void)arg;
	return scheme_builtin(name);
}

/* What a vector says that stands at a URL; looking again finds the same. */
static struct scheme_fetched *
fetch(void *arg, const char *url, bool again)
{
	struct vector *v = arg;
	const char *text = json_string_value(json_object_get(v->urls, url));
	char error[SCHEME_ERROR_SIZE];

	(void)again;
	if (!text)
		return NULL;
	if (v->fetched_from != text) {
		scheme_fetched_unref(v->fetched);
		v->fetched = scheme_fetched_new(text, strlen(text), error);
		v->fetched_from = text;
	}
	return v->fetched ? scheme_fetched_ref(v->fetched) : NULL;
}

struct scheme *
vectors_scheme(const json_t *example)
{
	const char *name =
	    json_string_value(json_object_get(example, "scheme"));
	const struct scheme *builtin = scheme_builtin(name);
	struct scheme *scheme = scheme_new(name, builtin);
	char error[SCHEME_ERROR_SIZE], text[256];
	const char *param;
	json_t *value;

	if (!builtin)
		fail_msg("no scheme %s", name);
	json_object_foreach(json_object_get(example, "params"), param, value)
	{
		(void)snprintf(text, sizeof(text), "%s=%s", param,
		    json_string_value(value));
		if (scheme_set(scheme, "param", text, error))
			fail_msg("%s: %s", name, error);
	}
	if (scheme_link(scheme, look_up, NULL, error) != 0)
		fail_msg("%s: %s", name, error);
	return scheme;
}

static void
read_secrets(struct vector *v, const json_t *object)
{
	const json_t *coded = json_object_get(object, "secrets_base64");
	const json_t *list = coded ? coded : json_object_get(object, "secrets");
	size_t i;
	json_t *item;
	char error[SCHEME_ERROR_SIZE];

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);
		struct buf bytes = {0};

		if (coded)
			assert_int_equal(codec_decode(CODEC_BASE64, text,
					     strlen(text), &bytes),
			    0);
		else
			assert_int_equal(buf_add_str(&bytes, text), 0);
		v->secrets[i].len = bytes.len;
		v->secrets[i].p = (unsigned char *)buf_take(&bytes);
	}
	v->n_secrets = json_array_size(list);
	v->keys = scheme_keys_new(v->scheme, v->secrets, v->n_secrets, error);
	if (!v->keys)
		fail_msg("%s %zu: %s", v->file, v->number, error);
}

void
vectors_headers(struct vector *v, json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		char *lower = strdup(name);

		for (char *c = lower; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		assert_true(v->request.n_headers < VECTORS_HEADERS_MAX);
		v->headers[v->request.n_headers++] =
		    (struct scheme_header){lower, json_string_value(value)};
		if (strcmp(lower, "content-type") == 0)
			v->request.content_type = json_string_value(value);
	}
	v->request.headers = v->headers;
}

static void
read_url(struct vector *v, const char *url)
{
	const char *authority = strstr(url, "//");
	const char *path = authority ? strchr(authority + 2, '/') : NULL;
	char *query;

	v->url = strdup(path ? path : "/");
	v->request.url = url;
	query = strchr(v->url, '?');
	if (query)
		*query++ = '\0';
	v->request.path = v->url;
	v->request.query = query ? query : "";
}

void
vectors_read(struct vector *v, const json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "scheme"));
	const json_t *body = json_object_get(object, "body");

	v->scheme = scheme_builtin(name);
	if (!v->scheme)
		fail_msg("%s: no scheme %s", v->file, name);
	if (json_object_get(object, "params"))
		v->scheme = v->own = vectors_scheme(object);
	v->rules = v->scheme->rules;
	v->request.method =
	    json_string_value(json_object_get(object, "method"));
	v->request.content_type = "";
	read_url(v, json_string_value(json_object_get(object, "url")));
	v->request.body = json_string_value(body);
	v->request.body_len = json_string_length(body);
	v->request.now_ms =
	    json_integer_value(json_object_get(object, "now")) * 1000;
	v->valid = json_is_true(json_object_get(object, "valid"));
	v->request.fetch = fetch;
	v->request.fetch_arg = v;
	v->urls = json_object_get(object, "urls");
	vectors_headers(v, json_object_get(object, "headers"));
	read_secrets(v, object);
}

void
vectors_clear(struct vector *v)
{
	scheme_fetched_unref(v->fetched);
	scheme_keys_free(v->keys);
	scheme_free(v->own);
	for (size_t i = 0; i < v->request.n_headers; i++)
		free((void *)(uintptr_t)v->headers[i].name);
	for (size_t i = 0; i < v->n_secrets; i++)
		free((void *)(uintptr_t)v->secrets[i].p);
	free(v->url);
}

static unsigned
each_of_file(const char *file, vectors_fn *fn, void *arg)
{
	json_error_t error;
	json_t *root = json_load_file(file, JSON_ALLOW_NUL, &error);
	unsigned n = 0;
	size_t i;
	json_t *item;

	if (!root)
		fail_msg("%s: %s", file, error.text);
	json_array_foreach(json_object_get(root, "vectors"), i, item)
	{
		struct vector v = {.file = file, .number = i};

		vectors_read(&v, item);
		fn(arg, &v);
		vectors_clear(&v);
		n++;
	}
	json_decref(root);
	return n;
}

unsigned
vectors_each(vectors_fn *fn, void *arg)
{
	unsigned n = 0;
	glob_t found;

	assert_int_equal(glob("tests/vectors/*.json", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		n += each_of_file(found.gl_pathv[i], fn, arg);
	globfree(&found);
	return n;
}
