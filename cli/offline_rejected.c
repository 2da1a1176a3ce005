#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/codec.h"
#include "call.h"
#include "cmd.h"
#include "offline.h"
#include "out.h"

static int
no_memory(void)
{
	fputs("gaff verify: no memory\n", stderr);
	return CMD_FAILED;
}

static int
read_headers(const json_t *item, struct offline *offline)
{
	json_t *headers = json_object_get(item, "headers");
	struct scheme_request *request = &offline->request;
	const char *name;
	const json_t *value;

	json_object_foreach(headers, name, value)
	{
		size_t i = request->n_headers, len = strlen(name) + 1;
		char *text;

		if (i == OPTION_LIST_MAX || !json_is_string(value))
			continue;
		text = malloc(len + json_string_length(value) + 1);
		if (text == NULL)
			return no_memory();
		memcpy(text, name, len);
		memcpy(text + len, json_string_value(value),
		    json_string_length(value) + 1);
		offline->texts[i] = text;
		offline->headers[i] = (struct scheme_header){text, text + len};
		request->n_headers++;
	}
	request->headers = offline->headers;
	return CMD_DONE;
}

/* "PUBLIC-URL?QUERY" and the path, in one piece of memory. */
static int
read_url(const json_t *item, const char *public_url, struct offline *offline)
{
	const char *query = out_member(item, "query");
	const char *path = out_member(item, "path");
	struct buf text = {0};
	size_t url, parameters;

	(void)buf_add(&text, path, strlen(path) + 1);
	url = text.len;
	if (public_url != NULL)
		(void)buf_printf(&text, "%s%s%s", public_url,
		    *query != '\0' ? "?" : "", query);
	(void)buf_add_char(&text, '\0');
	parameters = text.len;
	(void)buf_add_str(&text, query);
	offline->path = buf_take(&text);
	if (offline->path == NULL)
		return no_memory();
	offline->request.path = offline->path;
	offline->request.url = offline->path + url;
	offline->request.query = offline->path + parameters;
	return CMD_DONE;
}

static int
read_body(const json_t *item, struct offline *offline)
{
	const char *base64 = out_member(item, "body_base64");

	if (codec_decode(
		CODEC_BASE64, base64, strlen(base64), &offline->body) != 0)
		return no_memory();
	offline->request.body = buf_str(&offline->body);
	offline->request.body_len = offline->body.len;
	return CMD_DONE;
}

int
offline_rejected(const json_t *item, struct offline *offline)
{
	const char *name = out_member(item, "source");
	struct scheme_request *request = &offline->request;
	const struct config_source *source;
	int status;

	memset(offline, 0, sizeof(*offline));
	offline->config = call_load(CONFIG_ROLE_GATEWAY);
	if (offline->config == NULL)
		return CMD_FAILED;
	source = config_source(offline->config, name);
	if (source == NULL) {
		fprintf(stderr, "gaff verify: there is no source \"%s\" now\n",
		    name);
		return CMD_FAILED;
	}
	offline->scheme = source->scheme;
	offline->keys = source->keys;
	offline->n_secrets = source->n_secrets;
	request->method = out_member(item, "method");
	request->content_type = out_member(item, "content_type");
	request->now_ms = out_number(item, "received_ms");
	status = read_headers(item, offline);
	if (status == CMD_DONE)
		status = read_url(item, source->public_url, offline);
	return status == CMD_DONE ? read_body(item, offline) : status;
}
