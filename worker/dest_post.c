#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "dest.h"
#include "post_headers.h"
#include "transfer.h"

enum {
	CONNECT_MS = 10000,
	STATUS_TOO_MANY = 429,
	STATUS_UNAVAILABLE = 503,
	STATUS_GONE = 410,
	/* Handles that are kept for the next exchange with the same URL. */
	IDLE_MAX = 16,
};

/* One exchange under way, or what is left of it for the next one. */
struct attempt {
	struct transfer transfer; /* first */
	struct attempt *next;
	struct dest *dest;
	struct store_delivery *delivery;
	CURL *easy;
	char *url;
	CURLU *parsed; /* the same, or NULL */
	struct curl_slist *headers;
	int64_t at_ms;
	int64_t started_ms; /* boot clock */
	struct dest_final final;
	struct buf body;    /* the beginning of the response */
	size_t body_len;    /* of all of it so far */
	size_t headers_len; /* the same of its headers */
	bool answered;      /* a final status and its headers are complete */
	char error[CURL_ERROR_SIZE];
};

struct dest {
	struct dest_context context;
	struct attempt *running;
	struct attempt *idle; /* the latest first */
	size_t n_idle;
};

/* ---- receiving ---- */

static size_t
take_body(const void *p, size_t size, size_t n, void *arg)
{
	struct attempt *attempt = arg;
	size_t len = size * n, room = SPAWN_OUTPUT_MAX - attempt->body.len;

	(void)buf_add(&attempt->body, p, len < room ? len : room);
	attempt->body_len += len;
	return attempt->body_len > DEST_RESPONSE_MAX ? 0 : len;
}

static size_t
take_header(const char *p, size_t size, size_t n, void *arg)
{
	struct attempt *attempt = arg;
	size_t len = size * n;
	long status = 0;

	attempt->headers_len += len;
	if (attempt->headers_len > DEST_RESPONSE_HEADERS_MAX)
		return 0;
	/* The empty line behind the headers; 1xx ones are not the answer. */
	if (len <= 2 && (*p == '\r' || *p == '\n')) {
		curl_easy_getinfo(
		    attempt->easy, CURLINFO_RESPONSE_CODE, &status);
		attempt->answered = status >= 200;
	}
	return len;
}

/* ---- judging ---- */

static void
set_outcome(struct dest_outcome *o, const char *outcome)
{
	snprintf(o->outcome, sizeof(o->outcome), "%s", outcome);
}

static void
judge_error(
    const struct attempt *attempt, CURLcode code, struct dest_outcome *o)
{
	const char *text = attempt->error[0] != '\0' ? attempt->error
						     : curl_easy_strerror(code);

	set_outcome(o, transfer_fault(code));
	if (attempt->headers_len > DEST_RESPONSE_HEADERS_MAX)
		set_outcome(o, "too_large");
	dest_last_line(o->detail, text, strlen(text));
}

static void
judge_redirect(
    const struct attempt *attempt, long status, struct dest_outcome *o)
{
	const char *to = NULL;
	char text[2 * DEST_DETAIL_SIZE];

	set_outcome(o, "redirect");
	curl_easy_getinfo(attempt->easy, CURLINFO_REDIRECT_URL, &to);
	snprintf(text, sizeof(text), "%ld to %.300s", status,
	    to != NULL ? to : "nowhere");
	dest_last_line(o->detail, text, strlen(text));
}

/* An answer decides by its status, even when its body did not end. */
static void
judge_status(const struct attempt *attempt, long status, struct dest_outcome *o)
{
	curl_off_t retry_after = 0;

	snprintf(o->outcome, sizeof(o->outcome), "status:%ld", status);
	dest_last_line(o->detail, o->output, o->output_len);
	if (status >= 200 && status <= 299) {
		o->verdict = DEST_DELIVERED;
		set_outcome(o, "ok");
		return;
	}
	if (status == STATUS_GONE || dest_final_has(&attempt->final, status))
		o->verdict = DEST_FINAL;
	else if (status >= 300 && status <= 399)
		judge_redirect(attempt, status, o);
	if (status == STATUS_TOO_MANY || status == STATUS_UNAVAILABLE) {
		curl_easy_getinfo(
		    attempt->easy, CURLINFO_RETRY_AFTER, &retry_after);
		if (retry_after > 0 && retry_after < INT64_MAX / 1000)
			o->retry_after_ms = retry_after * 1000;
	}
}

