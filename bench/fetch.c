/*
 * fetch - the bare limit of `post`: a libcurl multi handle that posts a file
 * to a server on this machine, for ever
 *
 *	fetch PORT AT_ONCE SECONDS FILE
 *
 * Prints how many were answered 200 a second, as JSON; any other answer is a
 * failure.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <curl/curl.h>

enum { BODY_MAX = 1 << 20, WAIT_MS = 1000 };

static char body[BODY_MAX];
static size_t body_len;

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
fail(const char *what)
{
	fprintf(stderr, "fetch: %s\n", what);
	exit(1);
}

static size_t
ignore(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static void
add(CURLM *multi, const char *url, struct curl_slist *headers)
{
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		fail("no memory");
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body_len);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
	if (curl_multi_add_handle(multi, easy) != CURLM_OK)
		fail("no handle");
}

/* Note what has ended and offer it again; returns how many. */
static long
again(CURLM *multi)
{
	CURLMsg *message;
	int left;
	long n = 0;

	while ((message = curl_multi_info_read(multi, &left)) != NULL) {
		CURL *easy = message->easy_handle;
		long status = 0;

		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		if (message->data.result != CURLE_OK || status != 200)
			fail(curl_easy_strerror(message->data.result));
		curl_multi_remove_handle(multi, easy);
		curl_multi_add_handle(multi, easy);
		n++;
	}
	return n;
}

static void
read_body(const char *path)
{
	FILE *f = fopen(path, "re");

	if (f == NULL)
		fail(path);
	body_len = fread(body, 1, sizeof(body), f);
	fclose(f);
}

int
main(int argc, char **argv)
{
	struct curl_slist *headers;
	char url[64];
	double begin, seconds;
	CURLM *multi;
	long n = 0;
	int running;

	if (argc != 5)
		fail("usage: fetch PORT AT_ONCE SECONDS FILE");
	read_body(argv[4]);
	snprintf(url, sizeof(url), "http://127.0.0.1:%s/", argv[1]);
	curl_global_init(CURL_GLOBAL_ALL);
	headers = curl_slist_append(NULL, "Content-Type: application/json");
	/* not to wait for "100 Continue" */
	headers = curl_slist_append(headers, "Expect:");
	multi = curl_multi_init();
	for (long i = strtol(argv[2], NULL, 10); i > 0; i--)
		add(multi, url, headers);
	seconds = strtod(argv[3], NULL);
	for (begin = now_s(); now_s() - begin < seconds;) {
		long ended;

		curl_multi_perform(multi, &running);
		ended = again(multi);
		n += ended;
		/* what was added again is begun by the next perform */
		if (ended == 0)
			curl_multi_poll(multi, NULL, 0, WAIT_MS, NULL);
	}
	printf("{\"value\": %.1f}\n", (double)n / (now_s() - begin));
	return 0;
}
