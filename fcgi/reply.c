#include "reply.h"

#include <stdlib.h>
#include <string.h>

static const char json_type[] = "application/json";
static const char problem_type[] = "application/problem+json";
static const char text_type[] = "text/plain; charset=utf-8";

static void
put_status(struct buf *out, int status)
{
	(void)buf_add_str(out, "Status: ");
	(void)buf_add_int(out, status);
	(void)buf_add_char(out, ' ');
	(void)buf_add_str(out, refusal_title(status));
	(void)buf_add_str(out, "\r\n");
}

/* End the header lines and append the body. */
static int
put_body(struct buf *out, const char *type, const char *body, size_t len)
{
	if (len > REPLY_BODY_MAX)
		len = REPLY_BODY_MAX;
	if (len > 0) {
		(void)buf_add_str(out, "Content-Type: ");
		(void)buf_add_str(out, type);
		(void)buf_add_str(out, "\r\n");
	}
	(void)buf_add_str(out, "Content-Length: ");
	(void)buf_add_int(out, (int64_t)len);
	(void)buf_add_str(out, "\r\n\r\n");
	return buf_add(out, body, len);
}

/* "revived":["a","b"], as many names as there is room for. */
static void
put_revived(struct buf *body, const char *names)
{
	bool first = true;

	(void)buf_add_str(body, ",\"revived\":[");
	while (*names != '\0' && body->len < REPLY_BODY_MAX / 2) {
		size_t len = strcspn(names, ",");

		(void)buf_add_str(body, first ? "\"" : ",\"");
		(void)buf_add_json(body, names, len);
		(void)buf_add_char(body, '"');
		names += len;
		names += *names == ',';
		first = false;
	}
	(void)buf_add_char(body, ']');
}

static void
put_own(struct buf *body, const struct reply_accepted *accepted)
{
	(void)buf_add_str(body, "{\"status\":\"");
	(void)buf_add_str(body, accepted->duplicate ? "duplicate" : "accepted");
	(void)buf_add_str(body, "\",\"id\":\"");
	(void)buf_add_str(body, accepted->id);
	(void)buf_add_char(body, '"');
	if (accepted->duplicate && accepted->revived[0] != '\0')
		put_revived(body, accepted->revived);
	(void)buf_add_str(body, "}\n");
}

/* Whether a source's answers have no body: `response_body = none`. */
static bool
is_silent(const struct config_source *source)
{
	return source != NULL && source->response_body != NULL &&
	       strcmp(source->response_body, "none") == 0;
}

int
reply_accepted(struct buf *out, const struct reply_accepted *accepted)
{
	const struct config_source *source = accepted->source;
	struct buf own = {0};
	int rc = -1;

	put_status(out, source->response_status);
	(void)buf_add_str(out, "gaff-event-id: ");
	(void)buf_add_str(out, accepted->id);
	(void)buf_add_str(out, "\r\n");
	if (source->response_status == 204) {
		rc = buf_add_str(out, "\r\n");
	} else if (is_silent(source)) {
		rc = put_body(out, "", "", 0);
	} else if (source->response_body != NULL) {
		rc = put_body(out,
		    source->response_type != NULL ? source->response_type
						  : text_type,
		    source->response_body, strlen(source->response_body));
	} else {
		put_own(&own, accepted);
		if (!own.failed)
			rc = put_body(out, json_type, own.p, own.len);
	}
	buf_clear(&own);
	return rc;
}

/* Headers that a status asks for (RFC 9110). */
static void
put_extra(struct buf *out, int status, const struct reply_refused *refused)
{
	if (status == 401)
		(void)buf_printf(out,
		    "WWW-Authenticate: Signature realm=\"%s\"\r\n",
		    refused->source != NULL ? refused->source->name : "gaff");
	if (status == 405)
		(void)buf_printf(out, "Allow: %s\r\n", refused->allow);
	if (status == 429 || status == 503)
		(void)buf_printf(out, "Retry-After: %d\r\n", REPLY_RETRY_S);
}

int
reply_status(const struct reply_refused *refused)
{
	int status = refusal_row(refused->refusal)->status;
	const char *own = NULL;

	if (status == 401 && refused->source != NULL)
		own = scheme_get(refused->source->scheme, "refused_status");
	return own != NULL ? (int)strtol(own, NULL, 10) : status;
}

int
reply_refused(struct buf *out, const struct reply_refused *refused)
{
	const struct refusal_row *row = refusal_row(refused->refusal);
	int status = reply_status(refused);
	struct buf body = {0};
	int rc = -1;

	put_status(out, status);
	put_extra(out, status, refused);
	if (is_silent(refused->source))
		return put_body(out, "", "", 0);
	(void)buf_printf(&body,
	    "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
	    "\"code\":\"%s\",\"detail\":\"%s\",\"instance\":\"urn:uuid:%s\"}\n",
	    refusal_title(status), status, row->code, row->detail, refused->id);
	if (!body.failed)
		rc = put_body(out, problem_type, body.p, body.len);
	buf_clear(&body);
	return rc;
}

int
reply_handshake(struct buf *out, struct scheme_answer *answer)
{
	const char *type = buf_str(&answer->type);

	if (type == NULL || answer->body.failed)
		return -1;
	put_status(out, answer->status);
	(void)buf_add(out, answer->headers.p ? answer->headers.p : "",
	    answer->headers.len);
	/* what is echoed here is never a page */
	(void)buf_add_str(out, "X-Content-Type-Options: nosniff\r\n");
	return put_body(out, *type != '\0' ? type : text_type,
	    answer->body.p != NULL ? answer->body.p : "", answer->body.len);
}

int
reply_health(struct buf *out, bool good)
{
	const char *text = good ? "ok\n" : "unavailable\n";

	put_status(out, good ? 200 : 503);
	if (!good)
		(void)buf_printf(out, "Retry-After: %d\r\n", REPLY_RETRY_S);
	return put_body(out, text_type, text, strlen(text));
}
