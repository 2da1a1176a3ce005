#include "filter_jq.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../shared/buf.h"
#include "../shared/codec.h"

struct filter_jq {
	jq_state *jq;
	char *error; /* where messages go while compiling; or NULL */
};

/* The names a filter may use besides `.`, and how an input becomes them. */
static const char *const names[] = {
    "source", "type", "key", "id", "headers", "query"};

static const char before[] = ". as {source: $source, type: $type, key: $key, "
			     "id: $id, headers: $headers, query: $query, "
			     "body: $__body} | $__body | (";
/* On a line of its own: the filter may end with a comment. */
static const char after[] = "\n)";

/* The first line of a message of libjq's, without its own name. */
static void
first_line(char error[FILTER_ERROR_SIZE], const char *text)
{
	static const char prefix[] = "jq: error";
	size_t n;

	if (strncmp(text, prefix, strlen(prefix)) == 0) {
		text += strlen(prefix);
		text += strspn(text, ": ");
	}
	n = strcspn(text, "\n");
	while (n > 0 && (text[n - 1] == ':' || text[n - 1] == ' '))
		n--;
	snprintf(error, FILTER_ERROR_SIZE, "%.*s", (int)n, text);
}

static void
note_message(void *arg, jv message)
{
	struct filter_jq *filter = arg;
	jv text = jq_format_error(message);

	/* The first says most; the last only counts them. */
	if (filter->error != NULL && filter->error[0] == '\0' &&
	    jv_get_kind(text) == JV_KIND_STRING)
		first_line(filter->error, jv_string_value(text));
	jv_free(text);
}