/* ---- handles ---- */

/* Parsed once, not in each exchange; what curl_url_set() does not take, libcurl
 * judges in each. */
static void
set_url(struct attempt *attempt)
{
	attempt->parsed = curl_url();
	if (attempt->parsed != NULL &&
	    curl_url_set(attempt->parsed, CURLUPART_URL, attempt->url, 0) ==
		CURLUE_OK)
		curl_easy_setopt(attempt->easy, CURLOPT_CURLU, attempt->parsed);
	else
		curl_easy_setopt(attempt->easy, CURLOPT_URL, attempt->url);
}

/* What is the same in all exchanges with a URL. */
static void
set_options(struct attempt *attempt)
{
	CURL *easy = attempt->easy;

	set_url(attempt);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	/* Nothing from the environment decides where the event goes. */
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "gaff/" GAFF_VERSION);
	curl_easy_setopt(
	    easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Else ending a transfer waits for its thread in getaddrinfo(). */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, attempt->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, attempt);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, attempt);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, attempt);
}

static void
set_event(const struct attempt *attempt, const struct config_route *route)
{
	CURL *easy = attempt->easy;
	const struct event *event = attempt->delivery->event;
	long timeout_ms = (long)route->timeout_ms;

	curl_easy_setopt(
	    easy, CURLOPT_POSTFIELDS, event->body_len > 0 ? event->body : "");
	curl_easy_setopt(
	    easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)event->body_len);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, attempt->headers);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	    timeout_ms < CONNECT_MS ? timeout_ms : (long)CONNECT_MS);
}

static void
attempt_free(struct attempt *attempt)
{
	if (attempt == NULL)
		return;
	curl_easy_cleanup(attempt->easy);
	curl_url_cleanup(attempt->parsed);
	curl_slist_free_all(attempt->headers);
	buf_clear(&attempt->body);
	free(attempt->url);
	free(attempt);
}

/* One with this URL, which may name a user: never one with another. */
static struct attempt *
take_idle(struct dest *dest, const char *url)
{
	struct attempt **link = &dest->idle, *attempt;

	while (*link != NULL && strcmp((*link)->url, url) != 0)
		link = &(*link)->next;
	if ((attempt = *link) == NULL)
		return NULL;
	*link = attempt->next;
	dest->n_idle--;
	return attempt;
}

/* Its exchange is over; the one that has been idle for longest makes room. */
static void
make_idle(struct attempt *attempt)
{
	struct dest *dest = attempt->dest;
	struct attempt **link = &dest->idle;

	curl_slist_free_all(attempt->headers);
	buf_clear(&attempt->body);
	if (dest->n_idle == IDLE_MAX) {
		while ((*link)->next != NULL)
			link = &(*link)->next;
		attempt_free(*link);
		*link = NULL;
		dest->n_idle--;
	}
	*attempt = (struct attempt){.transfer = attempt->transfer,
	    .next = dest->idle,
	    .dest = dest,
	    .easy = attempt->easy,
	    .url = attempt->url,
	    .parsed = attempt->parsed};
	dest->idle = attempt;
	dest->n_idle++;
}

static void ended(struct transfer *transfer, CURLcode code);

/* NULL without memory. */
static struct attempt *
attempt_new(struct dest *dest, const char *url)
{
	struct attempt *attempt = take_idle(dest, url);

	if (attempt != NULL)
		return attempt;
	attempt = calloc(1, sizeof(*attempt));
	if (attempt == NULL)
		return NULL;
	attempt->transfer.ended = ended;
	attempt->dest = dest;
	attempt->url = strdup(url);
	attempt->easy = curl_easy_init();
	if (attempt->url == NULL || attempt->easy == NULL) {
		attempt_free(attempt);
		return NULL;
	}
	set_options(attempt);
	return attempt;
}

