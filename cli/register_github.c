/*
 * GitHub: https://docs.github.com/en/rest/repos/webhooks
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "../shared/buf.h"
#include "register.h"
#include "rest.h"

enum { PER_PAGE = 100, PAGES_MAX = 100, MESSAGE_MAX = 200 };

/* ---- what is said ---- */

/* "push,issues" as an array. */
static json_t *
list_events(const char *events)
{
	json_t *list = json_array();

	while (list != NULL && *events != '\0') {
		size_t len = strcspn(events, ",");

		if (len > 0)
			json_array_append_new(list, json_stringn(events, len));
		events += len + (events[len] == ',');
	}
	return list;
}

json_t *
register_github_body(const struct register_hook *hook, bool is_new)
{
	const char *events = hook->events;
	json_t *body = json_pack("{s:b, s:{s:s, s:s, s:s, s:s%}}", "active", 1,
	    "config", "url", hook->url, "content_type", "json", "insecure_ssl",
	    "0", "secret", (const char *)hook->secret->p, hook->secret->len);

	if (body != NULL && is_new) {
		json_object_set_new(body, "name", json_string("web"));
		if (events == NULL)
			events = "push";
	}
	if (body != NULL && events != NULL)
		json_object_set_new(body, "events", list_events(events));
	return body;
}

/* ---- what is answered ---- */

int64_t
register_github_find(const json_t *hooks, const char *url)
{
	const json_t *hook;
	size_t i;

	json_array_foreach(hooks, i, hook)
	{
		const json_t *config = json_object_get(hook, "config");
		const char *its =
		    json_string_value(json_object_get(config, "url"));

		if (its != NULL && strcmp(its, url) == 0)
			return json_integer_value(json_object_get(hook, "id"));
	}
	return 0;
}

const char *
register_github_meaning(int status)
{
	static const struct {
		int status;
		const char *meaning;
	} rows[] = {
	    {301, "the repository has another name now"},
	    {401, "the token is not good"},
	    {403, "the token may not do this, or did too much: it needs "
		  "read and write access to webhooks"},
	    {404, "there is no such repository, or the token has no admin "
		  "rights there: it needs admin:repo_hook, or read and write "
		  "access to webhooks"},
	    {422, "it does not take this hook"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].meaning;
	return "it failed";
}

/* Foreign text, cut, without what could move a terminal. */
static void
print_foreign(const char *text)
{
	fputs(": ", stderr);
	for (size_t i = 0; text[i] != '\0' && i < MESSAGE_MAX; i++)
		fputc((unsigned char)text[i] < ' ' || text[i] == 127 ? '?'
								     : text[i],
		    stderr);
}

static int
complain(const struct register_hook *hook, int status, const json_t *answer)
{
	const char *message =
	    json_string_value(json_object_get(answer, "message"));
	const json_t *error;
	size_t i;

	fprintf(stderr, "gaff register: GitHub answers %d for %s: %s", status,
	    hook->place, register_github_meaning(status));
	if (message != NULL)
		print_foreign(message);
	json_array_foreach(json_object_get(answer, "errors"), i, error)
	{
		message = json_string_value(json_object_get(error, "message"));
		if (message != NULL)
			print_foreign(message);
	}
	fputc('\n', stderr);
	return -1;
}

/* ---- the requests ---- */

/* The URL of the repository's hooks. */
static void
set_url(struct buf *url, const struct register_hook *hook)
{
	buf_reset(url);
	(void)buf_printf(url, "%s/repos/%s/hooks", hook->api, hook->place);
}

/* The id of the hook that is there already, or 0; -1 after a sentence. */
static int64_t
find_hook(const struct rest *rest, const struct register_hook *hook)
{
	struct buf url = {0};
	int64_t id = 0;
	size_t n = PER_PAGE;

	for (int page = 1; id == 0 && n == PER_PAGE && page <= PAGES_MAX;
	     page++) {
		struct rest_request request = {.method = "GET"};
		json_t *answer;
		int status;

		set_url(&url, hook);
		(void)buf_printf(&url, "?per_page=%d&page=%d", PER_PAGE, page);
		request.url = buf_str(&url);
		status = rest_call(rest, &request, &answer);
		if (status == 200)
			id = register_github_find(answer, hook->url);
		else
			id = -1;
		if (status != 200 && status != -1)
			(void)complain(hook, status, answer);
		n = json_array_size(answer);
		json_decref(answer);
	}
	buf_clear(&url);
	return id;
}

/* Create it, or update the one with this id. */
static int
put_hook(const struct rest *rest, const struct register_hook *hook, int64_t id)
{
	json_t *body = register_github_body(hook, id == 0), *answer = NULL;
	struct buf url = {0};
	struct rest_request request = {
	    .method = id == 0 ? "POST" : "PATCH", .body = body};
	int status = -1;

	if (body == NULL) {
		fputs("gaff register: GitHub takes secrets that are text\n",
		    stderr);
		return -1;
	}
	set_url(&url, hook);
	if (id != 0)
		(void)buf_printf(&url, "/%lld", (long long)id);
	request.url = buf_str(&url);
	status = rest_call(rest, &request, &answer);
	if (status == 200 || status == 201)
		printf("%s hook %lld of %s: %s\n",
		    id == 0 ? "created" : "updated",
		    (long long)json_integer_value(
			json_object_get(answer, "id")),
		    hook->place, hook->url);
	else if (status != -1)
		(void)complain(hook, status, answer);
	json_decref(body);
	json_decref(answer);
	buf_clear(&url);
	return status == 200 || status == 201 ? 0 : -1;
}

int
register_github(const struct register_hook *hook)
{
	struct buf token = {0};
	int result = -1;

	if (buf_printf(&token, "Authorization: Bearer %s",
		(const char *)hook->token->p) == 0) {
		const char *const headers[] = {buf_str(&token),
		    "Accept: application/vnd.github+json",
		    "Content-Type: application/json",
		    "X-GitHub-Api-Version: 2022-11-28", NULL};
		const struct rest rest = {"register", headers};
		int64_t id = find_hook(&rest, hook);

		result = id >= 0 ? put_hook(&rest, hook, id) : -1;
		OPENSSL_cleanse(token.p, token.cap);
	}
	buf_clear(&token);
	return result;
}