static struct filter_jq *
state_new(char error[FILTER_ERROR_SIZE])
{
	struct filter_jq *filter = calloc(1, sizeof(*filter));

	error[0] = '\0';
	if (filter != NULL)
		filter->jq = jq_init();
	if (filter == NULL || filter->jq == NULL) {
		snprintf(error, FILTER_ERROR_SIZE, "no memory");
		free(filter);
		return NULL;
	}
	filter->error = error;
	jq_set_error_cb(filter->jq, note_message, filter);
	/* jq_init() leaves these two as malloc() gave them. */
	jq_set_input_cb(filter->jq, NULL, NULL);
	jq_set_debug_cb(filter->jq, NULL, NULL);
	/* Without it import and include end the process. */
	jq_set_attr(filter->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	return filter;
}

void
filter_jq_free(struct filter_jq *filter)
{
	if (filter == NULL)
		return;
	jq_teardown(&filter->jq);
	free(filter);
}

/* The text alone: its messages are about what the user wrote. */
static int
compile_alone(const char *text, char error[FILTER_ERROR_SIZE])
{
	struct filter_jq *filter = state_new(error);
	jv values = jv_object();
	int good;

	if (filter == NULL) {
		jv_free(values);
		return -1;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		values = jv_object_set(values, jv_string(names[i]), jv_null());
	good = jq_compile_args(filter->jq, text, values);
	filter_jq_free(filter);
	return good ? 0 : -1;
}

struct filter_jq *
filter_jq_new(const char *text, char error[FILTER_ERROR_SIZE])
{
	struct filter_jq *filter = NULL;
	struct buf program = {0};

	if (compile_alone(text, error) != 0)
		return NULL;
	buf_add_str(&program, before);
	buf_add_str(&program, text);
	buf_add_str(&program, after);
	if (!program.failed)
		filter = state_new(error);
	if (filter != NULL && !jq_compile(filter->jq, buf_str(&program))) {
		filter_jq_free(filter);
		filter = NULL;
	}
	if (filter != NULL)
		filter->error = NULL;
	else if (error[0] == '\0')
		snprintf(error, FILTER_ERROR_SIZE, "no memory");
	buf_clear(&program);
	return filter;
}

/* ---- input ---- */

/* A name or value of a form; a broken escape stands for itself. */
static jv
form_text(const char *p, size_t len)
{
	struct buf text = {0};
	jv value;

	for (size_t i = 0; i < len; i++) {
		int high = -1, low = -1;

		if (p[i] == '%' && i + 2 < len) {
			high = codec_hex_digit(p[i + 1]);
			low = codec_hex_digit(p[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			buf_add_char(&text, (char)(high * 16 + low));
			i += 2;
		} else {
			buf_add_char(&text, p[i] == '+' ? ' ' : p[i]);
		}
	}
	value = text.len > 0 ? jv_string_sized(text.p, (int)text.len)
			     : jv_string("");
	buf_clear(&text);
	return value;
}

/* A name that is there already becomes an array. */
static jv
add_pair(jv object, jv name, jv value)
{
	jv old = jv_object_get(jv_copy(object), jv_copy(name));

	if (!jv_is_valid(old)) {
		jv_free(old);
		return jv_object_set(object, name, value);
	}
	if (jv_get_kind(old) != JV_KIND_ARRAY)
		old = JV_ARRAY(old);
	return jv_object_set(object, name, jv_array_append(old, value));
}

static jv
form_object(const char *p, size_t len)
{
	jv object = jv_object();
	const char *end = p + len, *next, *equals;

	for (; p < end; p = next + 1) {
		next = memchr(p, '&', (size_t)(end - p));
		if (next == NULL)
			next = end;
		if (next == p)
			continue;
		equals = memchr(p, '=', (size_t)(next - p));
		if (equals == NULL)
			equals = next;
		object = add_pair(object, form_text(p, (size_t)(equals - p)),
		    equals < next
			? form_text(equals + 1, (size_t)(next - equals - 1))
			: jv_string(""));
	}
	return object;
}

/* The one JSON value of a text, or an invalid one.  Not jv_parse_sized(): its
 * messages hold the text. */
static jv
json_value(const char *p, size_t len, char error[FILTER_ERROR_SIZE])
{
	jv_parser *parser = jv_parser_new(0);
	jv value, more, message;

	jv_parser_set_buf(parser, p, len < INT_MAX ? (int)len : INT_MAX, 0);
	value = jv_parser_next(parser);
	if (jv_is_valid(value)) {
		more = jv_parser_next(parser);
		if (jv_is_valid(more) || jv_invalid_has_msg(jv_copy(more))) {
			snprintf(error, FILTER_ERROR_SIZE,
			    "the body is not JSON: something follows it");
			jv_free(value);
			value = jv_invalid();
		}
		jv_free(more);
	} else {
		message = jv_invalid_get_msg(value);
		snprintf(error, FILTER_ERROR_SIZE,
		    "the body is not JSON: %.180s",
		    jv_get_kind(message) == JV_KIND_STRING
			? jv_string_value(message)
			: "it holds no value");
		jv_free(message);
		value = jv_invalid();
	}
	jv_parser_free(parser);
	return value;
}

/* Parameters and case aside. */
static bool
is_form(const char *content_type)
{
	static const char form[] = "application/x-www-form-urlencoded";
	size_t len = strlen(form);

	content_type += strspn(content_type, " \t");
	return strncasecmp(content_type, form, len) == 0 &&
	       strchr("; \t", content_type[len]) != NULL;
}

static jv
body_value(const struct filter_facts *facts, char error[FILTER_ERROR_SIZE])
{
	if (facts->body_len == 0)
		return jv_null();
	if (is_form(facts->content_type))
		return form_object(facts->body, facts->body_len);
	return json_value(facts->body, facts->body_len, error);
}

jv
filter_jq_input(const struct filter_facts *facts, char error[FILTER_ERROR_SIZE])
{
	char ignored[FILTER_ERROR_SIZE];
	jv input, headers, body = body_value(facts, error);

	if (!jv_is_valid(body))
		return body;
	headers = json_value(facts->headers, strlen(facts->headers), ignored);
	if (jv_get_kind(headers) != JV_KIND_OBJECT) {
		jv_free(headers);
		headers = jv_object();
	}
	input = jv_object();
	input =
	    jv_object_set(input, jv_string("source"), jv_string(facts->source));
	input = jv_object_set(input, jv_string("type"), jv_string(facts->type));
	input = jv_object_set(input, jv_string("key"), jv_string(facts->key));
	input = jv_object_set(input, jv_string("id"), jv_string(facts->id));
	input = jv_object_set(input, jv_string("headers"), headers);
	input = jv_object_set(input, jv_string("query"),
	    form_object(facts->query, strlen(facts->query)));
	return jv_object_set(input, jv_string("body"), body);
}

/* ---- running ---- */

/* The message of an error output as one line; takes it. */
static void
explain_error(jv output, char error[FILTER_ERROR_SIZE])
{
	jv message = jv_invalid_get_msg(output);

	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_dump_string(message, 0);
	first_line(error, jv_string_value(message));
	jv_free(message);
}

enum filter_verdict
filter_jq_run(struct filter_jq *filter, jv input, char error[FILTER_ERROR_SIZE])
{
	enum filter_verdict verdict = FILTER_NO;
	jv output;

	jq_start(filter->jq, jv_copy(input), 0);
	output = jq_next(filter->jq);
	if (jv_is_valid(output)) {
		jv_kind kind = jv_get_kind(output);

		if (kind != JV_KIND_NULL && kind != JV_KIND_FALSE)
			verdict = FILTER_YES;
		jv_free(output);
	} else if (jq_halted(filter->jq)) {
		snprintf(error, FILTER_ERROR_SIZE, "the filter called halt");
		verdict = FILTER_ERROR;
		jv_free(output);
	} else if (jv_invalid_has_msg(jv_copy(output))) {
		explain_error(output, error);
		verdict = FILTER_ERROR;
	} else {
		jv_free(output);
	}
	return verdict;
}
