#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../shared/clock.h"
#include "../shared/codec.h"
#include "../shared/event.h"
#include "payload.h"
#include "send.h"

enum { HEADERS_MAX = 80 };

struct maker {
	struct send_request *request;
	bool failed;
};

static void
add_header(void *arg, const char *name, const char *value)
{
	struct maker *maker = arg;
	struct buf line = {0};
	struct curl_slist *list = NULL;

	/* curl leaves a header out that ends in a colon; `;` sends it empty */
	if (value[0] != '\0')
		buf_printf(&line, "%s: %s", name, value);
	else
		buf_printf(&line, "%s;", name);
	if (!line.failed)
		list =
		    curl_slist_append(maker->request->headers, buf_str(&line));
	if (list == NULL)
		maker->failed = true;
	else
		maker->request->headers = list;
	buf_clear(&line);
}

static void
add_own_header(struct maker *maker, const char *line)
{
	char name[128];
	size_t len = strcspn(line, ":");
	const char *value = line[len] == ':' ? line + len + 1 : "";

	snprintf(name, sizeof(name), "%.*s", (int)len, line);
	add_header(maker, name, value + strspn(value, " "));
}

/* What the signature may depend on: the headers so far, as scheme wants them,
 * pointing into `lines`, which the caller frees. */
static size_t
header_view(
    const struct curl_slist *list, struct scheme_header *headers, char **lines)
{
	size_t n = 0;

	for (; list != NULL && n < HEADERS_MAX; list = list->next) {
		char *line = strdup(list->data), *value;

		if (line == NULL)
			break;
		lines[n] = line;
		value = line + strcspn(line, ":;");
		if (*value != '\0')
			*value++ = '\0';
		for (char *p = line; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
		headers[n++] = (struct scheme_header){
		    .name = line, .value = value + strspn(value, " ")};
	}
	return n;
}

/* The path of an URL without its query, malloc()ed. */
static char *
url_path(const char *url)
{
	const char *host = strstr(url, "://"), *path;

	host = host != NULL ? host + 3 : url;
	path = strchr(host, '/');
	if (path == NULL)
		return strdup("/");
	return strndup(path, strcspn(path, "?#"));
}

/* A text at a JSON pointer of the body, which must be JSON. */
static int
put_json(struct buf *body, const char *pointer, const char *value)
{
	json_t *root = json_loadb(buf_str(body), body->len, 0, NULL);
	char *text = NULL;

	if (root != NULL && payload_put(&root, pointer, value) == 0)
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (text == NULL)
		return -1;
	buf_reset(body);
	buf_add_str(body, text);
	free(text);
	return body->failed ? -1 : 0;
}

/* A proof that stands in no header: into the URL or the body. */
static void
put_proof(void *arg, const char *place, const char *value)
{
	struct maker *maker = arg;
	struct send_request *request = maker->request;
	int rc = -1;

	if (strncmp(place, "json:", 5) == 0) {
		rc = put_json(&request->body, place + 5, value);
	} else if (strncmp(place, "form:", 5) == 0) {
		rc = payload_add_pair(&request->body, place + 5, value);
	} else if (strncmp(place, "query:", 6) == 0) {
		if (strchr(buf_str(&request->url), '?') == NULL)
			buf_add_char(&request->url, '?');
		rc = payload_add_pair(&request->url, place + 6, value);
	}
	if (rc == 0)
		return;
	fprintf(stderr, "gaff send: the body has no place for %s\n", place);
	maker->failed = true;
}

/* The URL to sign, with what was added to the one that is asked for. */
static int
signed_url(
    const struct send_plan *plan, struct send_request *request, struct buf *out)
{
	const char *added = buf_str(&request->url) + strlen(plan->url);

	buf_add_str(out, plan->signed_url);
	if (*added == '?' && strchr(plan->signed_url, '?') != NULL)
		buf_printf(out, "&%s", added + 1);
	else
		buf_add_str(out, added);
	return buf_str(out) != NULL ? 0 : -1;
}

static int
sign(const struct send_plan *plan, struct maker *maker)
{
	struct send_request *request = maker->request;
	const char *query = strchr(buf_str(&request->url), '?');
	struct scheme_header headers[HEADERS_MAX];
	char *lines[HEADERS_MAX], *path = url_path(plan->url);
	size_t n = header_view(request->headers, headers, lines);
	char error[SCHEME_ERROR_SIZE] = "no memory";
	struct buf url = {0};
	struct scheme_request view = {
	    .method = "POST",
	    .path = path,
	    .query = query != NULL ? query + 1 : "",
	    .content_type = plan->content_type,
	    .headers = headers,
	    .n_headers = n,
	    .body = buf_str(&request->body),
	    .body_len = request->body.len,
	    .now_ms = clock_wall_ms(),
	};
	int result = -1;

	if (signed_url(plan, request, &url) == 0)
		view.url = url.p;
	if (path != NULL && view.url != NULL)
		result = scheme_sign(plan->scheme, plan->keys,
		    &(const struct scheme_signing){
			&view, request->key, add_header, maker, put_proof},
		    error);
	if (result != 0)
		fprintf(stderr, "gaff send: %s: %s\n",
		    scheme_name(plan->scheme), error);
	for (size_t i = 0; i < n; i++)
		free(lines[i]);
	buf_clear(&url);
	free(path);
	return result;
}

/* Whether a place is where the scheme puts its time or id. */
static bool
is_place_of(const struct scheme *scheme, const char *key, const char *place)
{
	const char *value = scheme_get(scheme, key);

	return value != NULL && strcmp(value, place) == 0;
}

/* A header or parameter that is signed and has no value of its own (a nonce, a
 * delivery's id) gets the key. */
static void
add_place(const struct send_plan *plan, struct maker *maker, const char *place)
{
	struct send_request *request = maker->request;
	bool is_time = is_place_of(plan->scheme, "timestamp", place);
	char seconds[24];

	if (strncmp(place, "header:", 7) == 0 && !is_time &&
	    !is_place_of(plan->scheme, "id", place)) {
		add_header(maker, place + 7, request->key);
	} else if (strncmp(place, "query:", 6) == 0) {
		snprintf(seconds, sizeof(seconds), "%" PRId64,
		    clock_wall_ms() / 1000);
		put_proof(maker, place, is_time ? seconds : request->key);
	}
}

/* A header with the names of those that are signed: "{signed_headers:PLACE
 * NAME…}". */
static void
add_names(struct maker *maker, const char *text)
{
	size_t len = strcspn(text, " }");
	char name[128], names[256];

	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	text += len + (text[len] == ' ');
	snprintf(names, sizeof(names), "%.*s", (int)strcspn(text, "}"), text);
	for (char *p = names; *p != '\0'; p++)
		if (*p == ' ')
			*p = ',';
	add_header(maker, name, names);
}

/* What the template names and nothing else has put in. */
static void
add_signed(const struct send_plan *plan, struct maker *maker)
{
	static const char list[] = "signed_headers:header:";
	static const char sorted[] = "sorted_with_secret:";
	const char *p = scheme_get(plan->scheme, "template");
	char place[128];

	while (p != NULL && *p != '\0') {
		size_t len = strcspn(p, "{} ");

		if (strncmp(p, list, strlen(list)) == 0) {
			add_names(maker, p + strlen(list));
			len = strcspn(p, "}");
		} else {
			size_t skip = strncmp(p, sorted, strlen(sorted)) == 0
					  ? strlen(sorted)
					  : 0;

			snprintf(place, sizeof(place), "%.*s",
			    (int)(len - skip), p + skip);
			add_place(plan, maker, place);
		}
		p += len + (p[len] != '\0');
	}
}

/* Whether the URL that is asked for has this parameter. */
static bool
has_parameter(const char *url, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = strchr(url, '?'); p != NULL; p = strchr(p, '&')) {
		p++;
		if (strncmp(p, name, len) == 0 && p[len] == '=')
			return true;
	}
	return false;
}

