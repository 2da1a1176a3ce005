/* What each path answers. */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/buf.h"
#include "../shared/clock.h"
#include "../shared/units.h"
#include "httpd_impl.h"
#include "store.h"

static const char no_answer[] =
    "the store thread does not answer: its disk may hang, or it has too much "
    "to do";

void
httpd_say(struct httpd_answer *answer, unsigned status, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	(void)buf_vprintf(&text, fmt, ap);
	va_end(ap);
	(void)buf_add_char(&text, '\n');
	answer->status = status;
	answer->type = "text/plain; charset=utf-8";
	answer->len = text.len;
	answer->text = buf_take(&text);
}

static void
say_json(struct httpd_answer *answer, unsigned status, const json_t *value)
{
	answer->status = status;
	answer->type = "application/json";
	answer->text = json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER);
	answer->len = answer->text != NULL ? strlen(answer->text) : 0;
}

/* A REPLY's data, borrowed; NULL when it has none, and the answer says why. */
static json_t *
data_of(const json_t *reply, struct httpd_answer *answer)
{
	const char *error = json_string_value(json_object_get(reply, "error"));

	if (json_is_true(json_object_get(reply, "ok")))
		return json_object_get(reply, "data");
	if (reply == NULL)
		httpd_say(
		    answer, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", no_answer);
	else
		httpd_say(answer, MHD_HTTP_BAD_REQUEST, "%s",
		    error != NULL ? error : "the worker failed");
	return NULL;
}

/* ---- /metrics ---- */

static void
metrics(struct ask *ask, struct MHD_Connection *connection,
    struct httpd_answer *answer)
{
	int64_t until_ms = clock_boot_ms() + HTTPD_REQUEST_MS, cursor = 0;
	struct buf text = {0};
	json_t *reply, *data;

	(void)connection;
	do {
		reply = clock_boot_ms() < until_ms
			    ? ask_call(ask, "metrics",
				  json_pack("{s:I}", "cursor", cursor))
			    : NULL;
		if ((data = data_of(reply, answer)) != NULL)
			(void)buf_add(&text, json_string_value(data),
			    json_string_length(data));
		cursor = json_integer_value(json_object_get(reply, "next"));
		json_decref(reply);
	} while (data != NULL && cursor != 0);
	if (data != NULL) {
		answer->status = MHD_HTTP_OK;
		answer->type = "text/plain; version=0.0.4; charset=utf-8";
		answer->len = text.len;
		answer->text = buf_take(&text);
	}
	buf_clear(&text);
}

/* ---- /events ---- */

struct query {
	json_t *args; /* of the verb */
	int64_t limit;
	struct httpd_answer *answer; /* filled in when something is wrong */
};

/* The value of an argument for the verb, or NULL. */
static json_t *
read_argument(struct query *query, const char **name, const char *value)
{
	static const char *const texts[] = {
	    "source", "type", "route", "state", NULL};
	int64_t since_ms;

	for (size_t i = 0; texts[i] != NULL; i++)
		if (strcmp(*name, texts[i]) == 0)
			return json_string(value);
	if (strcmp(*name, "since") == 0 &&
	    clock_parse_since(value, &since_ms) == 0 && since_ms >= 0) {
		*name = "since_ms";
		return json_integer(since_ms);
	}
	if (strcmp(*name, "limit") == 0 &&
	    units_number(value, 1, STORE_PAGE_MAX, &query->limit) == 0)
		return json_integer(query->limit);
	return NULL;
}

static enum MHD_Result
take_argument(
    void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query *query = arg;
	json_t *read;

	(void)kind;
	read = value != NULL ? read_argument(query, &name, value) : NULL;
	if (read != NULL && json_object_get(query->args, name) == NULL &&
	    json_object_set_new(query->args, name, read) == 0)
		return MHD_YES;
	json_decref(read);
	httpd_say(query->answer, MHD_HTTP_BAD_REQUEST,
	    "/events takes, once each: source, type (a pattern), route, state, "
	    "since (6h, 2026-11-22 or 2026-11-22T03:00:00Z) and limit (1 to "
	    "%d)",
	    STORE_PAGE_MAX);
	return MHD_NO;
}

/* A page may be short although more follows. */
static void
collect_events(struct ask *ask, struct query *query, json_t *all)
{
	int64_t until_ms = clock_boot_ms() + HTTPD_REQUEST_MS, cursor = 0;
	json_t *reply, *data;

	do {
		(void)json_object_set_new(
		    query->args, "cursor", json_integer(cursor));
		(void)json_object_set_new(query->args, "limit",
		    json_integer(query->limit - (int64_t)json_array_size(all)));
		reply = ask_call(ask, "events", json_deep_copy(query->args));
		if ((data = data_of(reply, query->answer)) != NULL)
			(void)json_array_extend(all, data);
		cursor = json_integer_value(json_object_get(reply, "next"));
		json_decref(reply);
		if (data != NULL && cursor != 0 && clock_boot_ms() > until_ms) {
			httpd_say(query->answer, MHD_HTTP_SERVICE_UNAVAILABLE,
			    "the search takes too long; give since");
			return;
		}
	} while (data != NULL && cursor != 0 &&
		 (int64_t)json_array_size(all) < query->limit);
}

static void
events(struct ask *ask, struct MHD_Connection *connection,
    struct httpd_answer *answer)
{
	struct query query = {json_object(), HTTPD_EVENTS, answer};
	json_t *all = json_array();

	(void)MHD_get_connection_values(
	    connection, MHD_GET_ARGUMENT_KIND, take_argument, &query);
	if (answer->status == 0)
		collect_events(ask, &query, all);
	if (answer->status == 0)
		say_json(answer, MHD_HTTP_OK, all);
	json_decref(query.args);
	json_decref(all);
}

/* ---- /health ---- */

static void
health(struct ask *ask, struct MHD_Connection *connection,
    struct httpd_answer *answer)
{
	json_t *reply = ask_call(ask, "ping", json_object());
	json_t *data = json_object_get(reply, "data"), *object;
	const char *state = json_string_value(json_object_get(data, "state"));
	bool good = state != NULL && strcmp(state, "accepting") == 0;

	(void)connection;
	object = json_pack("{s:s, s:s}", "status", good ? "ok" : "unavailable",
	    "state", "not_answering");
	if (data != NULL)
		(void)json_object_update(object, data);
	say_json(
	    answer, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, object);
	json_decref(object);
	json_decref(reply);
}

httpd_page_fn *
httpd_page(const char *path)
{
	static const struct {
		const char *path;
		httpd_page_fn *page;
	} pages[] = {
	    {"/metrics", metrics},
	    {"/events", events},
	    {"/health", health},
	};

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(pages[i].path, path) == 0)
			return pages[i].page;
	return NULL;
}
