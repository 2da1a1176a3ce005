#include "fetch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "../shared/wire.h"
#include "transfer.h"

enum { STATUS_OK = 200, SECONDS_MAX = 1 << 30 };

/* One under way. */
struct one {
	struct transfer transfer; /* first */
	struct one *next;
	struct fetch *fetch;
	CURL *easy;
	char *url;
	struct buf bytes;
	int64_t started_ms; /* boot clock */
	char error[CURL_ERROR_SIZE];
};

struct fetch {
	CURLM *multi;
	fetch_done_fn *done;
	void *arg;
	struct one *running;
};

/* ---- how long it is fresh ---- */

/* The next directive of a Cache-Control header, without blanks around it. */
static const char *
next_directive(const char **text, size_t *len)
{
	const char *p = *text + strspn(*text, " \t,");

	*len = strcspn(p, ",");
	*text = p + *len;
	while (*len > 0 && (p[*len - 1] == ' ' || p[*len - 1] == '\t'))
		(*len)--;
	return *len > 0 ? p : NULL;
}

static int64_t
seconds(const char *p, size_t len)
{
	int64_t value = 0;

	for (size_t i = 0; i < len && isdigit((unsigned char)p[i]); i++)
		if (value < SECONDS_MAX)
			value = value * 10 + (p[i] - '0');
	return value;
}

int64_t
fetch_fresh_ms(const char *cache_control)
{
	static const char max_age[] = "max-age=";
	int64_t ms = FETCH_DEFAULT_MS;
	const char *p;
	size_t len;

	while (cache_control && (p = next_directive(&cache_control, &len))) {
		if (len > strlen(max_age) &&
		    strncasecmp(p, max_age, strlen(max_age)) == 0)
			ms = 1000 * seconds(p + strlen(max_age),
					len - strlen(max_age));
		else if (len == 8 && (strncasecmp(p, "no-store", 8) == 0 ||
					 strncasecmp(p, "no-cache", 8) == 0))
			return FETCH_MIN_MS;
	}
	if (ms < FETCH_MIN_MS)
		return FETCH_MIN_MS;
	return ms > FETCH_MAX_MS ? FETCH_MAX_MS : ms;
}

/* ---- the life of one ---- */

static void
one_free(struct one *one)
{
	if (one == NULL)
		return;
	curl_easy_cleanup(one->easy);
	free(one->url);
	buf_clear(&one->bytes);
	free(one);
}

static void
detach(struct one **link)
{
	struct one *one = *link;

	*link = one->next;
	curl_multi_remove_handle(one->fetch->multi, one->easy);
}

/* Why it failed, for people, in `out`; NULL: it did not. */
static const char *
judge(const struct one *one, CURLcode code, char out[FETCH_ERROR_SIZE])
{
	long status = 0;

	curl_easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_WRITE_ERROR || code == CURLE_FILESIZE_EXCEEDED)
		(void)snprintf(
		    out, FETCH_ERROR_SIZE, "over %d bytes", (int)WIRE_BLOB_MAX);
	else if (code != CURLE_OK)
		(void)snprintf(out, FETCH_ERROR_SIZE, "%s: %s",
		    transfer_fault(code),
		    one->error[0] != '\0' ? one->error
					  : curl_easy_strerror(code));
	else if (status != STATUS_OK)
		(void)snprintf(out, FETCH_ERROR_SIZE, "status:%ld", status);
	else if (one->bytes.failed)
		(void)snprintf(out, FETCH_ERROR_SIZE, "no memory");
	else
		return NULL;
	return out;
}

static void
ended(struct transfer *transfer, CURLcode code)
{
	struct one *one = (struct one *)transfer;
	const struct fetch *fetch = one->fetch;
	struct one **link = &one->fetch->running;
	char error[FETCH_ERROR_SIZE];
	struct curl_header *header = NULL;
	struct fetch_result result = {.url = one->url,
	    .error = judge(one, code, error),
	    .ms = clock_boot_ms() - one->started_ms};

	if (curl_easy_header(one->easy, "Cache-Control", 0, CURLH_HEADER, -1,
		&header) != CURLHE_OK)
		header = NULL;
	result.fresh_ms = fetch_fresh_ms(header != NULL ? header->value : NULL);
	if (result.error == NULL) {
		result.bytes = one->bytes;
		one->bytes = (struct buf){0};
	}
	fetch->done(fetch->arg, &result);
	buf_clear(&result.bytes);
	while (*link != one)
		link = &(*link)->next;
	detach(link);
	one_free(one);
}

/* ---- receiving ---- */

static size_t
take_body(const void *p, size_t size, size_t n, void *arg)
{
	struct one *one = arg;
	size_t len = size * n;

	if (one->bytes.len + len > WIRE_BLOB_MAX)
		return 0;
	(void)buf_add(&one->bytes, p, len);
	return len;
}

static void
set_options(const struct one *one, const struct fetch_options *options)
{
	CURL *easy = one->easy;
	long timeout_ms = (long)options->timeout_ms;

	curl_easy_setopt(easy, CURLOPT_URL, one->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	/* Nothing from the environment decides where keys come from. */
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(
	    easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (options->ca_file != NULL)
		curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "gaff/" GAFF_VERSION);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	curl_easy_setopt(
	    easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)WIRE_BLOB_MAX);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Else ending a transfer waits for its thread in getaddrinfo(). */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, one->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, one);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, one);
}

/* ---- from outside ---- */

int
fetch_start(struct fetch *fetch, const struct fetch_options *options)
{
	struct one *one = calloc(1, sizeof(*one));

	if (one == NULL)
		return -1;
	one->transfer.ended = ended;
	one->fetch = fetch;
	one->started_ms = clock_boot_ms();
	one->url = strdup(options->url);
	one->easy = curl_easy_init();
	if (one->url == NULL || one->easy == NULL)
		goto fail;
	set_options(one, options);
	if (curl_multi_add_handle(fetch->multi, one->easy) != CURLM_OK)
		goto fail;
	one->next = fetch->running;
	fetch->running = one;
	return 0;
fail:
	one_free(one);
	return -1;
}

struct fetch *
fetch_open(CURLM *multi, fetch_done_fn *done, void *arg)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));

	if (fetch == NULL) {
		log_error("no_memory", log_str("for", "fetch"));
		return NULL;
	}
	*fetch = (struct fetch){.multi = multi, .done = done, .arg = arg};
	return fetch;
}

void
fetch_close(struct fetch *fetch)
{
	struct one *one;

	if (fetch == NULL)
		return;
	while ((one = fetch->running) != NULL) {
		detach(&fetch->running);
		one_free(one);
	}
	free(fetch);
}
