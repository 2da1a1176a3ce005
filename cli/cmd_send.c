/* gaff send: a webhook, or many, as a provider would send them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "cmd.h"
#include "file.h"
#include "offline.h"
#include "out.h"
#include "send.h"
#include "url.h"

static struct option_list headers, params;
static struct send_plan plan = {
    .headers = &headers, .count = 1, .concurrency = 0};
static const char *source_name, *scheme_option, *secret_text, *to, *body_path;
static bool json, probe;

static const struct option_spec specs[] = {
    {"source", OPTION_TEXT, &source_name, "NAME",
	"as this source's provider: its scheme, secret and URL"},
    {"scheme", OPTION_TEXT, &scheme_option, "NAME", "as this provider"},
    {"secret", OPTION_TEXT, &secret_text, "SECRET",
	"file:PATH, env:NAME, base64:TEXT or the bare text"},
    {"param", OPTION_LIST, &params, "NAME=VALUE",
	"list; a {param:NAME} of the --scheme"},
    {"to", OPTION_TEXT, &to, "URL",
	"send there; an origin gets the source's path appended"},
    {"type", OPTION_TEXT, &plan.type, "TYPE", "type of the event"},
    {"key", OPTION_TEXT, &plan.key, "ID",
	"the provider's id; default a fresh one each"},
    {"header", OPTION_LIST, &headers, "'NAME: VALUE'", "one more header"},
    {"content-type", OPTION_TEXT, &plan.content_type, "TYPE",
	"content type of the body"},
    {"body", OPTION_TEXT, &body_path, "FILE",
	"this body; - is standard input; default a realistic sample"},
    {"count", OPTION_NUMBER, &plan.count, "N", "so many requests (1)"},
    {"rate", OPTION_NUMBER, &plan.rate, "N", "so many a second"},
    {"concurrency", OPTION_NUMBER, &plan.concurrency, "N",
	"at most so many at once (8)"},
    {"insecure", OPTION_FLAG, &plan.insecure, NULL, "take any certificate"},
    {"probe", OPTION_FLAG, &probe, NULL,
	"only ask whether the endpoint answers; nothing is sent"},
    {"json", OPTION_FLAG, &json, NULL, "print the summary as JSON"},
    {0},
};

static const struct options options = {
    .verb = "send",
    .operands = "",
    .about = "Sends a webhook as a provider would, each signed freshly.  Needs "
	     "--source NAME, or\n--scheme NAME --secret SECRET --to URL.  "
	     "Exit status 1 when any answer was no 2xx.",
    .specs = specs,
};

/* What was opened for the plan. */
struct made {
	struct config *config;
	struct scheme *scheme;    /* with --param */
	struct scheme_keys *keys; /* from --secret */
	struct sample sample;
	struct buf url;
	struct buf signed_url;
	struct buf body;
};

/* ---- where to ---- */

static int
set_url(const struct config_source *source, struct made *made)
{
	const char *path = source != NULL ? source->path : "/";
	const char *public_url = source != NULL ? source->public_url : NULL;
	const char *query;

	if (to == NULL && public_url == NULL)
		return options_complain(&options,
		    source != NULL ? "the source has no public_url; needs --to"
				   : "needs --to");
	(void)url_add(&made->url, to != NULL ? to : public_url, path);
	/* the gateway takes public_url as it stands, and the query it got */
	query = to != NULL ? strchr(to, '?') : NULL;
	if (public_url == NULL)
		(void)url_add(&made->signed_url, to, path);
	else
		buf_printf(&made->signed_url, "%s%s", public_url,
		    query != NULL ? query : "");
	plan.url = buf_str(&made->url);
	plan.signed_url = buf_str(&made->signed_url);
	if (plan.url == NULL || plan.signed_url == NULL)
		return CMD_FAILED;
	if (strncmp(plan.url, "http://", 7) != 0 &&
	    strncmp(plan.url, "https://", 8) != 0)
		return options_complain(
		    &options, "--to takes http:// or https://, not \"%s\"", to);
	return CMD_DONE;
}

/* ---- as whom ---- */

