/* gaff match: which routes an event would take, and why not the others. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../worker/filter_jq.h"
#include "../worker/route.h"
#include "call.h"
#include "cmd.h"
#include "file.h"
#include "options.h"
#include "out.h"

static const char *source_name, *type_option, *key_option, *body_path;
static const char *content_type = "application/json";
static const char *query = "";
static struct option_list headers;
static bool json;

static const struct option_spec specs[] = {
    {"source", OPTION_TEXT, &source_name, "NAME", "an event of this source"},
    {"type", OPTION_TEXT, &type_option, "TYPE",
	"of this type; default what the scheme finds"},
    {"key", OPTION_TEXT, &key_option, "ID", "with this provider's id"},
    {"header", OPTION_LIST, &headers, "'NAME: VALUE'", "with this header"},
    {"query", OPTION_TEXT, &query, "TEXT", "with this query string"},
    {"content-type", OPTION_TEXT, &content_type, "TYPE",
	"content type of the body (application/json)"},
    {"body", OPTION_TEXT, &body_path, "FILE",
	"with this body; - is standard input"},
    {"json", OPTION_FLAG, &json, NULL, "print a JSON array"},
    {0},
};

static const struct options options = {
    .verb = "match",
    .operands = "",
    .about = "Says for each route whether an event would go there, and why.  "
	     "Nothing is sent.\nExit status 1 when it would go nowhere.",
    .specs = specs,
};

/* The event that is asked about. */
struct subject {
	struct scheme_header headers[OPTION_LIST_MAX];
	char *lines[OPTION_LIST_MAX]; /* the headers' memory */
	size_t n_headers;
	struct buf headers_json;
	const char *headers_text; /* of `headers_json` */
	struct buf body;
	const char *body_text; /* of `body`, NUL-terminated */
	struct scheme_facts found;
	struct route_subject route;
	const char *key;
};

struct verdict {
	bool goes;
	struct buf why;
};

/* "X-GitHub-Event: push" becomes a header with a lower-case name. */
static int
take_header(struct subject *subject, const char *text)
{
	char *line = strdup(text), *value;

	if (line == NULL)
		return -1;
	for (value = line; *value != '\0' && *value != ':'; value++)
		if (*value >= 'A' && *value <= 'Z')
			*value = (char)(*value - 'A' + 'a');
	if (*value == ':')
		*value++ = '\0';
	subject->lines[subject->n_headers] = line;
	subject->headers[subject->n_headers++] = (struct scheme_header){
	    .name = line, .value = value + strspn(value, " ")};
	return 0;
}

static int
take_headers(struct subject *subject)
{
	struct buf *out = &subject->headers_json;

	buf_add_char(out, '{');
	for (size_t i = 0; i < headers.n; i++) {
		const struct scheme_header *header = &subject->headers[i];

		if (take_header(subject, headers.items[i]) != 0)
			return -1;
		buf_add_str(out, i > 0 ? ",\"" : "\"");
		buf_add_json(out, header->name, strlen(header->name));
		buf_add_str(out, "\":\"");
		buf_add_json(out, header->value, strlen(header->value));
		buf_add_char(out, '"');
	}
	buf_add_char(out, '}');
	subject->headers_text = buf_str(out);
	return subject->headers_text != NULL ? 0 : -1;
}

/* What the gateway would find in the request. */
static int
find_facts(const struct config_source *source, struct subject *subject)
{
	const struct scheme_request request = {
	    .method = "POST",
	    .url = "",
	    .path = source->path,
	    .query = query,
	    .content_type = content_type,
	    .headers = subject->headers,
	    .n_headers = subject->n_headers,
	    .body = subject->body_text,
	    .body_len = subject->body.len,
	    .now_ms = clock_wall_ms(),
	};

	if (scheme_find(source->scheme, &request, &subject->found) != 0)
		return -1;
	subject->route.type = buf_str(&subject->found.type);
	subject->route.probe = subject->found.probe;
	subject->key = buf_str(&subject->found.key);
	return 0;
}

static int
take_subject(const struct config *config, struct subject *subject)
{
	const struct config_source *source = config_source(config, source_name);

	subject->route =
	    (struct route_subject){.source = source_name, .type = ""};
	subject->key = "";
	if (source == NULL && strcmp(source_name, ROUTE_OWN_SOURCE) != 0) {
		fprintf(stderr, "gaff match: there is no source \"%s\"\n",
		    source_name);
		return -1;
	}
	if (body_path != NULL && file_read(body_path, &subject->body) != 0)
		return -1;
	subject->body_text = buf_str(&subject->body);
	if (subject->body_text == NULL || take_headers(subject) != 0 ||
	    (source != NULL && find_facts(source, subject) != 0)) {
		fputs("gaff match: no memory\n", stderr);
		return -1;
	}
	if (type_option != NULL)
		subject->route.type = type_option;
	if (key_option != NULL)
		subject->key = key_option;
	return 0;
}

