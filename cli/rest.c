#include "rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

static size_t
take_answer(char *p, size_t size, size_t n, void *arg)
{
	struct buf *answer = arg;

	if (answer->len + size * n > REST_ANSWER_MAX ||
	    buf_add(answer, p, size * n) != 0)
		return 0;
	return size * n;
}

static struct curl_slist *
make_headers(const struct rest *rest)
{
	struct curl_slist *list = NULL, *more;

	for (size_t i = 0; rest->headers[i] != NULL; i++) {
		more = curl_slist_append(list, rest->headers[i]);
		if (more == NULL)
			break;
		list = more;
	}
	return list;
}

/* The status, or 0 with a sentence in `error`. */
static long
perform(CURL *easy, const struct rest_request *request, struct buf *answer,
    char error[CURL_ERROR_SIZE])
{
	CURLcode code;
	long status = 0;

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)REST_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "gaff/" GAFF_VERSION);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
	code = curl_easy_perform(easy);
	if (code != CURLE_OK && error[0] == '\0')
		snprintf(
		    error, CURL_ERROR_SIZE, "%s", curl_easy_strerror(code));
	if (code == CURLE_OK)
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

int
rest_call(const struct rest *rest, const struct rest_request *request,
    json_t **answer)
{
	char error[CURL_ERROR_SIZE] = "";
	char *text = NULL;
	struct buf got = {0};
	CURL *easy = curl_easy_init();
	struct curl_slist *headers = make_headers(rest);
	long status = 0;

	*answer = NULL;
	if (request->body != NULL)
		text = json_dumps(request->body, JSON_COMPACT);
	if (easy != NULL && headers != NULL &&
	    (text != NULL || request->body == NULL)) {
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
		if (text != NULL)
			curl_easy_setopt(easy, CURLOPT_POSTFIELDS, text);
		status = perform(easy, request, &got, error);
	} else {
		snprintf(error, sizeof(error), "no memory");
	}
	if (status != 0 && got.len > 0)
		*answer = json_loadb(got.p, got.len, 0, NULL);
	if (status == 0)
		fprintf(stderr, "gaff %s: %s: %s\n", rest->verb, request->url,
		    error);
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
	buf_clear(&got);
	return status != 0 ? (int)status : -1;
}