static int
use_source(struct made *made)
{
	const struct config_source *source;

	made->config = call_load(CONFIG_ROLE_GATEWAY);
	if (made->config == NULL)
		return CMD_FAILED;
	source = config_source(made->config, source_name);
	if (source == NULL) {
		fprintf(stderr, "gaff send: there is no source \"%s\"\n",
		    source_name);
		return CMD_FAILED;
	}
	plan.scheme = source->scheme;
	plan.keys = scheme_is_none(source->scheme) ? NULL : source->keys;
	return set_url(source, made);
}

/* A copy of --scheme with each --param. */
static int
open_scheme(struct made *made)
{
	const struct scheme *scheme =
	    offline_scheme("send", scheme_option, &made->config);
	char error[SCHEME_ERROR_SIZE];

	if (scheme == NULL)
		return CMD_FAILED;
	made->scheme = scheme_new(scheme_name(scheme), scheme);
	if (made->scheme == NULL)
		return CMD_FAILED;
	for (size_t i = 0; i < params.n; i++)
		if (scheme_set(made->scheme, "param", params.items[i], error) !=
		    0)
			return options_complain(&options, "%s", error);
	if (scheme_wanted_signed(made->scheme) != NULL)
		return options_complain(&options,
		    "--scheme %s needs --param %s=VALUE", scheme_option,
		    scheme_wanted_signed(made->scheme));
	plan.scheme = made->scheme;
	return CMD_DONE;
}

static int
use_scheme(struct made *made)
{
	int status = open_scheme(made);

	if (status == CMD_DONE)
		status = set_url(NULL, made);
	if (status != CMD_DONE || scheme_is_none(plan.scheme))
		return status;
	if (secret_text == NULL)
		return options_complain(&options, "--scheme needs --secret");
	made->keys = offline_keys("send", plan.scheme, secret_text);
	plan.keys = made->keys;
	return made->keys != NULL ? CMD_DONE : CMD_FAILED;
}

static int
make_plan(struct made *made)
{
	int status;

	if (probe && source_name == NULL)
		return set_url(NULL, made);
	if ((source_name == NULL) == (scheme_option == NULL))
		return options_complain(
		    &options, "needs --source, or --scheme");
	status = source_name != NULL ? use_source(made) : use_scheme(made);
	if (status != CMD_DONE)
		return status;
	if (sample_init(&made->sample, plan.scheme) != 0)
		return CMD_FAILED;
	plan.sample = &made->sample;
	if (plan.type == NULL)
		plan.type = made->sample.type;
	if (plan.content_type == NULL)
		plan.content_type = sample_content_type(&made->sample);
	if (plan.key != NULL && strlen(plan.key) >= SAMPLE_KEY_SIZE)
		return options_complain(&options, "--key is too long");
	if (body_path != NULL && file_read(body_path, &made->body) != 0)
		return CMD_FAILED;
	plan.body = body_path != NULL ? &made->body : NULL;
	if (plan.concurrency == 0)
		plan.concurrency = plan.count < 8 ? plan.count : 8;
	if (plan.concurrency > plan.count)
		plan.concurrency = plan.count;
	if (plan.concurrency > 10000)
		return options_complain(
		    &options, "--concurrency is 10000 at most");
	plan.quiet = json;
	return CMD_DONE;
}

/* ---- what came of it ---- */

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Of sorted latencies, in milliseconds. */
static double
percentile(const struct send_result *result, double share)
{
	size_t i;

	if (result->answered == 0)
		return 0;
	i = (size_t)(share * (double)(result->answered - 1) + 0.5);
	return (double)result->latency_us[i] / 1000;
}

static size_t
count_good(const struct send_result *result)
{
	size_t n = 0;

	for (int status = 200; status < 300; status++)
		n += result->n[status];
	return n;
}

