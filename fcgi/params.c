#include "params.h"

#include <stdlib.h>
#include <string.h>

#define NAME(text)                                                             \
	{                                                                      \
		(text), sizeof(text) - 1                                       \
	}

static const struct {
	const char *text;
	size_t len;
} known_names[PARAM__MAX] = {
    [PARAM_METHOD] = NAME("REQUEST_METHOD"),
    [PARAM_URI] = NAME("REQUEST_URI"),
    [PARAM_LENGTH] = NAME("CONTENT_LENGTH"),
    [PARAM_TYPE] = NAME("CONTENT_TYPE"),
    [PARAM_REMOTE] = NAME("REMOTE_ADDR"),
    [PARAM_HTTPS] = NAME("HTTPS"),
    [PARAM_SCHEME] = NAME("REQUEST_SCHEME"),
};

static const char header_prefix[] = "HTTP_";

enum { HEADER_PREFIX = sizeof header_prefix - 1 };

/* Where a name ends; a text without `=` is a name without a value. */
static size_t
name_len(const char *text)
{
	return (size_t)(strchrnul(text, '=') - text);
}

static bool
is_header(const char *text)
{
	return strncmp(text, header_prefix, HEADER_PREFIX) == 0;
}

/* Bytes that lower-case names of the headers take; 0 in *n_ok over a limit. */
static enum params_result
measure(char *const *envp, size_t *name_bytes)
{
	size_t bytes = 0;
	size_t n;

	*name_bytes = 1;
	for (n = 0; envp[n] != NULL; n++) {
		bytes += strlen(envp[n]) + 1;
		if (n == PARAMS_MAX || bytes > PARAMS_BYTES_MAX)
			return PARAMS_TOO_MANY;
		if (is_header(envp[n]))
			*name_bytes += name_len(envp[n]) + 1;
	}
	return PARAMS_OK;
}

/* No word of a locale's. */
static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Write a header's name as HTTP has it; returns the byte behind its NUL. */
static char *
put_name(char *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*out++ = text[i] == '_' ? '-' : lower(text[i]);
	*out++ = '\0';
	return out;
}

static enum params_result
add_known(struct params *params, const char *text, size_t len)
{
	for (int i = 0; i < PARAM__MAX; i++) {
		if (known_names[i].len != len ||
		    memcmp(known_names[i].text, text, len) != 0)
			continue;
		if (params->known[i] != NULL)
			return PARAMS_TWICE;
		params->known[i] = text + len + (text[len] == '=');
		return PARAMS_OK;
	}
	return PARAMS_OK;
}

/* nginx passes these two under both names; CONTENT_* are what counts. */
static bool
is_known_header(const char *name)
{
	return strcmp(name, "content-type") == 0 ||
	       strcmp(name, "content-length") == 0;
}

static enum params_result
add_all(struct params *params, char *const *envp)
{
	enum params_result result = PARAMS_OK;
	char *next = params->names;

	for (; *envp != NULL && result == PARAMS_OK; envp++) {
		size_t len = name_len(*envp);
		const char *name = next;

		if (!is_header(*envp)) {
			result = add_known(params, *envp, len);
			continue;
		}
		next =
		    put_name(next, *envp + HEADER_PREFIX, len - HEADER_PREFIX);
		if (is_known_header(name))
			continue;
		if (strcmp(name, "host") == 0 &&
		    params_header(params, "host") != NULL)
			result = PARAMS_TWICE;
		params->headers[params->n_headers++] = (struct scheme_header){
		    name, *envp + len + ((*envp)[len] == '=')};
	}
	return result;
}

/* Schemes look for these two among the headers. */
static void
add_content(struct params *params)
{
	static const struct {
		enum param param;
		const char *name;
	} rows[] = {
	    {PARAM_TYPE, "content-type"},
	    {PARAM_LENGTH, "content-length"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *value = params->known[rows[i].param];

		if (value == NULL || *value == '\0' ||
		    params->n_headers == PARAMS_MAX)
			continue;
		params->headers[params->n_headers++] =
		    (struct scheme_header){rows[i].name, value};
	}
}

enum params_result
params_read(struct params *params, char *const *envp)
{
	enum params_result result;
	size_t name_bytes;

	params->names = NULL;
	params->n_headers = 0;
	for (int i = 0; i < PARAM__MAX; i++)
		params->known[i] = NULL;
	result = measure(envp, &name_bytes);
	if (result == PARAMS_OK) {
		params->names = malloc(name_bytes);
		if (params->names == NULL)
			result = PARAMS_NO_MEMORY;
	}
	if (result == PARAMS_OK)
		result = add_all(params, envp);
	if (result == PARAMS_OK)
		add_content(params);
	else
		params->n_headers = 0;
	for (int i = 0; i < PARAM__MAX; i++) {
		if (params->known[i] == NULL || result != PARAMS_OK)
			params->known[i] = "";
	}
	return result;
}

const char *
params_header(const struct params *params, const char *name)
{
	for (size_t i = 0; i < params->n_headers; i++) {
		if (strcmp(params->headers[i].name, name) == 0)
			return params->headers[i].value;
	}
	return NULL;
}

void
params_clear(struct params *params)
{
	free(params->names);
	params->names = NULL;
	params->n_headers = 0;
}