static void
clear_subject(struct subject *subject)
{
	for (size_t i = 0; i < subject->n_headers; i++)
		free(subject->lines[i]);
	buf_clear(&subject->headers_json);
	buf_clear(&subject->body);
	scheme_facts_clear(&subject->found);
}

static enum filter_verdict
run_filter(const char *text, const struct subject *subject,
    char error[FILTER_ERROR_SIZE])
{
	const struct filter_facts facts = {
	    .source = subject->route.source,
	    .type = subject->route.type,
	    .key = subject->key,
	    .id = "00000000-0000-7000-8000-000000000000",
	    .headers = subject->headers_text,
	    .query = query,
	    .content_type = content_type,
	    .body = subject->body_text,
	    .body_len = subject->body.len,
	};
	struct filter_jq *filter = filter_jq_new(text, error);
	enum filter_verdict verdict = FILTER_ERROR;
	jv input;

	if (filter == NULL)
		return FILTER_ERROR;
	input = filter_jq_input(&facts, error);
	if (jv_is_valid(input))
		verdict = filter_jq_run(filter, input, error);
	jv_free(input);
	filter_jq_free(filter);
	return verdict;
}

static void
judge(const struct config_route *route, const struct subject *subject,
    struct verdict *verdict)
{
	static const char *const sentences[] = {
	    [FILTER_NO] = "filter says no",
	    [FILTER_YES] = "filter says yes",
	    [FILTER_ERROR] = "filter fails, its delivery would be dead: ",
	};
	char error[FILTER_ERROR_SIZE] = "";
	enum filter_verdict filter;

	route_explain(route, &subject->route, &verdict->why);
	verdict->goes =
	    route_match(route, &subject->route).why == ROUTE_MATCHES;
	if (verdict->goes && route->filter != NULL && body_path == NULL) {
		buf_add_str(
		    &verdict->why, "; its filter decides (--body lets it)");
	} else if (verdict->goes && route->filter != NULL) {
		filter = run_filter(route->filter, subject, error);
		verdict->goes = filter == FILTER_YES;
		buf_printf(&verdict->why, "; %s%s", sentences[filter],
		    filter == FILTER_ERROR ? error : "");
	}
	if (verdict->goes && !route->enabled)
		buf_add_str(&verdict->why, "; not enabled: it would wait");
}

/* Judges every route; how many it goes to, or -1. */
static int
match_all(const struct config *config, const struct subject *subject)
{
	static const char *const titles[] = {"ROUTE", "GOES", "WHY"};
	struct out_table *table = out_table_new(titles, 3);
	json_t *list = json_array();
	int n = 0;

	for (size_t i = 0; i < config->n_routes; i++) {
		const struct config_route *route = &config->routes[i];
		struct verdict verdict = {0};
		const char *why;

		judge(route, subject, &verdict);
		why = buf_str(&verdict.why);
		why = why != NULL ? why : "no memory";
		n += verdict.goes;
		out_cell(table, route->name);
		out_cell(table, verdict.goes ? "yes" : "no");
		out_cell(table, why);
		json_array_append_new(
		    list, json_pack("{s:s, s:b, s:s}", "route", route->name,
			      "goes", (int)verdict.goes, "why", why));
		buf_clear(&verdict.why);
	}
	if (json)
		out_json(list);
	else
		printf("source %s, type \"%s\"%s%s%s\n", source_name,
		    subject->route.type, subject->key[0] ? ", key " : "",
		    subject->key, subject->route.probe ? ", a probe" : "");
	json_decref(list);
	if (json)
		out_table_free(table);
	else if (out_table_print(table) != 0)
		return -1;
	return n;
}

int
cmd_match(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status = CMD_FAILED;
	struct subject subject = {0};
	struct config *config;

	if (first <= 0)
		return options_exit(first);
	if (source_name == NULL)
		return options_complain(&options, "needs --source");
	config = call_load(CONFIG_ROLE_NONE);
	if (config == NULL)
		return CMD_FAILED;
	if (take_subject(config, &subject) == 0 &&
	    match_all(config, &subject) > 0)
		status = CMD_DONE;
	clear_subject(&subject);
	config_unref(config);
	return status;
}