static void
print_json(const struct send_result *result, double seconds, double a_second)
{
	json_t *by_status = json_object();
	json_t *all;
	char name[16];

	for (int status = 0; status < SEND_STATUS_MAX; status++) {
		if (result->n[status] == 0)
			continue;
		snprintf(name, sizeof(name), "%d", status);
		json_object_set_new(by_status, name,
		    json_integer((json_int_t)result->n[status]));
	}
	all = json_pack(
	    "{s:I, s:I, s:I, s:f, s:f, s:o, s:{s:f, s:f, s:f, s:f}}", "sent",
	    (json_int_t)result->answered + (json_int_t)result->failed, "ok",
	    (json_int_t)count_good(result), "unanswered",
	    (json_int_t)result->failed, "seconds", seconds, "per_second",
	    a_second, "status", by_status, "ms", "p50", percentile(result, 0.5),
	    "p90", percentile(result, 0.9), "p99", percentile(result, 0.99),
	    "max", percentile(result, 1));
	out_json(all);
	json_decref(all);
}

static void
print_text(const struct send_result *result, double seconds, double a_second)
{
	printf("%zu sent in %.2f s, %.0f/s ", result->answered + result->failed,
	    seconds, a_second);
	for (int status = 0; status < SEND_STATUS_MAX; status++)
		if (result->n[status] > 0)
			printf("  %d: %zu", status, result->n[status]);
	if (result->failed > 0)
		printf("  no answer: %zu (%s)", result->failed, result->error);
	printf("\nlatency  p50 %.1f ms  p90 %.1f ms  p99 %.1f ms  max %.1f "
	       "ms\n",
	    percentile(result, 0.5), percentile(result, 0.9),
	    percentile(result, 0.99), percentile(result, 1));
}

static int
print_result(struct send_result *result)
{
	double seconds = (double)result->took_us / 1e6, a_second = 0;

	if (seconds > 0)
		a_second = (double)result->answered / seconds;
	qsort(result->latency_us, result->answered, sizeof(*result->latency_us),
	    compare);
	if (json)
		print_json(result, seconds, a_second);
	else if (plan.count > 1)
		print_text(result, seconds, a_second);
	return count_good(result) == (size_t)plan.count ? CMD_DONE : CMD_FAILED;
}

static int
send_all(void)
{
	struct send_result result;
	int status = CMD_FAILED;

	if (send_run(&plan, &result) == 0)
		status = print_result(&result);
	free(result.latency_us);
	return status;
}

/* ---- is it there? ---- */

static size_t
ignore(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

/* What an answer to a GET tells about the endpoint. */
static const char *
judge(long status)
{
	if (status == 405)
		return "it is there, and takes POST";
	if (status == 404)
		return "nothing is at this path";
	if (status == 503)
		return "it is there, but has no worker";
	return status < 400 ? "something is there" : "it refuses";
}

static int
ask_endpoint(void)
{
	char error[CURL_ERROR_SIZE] = "";
	CURL *easy = curl_easy_init();
	CURLcode code = CURLE_FAILED_INIT;
	curl_off_t us = 0;
	long status = 0;

	if (easy != NULL) {
		curl_easy_setopt(easy, CURLOPT_URL, plan.url);
		curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 10000L);
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
		curl_easy_setopt(
		    easy, CURLOPT_SSL_VERIFYPEER, plan.insecure ? 0L : 1L);
		curl_easy_setopt(
		    easy, CURLOPT_SSL_VERIFYHOST, plan.insecure ? 0L : 2L);
		code = curl_easy_perform(easy);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &us);
	}
	curl_easy_cleanup(easy);
	if (code != CURLE_OK) {
		fprintf(stderr, "%s does not answer: %s\n", plan.url,
		    error[0] != '\0' ? error : curl_easy_strerror(code));
		return CMD_FAILED;
	}
	printf("%s answers %ld in %.1f ms: %s\n", plan.url, status,
	    (double)us / 1000, judge(status));
	return status == 405 || status < 400 ? CMD_DONE : CMD_FAILED;
}

int
cmd_send(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status;
	struct made made = {0};

	if (first <= 0)
		return options_exit(first);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = make_plan(&made);
	if (status == CMD_DONE)
		status = probe ? ask_endpoint() : send_all();
	sample_clear(&made.sample);
	scheme_keys_free(made.keys);
	scheme_free(made.scheme);
	config_unref(made.config);
	buf_clear(&made.url);
	buf_clear(&made.signed_url);
	buf_clear(&made.body);
	curl_global_cleanup();
	return status;
}