/* Parameters that must have the digest of the body: "query:NAME=
 * {sha256hex_body}". */
static void
add_digests(const struct send_plan *plan, struct maker *maker)
{
	static const char tail[] = "={sha256hex_body}";
	const struct buf *body = &maker->request->body;
	uint8_t digest[EVENT_SHA256_LEN];
	struct buf hex = {0};
	const char *value;
	char place[128];

	if (event_digest(body->p, body->len, digest) != 0 ||
	    codec_encode(CODEC_HEX, digest, sizeof(digest), &hex) != 0)
		maker->failed = true;
	for (size_t i = 0;
	     (value = scheme_value(plan->scheme, "require", i)) != NULL; i++) {
		const char *end = strstr(value, tail);

		if (end == NULL || strncmp(value, "query:", 6) != 0 ||
		    maker->failed)
			continue;
		snprintf(
		    place, sizeof(place), "%.*s", (int)(end - value), value);
		if (!has_parameter(plan->url, place + strlen("query:")))
			put_proof(maker, place, buf_str(&hex));
	}
	buf_clear(&hex);
}

static int
make_body(const struct send_plan *plan, struct send_request *request)
{
	if (plan->body != NULL)
		return buf_add(&request->body, plan->body->p, plan->body->len);
	return sample_body(plan->sample, plan->type, request->key,
	    clock_wall_ms(), &request->body);
}

int
send_make(const struct send_plan *plan, struct send_request *request)
{
	struct maker maker = {.request = request};

	send_request_clear(request);
	if (plan->key != NULL)
		snprintf(request->key, sizeof(request->key), "%s", plan->key);
	else if (sample_key(plan->sample, request->key) != 0)
		goto fail;
	if (make_body(plan, request) != 0 ||
	    buf_add_str(&request->url, plan->url) != 0 ||
	    buf_str(&request->body) == NULL)
		goto fail;
	add_header(&maker, "Content-Type", plan->content_type);
	add_header(&maker, "User-Agent", "gaff/" GAFF_VERSION);
	for (size_t i = 0; i < plan->headers->n; i++)
		add_own_header(&maker, plan->headers->items[i]);
	scheme_describe_event(
	    plan->scheme, request->key, plan->type, add_header, &maker);
	add_signed(plan, &maker);
	add_digests(plan, &maker);
	if (maker.failed)
		goto fail;
	if (plan->keys != NULL && sign(plan, &maker) != 0)
		return -1;
	/* curl would wait a second for a 100 otherwise */
	if (!maker.failed &&
	    curl_slist_append(request->headers, "Expect:") != NULL)
		return 0;
fail:
	fputs("gaff send: no memory for a request\n", stderr);
	return -1;
}

void
send_request_clear(struct send_request *request)
{
	curl_slist_free_all(request->headers);
	buf_clear(&request->url);
	buf_clear(&request->body);
	*request = (struct send_request){0};
}
