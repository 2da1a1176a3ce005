/* jsonpick against jansson: the same texts are JSON, the same values stand in
 * them.  jansson takes no number, \u escape or NUL in a name that it cannot
 * hold. */

#include <stdio.h>

#include <jansson.h>

#include "../../shared/jsonpick.h"
#include "fuzz.h"

static const char *const pointers[] = {"/id", "/event/type", "/a/0/b", "/1"};

enum { N = sizeof(pointers) / sizeof(pointers[0]) };

static const json_t *
at(const json_t *value, const char *pointer)
{
	char name[16];
	size_t len;

	while (value && *pointer == '/') {
		len = strcspn(++pointer, "/");
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, pointer);
		value = json_is_array(value)
			    ? json_array_get(value, (size_t)atol(name))
			    : json_object_get(value, name);
		pointer += len;
	}
	return value;
}

static void
compare(const struct jsonpick_value *value, const json_t *there)
{
	struct buf text = {0};

	/* of what stands there twice jansson takes the last, we none */
	if (value->kind == JSONPICK_NONE || value->kind == JSONPICK_TWICE)
		return;
	FUZZ_MUST(there != NULL);
	FUZZ_MUST((value->kind == JSONPICK_STRING) == json_is_string(there) &&
		  (value->kind == JSONPICK_NUMBER) == json_is_number(there) &&
		  (value->kind == JSONPICK_OBJECT) == json_is_object(there) &&
		  (value->kind == JSONPICK_ARRAY) == json_is_array(there));
	if (value->kind == JSONPICK_STRING) {
		FUZZ_MUST(jsonpick_text(value, &text) == 0);
		FUZZ_MUST(text.len == json_string_length(there));
		FUZZ_MUST(
		    text.len == 0 ||
		    memcmp(text.p, json_string_value(there), text.len) == 0);
	}
	buf_clear(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jsonpick_pointer compiled[N];
	struct jsonpick_value values[N];
	json_error_t error;
	json_t *root = json_loadb(
	    (const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	int rc;

	for (size_t i = 0; i < N; i++)
		FUZZ_MUST(jsonpick_compile(pointers[i], &compiled[i]) == 0);
	rc = jsonpick_scan(data, size, compiled, N, values);
	/* only jsonpick bounds the depth, so many brackets; jansson takes a NUL
	 * for the end */
	if (root && size < JSONPICK_DEPTH && !memchr(data, 0, size))
		FUZZ_MUST(rc == 0);
	for (size_t i = 0; root && rc == 0 && i < N; i++)
		compare(&values[i], at(root, pointers[i]));
	if (rc == 0 && !root)
		FUZZ_MUST(strstr(error.text, "too big") ||
			  strstr(error.text, "NUL byte in object key") ||
			  strstr(error.text, "overflow") ||
			  strstr(error.text, "Unicode") ||
			  strstr(error.text, "depth"));
	json_decref(root);
	return 0;
}