/* ---- the life of an exchange ---- */

/* Take it out of the running ones and of the multi. */
static void
detach(struct attempt **link)
{
	struct attempt *attempt = *link;

	*link = attempt->next;
	curl_multi_remove_handle(attempt->dest->context.multi, attempt->easy);
}

static void
finish(struct attempt *attempt, struct dest_outcome *o)
{
	const struct dest_context *context = &attempt->dest->context;

	o->at_ms = attempt->at_ms;
	o->ms = clock_boot_ms() - attempt->started_ms;
	context->done(context->arg, attempt->delivery, o);
	make_idle(attempt);
}

static void
ended(struct transfer *transfer, CURLcode code)
{
	struct attempt *attempt = (struct attempt *)transfer;
	struct dest_outcome o = {.verdict = DEST_RETRY,
	    .output = attempt->body.len > 0 ? attempt->body.p : "",
	    .output_len = attempt->body.len};
	struct attempt **link = &attempt->dest->running;
	long status = 0;

	curl_easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &status);
	if (attempt->answered || code == CURLE_OK)
		judge_status(attempt, status, &o);
	else
		judge_error(attempt, code, &o);
	while (*link != attempt)
		link = &(*link)->next;
	detach(link);
	finish(attempt, &o);
}

/* ---- the seam ---- */

static struct dest *
post_open(const struct dest_context *context)
{
	struct dest *dest = calloc(1, sizeof(*dest));

	if (dest == NULL)
		log_error("no_memory", log_str("for", "dest_post"));
	else
		dest->context = *context;
	return dest;
}

static void
post_close(struct dest *dest)
{
	struct attempt *attempt;

	if (dest == NULL)
		return;
	while ((attempt = dest->running) != NULL) {
		detach(&dest->running);
		store_delivery_free(attempt->delivery);
		attempt_free(attempt);
	}
	while ((attempt = dest->idle) != NULL) {
		dest->idle = attempt->next;
		attempt_free(attempt);
	}
	free(dest);
}

static void
refuse(struct attempt *attempt, const char *error)
{
	struct dest_outcome o = {
	    .verdict = DEST_RETRY, .outcome = "sign_failed", .output = ""};

	dest_last_line(o.detail, error, strlen(error));
	finish(attempt, &o);
}

static int
post_start(struct dest *dest, const struct config_route *route,
    struct store_delivery *delivery)
{
	struct attempt *attempt = attempt_new(dest, route->url);
	char error[POST_HEADERS_ERROR_SIZE] = "";

	if (attempt == NULL)
		return -1;
	attempt->delivery = delivery;
	attempt->at_ms = clock_wall_ms();
	attempt->started_ms = clock_boot_ms();
	dest_final_set(&attempt->final, route);
	attempt->headers = post_headers(route, delivery, attempt->at_ms, error);
	if (attempt->headers == NULL && route->sign != NULL) {
		refuse(attempt, error);
		return 0;
	}
	if (attempt->headers == NULL)
		goto fail;
	set_event(attempt, route);
	if (curl_multi_add_handle(dest->context.multi, attempt->easy) !=
	    CURLM_OK)
		goto fail;
	attempt->next = dest->running;
	dest->running = attempt;
	return 0;
fail:
	attempt_free(attempt);
	return -1;
}

static bool
post_ready(struct dest *dest)
{
	return transfer_ready(dest->context.multi);
}

static void
post_cut(struct dest *dest)
{
	struct dest_outcome o = {.verdict = DEST_CUT, .output = ""};
	struct attempt *attempt;

	while ((attempt = dest->running) != NULL) {
		detach(&dest->running);
		finish(attempt, &o);
	}
}

const struct dest_ops dest_post = {
    .open = post_open,
    .close = post_close,
    .start = post_start,
    .ready = post_ready,
    .cut = post_cut,
};
