#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "out.h"
#include "pace.h"
#include "send.h"

/* One of `concurrency` requests under way. */
struct slot {
	CURL *easy;
	struct send_request request;
	struct buf answer;
	char error[CURL_ERROR_SIZE];
	bool busy;
};

struct run {
	const struct send_plan *plan;
	struct send_result *result;
	CURLM *multi;
	struct slot *slots;
	struct pace pace;
	int64_t started;
	int64_t ended;
	int64_t told_us; /* when progress was last shown */
};

static size_t
take_answer(char *p, size_t size, size_t n, void *arg)
{
	struct buf *answer = arg;
	size_t room = SEND_ANSWER_MAX - answer->len, len = size * n;

	(void)buf_add(answer, p, len < room ? len : room);
	return len;
}

static CURL *
new_easy(const struct send_plan *plan, struct slot *slot)
{
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		return NULL;
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)SEND_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &slot->answer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	if (plan->insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	return easy;
}

static int
start(struct run *run, struct slot *slot)
{
	if (slot->easy == NULL)
		slot->easy = new_easy(run->plan, slot);
	if (slot->easy == NULL) {
		fputs("gaff send: no memory\n", stderr);
		return -1;
	}
	if (send_make(run->plan, &slot->request) != 0)
		return -1;
	buf_reset(&slot->answer);
	slot->error[0] = '\0';
	curl_easy_setopt(slot->easy, CURLOPT_URL, buf_str(&slot->request.url));
	curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->request.headers);
	curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)slot->request.body.len);
	curl_easy_setopt(
	    slot->easy, CURLOPT_POSTFIELDS, buf_str(&slot->request.body));
	if (curl_multi_add_handle(run->multi, slot->easy) != CURLM_OK)
		return -1;
	slot->busy = true;
	run->started++;
	pace_count(&run->pace);
	return 0;
}

static void
print_answer(const struct slot *slot, long status, int64_t us)
{
	const struct buf *answer = &slot->answer;
	size_t len = answer->len;

	if (status == 0) {
		printf("---  %s  %s\n", slot->request.key, slot->error);
		return;
	}
	while (len > 0 && answer->p[len - 1] == '\n')
		len--;
	printf("%3ld  %7.1f ms  %s  ", status, (double)us / 1000,
	    slot->request.key);
	for (size_t i = 0; i < len && i < 200; i++)
		putchar((unsigned char)answer->p[i] < ' ' ? ' ' : answer->p[i]);
	putchar('\n');
	fflush(stdout);
}

static void
finish(struct run *run, CURL *easy, CURLcode code)
{
	struct send_result *result = run->result;
	struct slot *slot = NULL;
	curl_off_t us = 0;
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
	curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &us);
	if (code == CURLE_OK)
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (slot->error[0] == '\0')
		snprintf(slot->error, sizeof(slot->error), "%s",
		    curl_easy_strerror(code));
	curl_multi_remove_handle(run->multi, easy);
	slot->busy = false;
	run->ended++;
	if (status > 0 && status < SEND_STATUS_MAX) {
		result->n[status]++;
		result->latency_us[result->answered++] = us;
	} else {
		status = 0;
		result->failed++;
		snprintf(result->error, sizeof(result->error), "%.255s",
		    slot->error);
	}
	if (run->plan->count <= SEND_LINES_MAX && !run->plan->quiet)
		print_answer(slot, status, us);
}

static void
tell_progress(struct run *run, bool last)
{
	int64_t now_us = clock_boot_us();
	double seconds = (double)(now_us - run->pace.start_us) / 1e6;

	if (run->plan->quiet || run->plan->count <= SEND_LINES_MAX ||
	    !isatty(STDERR_FILENO))
		return;
	if (!last && now_us - run->told_us < 500000)
		return;
	run->told_us = now_us;
	fprintf(stderr, "\r%lld of %lld  %.0f/s  %zu without an answer%s",
	    (long long)run->ended, (long long)run->plan->count,
	    seconds > 0 ? (double)run->ended / seconds : 0.0,
	    run->result->failed, last ? "\n" : "");
}

/* Start what may be started now. */
static int
fill(struct run *run)
{
	const struct send_plan *plan = run->plan;

	for (int64_t i = 0; i < plan->concurrency; i++) {
		if (run->slots[i].busy)
			continue;
		if (run->started == plan->count || pace_left_us(&run->pace) > 0)
			break;
		if (start(run, &run->slots[i]) != 0)
			return -1;
	}
	return 0;
}

static int
loop(struct run *run)
{
	int running, left, wait_ms;
	int64_t pace_us;
	CURLMsg *msg;

	while (run->ended < run->plan->count) {
		if (fill(run) != 0)
			return -1;
		if (curl_multi_perform(run->multi, &running) != CURLM_OK)
			return -1;
		while ((msg = curl_multi_info_read(run->multi, &left)) != NULL)
			if (msg->msg == CURLMSG_DONE)
				finish(run, msg->easy_handle, msg->data.result);
		tell_progress(run, run->ended == run->plan->count);
		pace_us = pace_left_us(&run->pace);
		wait_ms = pace_us > 0 && run->started < run->plan->count
			      ? (int)(pace_us / 1000 + 1)
			      : 500;
		if (wait_ms > 500)
			wait_ms = 500;
		if (run->ended < run->plan->count &&
		    (run->ended < run->started || pace_us > 0))
			curl_multi_poll(run->multi, NULL, 0, wait_ms, NULL);
	}
	return 0;
}

int
send_run(const struct send_plan *plan, struct send_result *result)
{
	struct run run = {.plan = plan, .result = result};
	int status = -1;

	memset(result, 0, sizeof(*result));
	result->latency_us =
	    calloc((size_t)plan->count, sizeof(*result->latency_us));
	run.slots = calloc((size_t)plan->concurrency, sizeof(*run.slots));
	run.multi = curl_multi_init();
	if (result->latency_us == NULL || run.slots == NULL ||
	    run.multi == NULL) {
		fputs("gaff send: no memory\n", stderr);
		goto out;
	}
	run.pace = pace_start(plan->rate);
	status = loop(&run);
	result->took_us = clock_boot_us() - run.pace.start_us;
out:
	for (int64_t i = 0; run.slots != NULL && i < plan->concurrency; i++) {
		struct slot *slot = &run.slots[i];

		if (slot->busy)
			curl_multi_remove_handle(run.multi, slot->easy);
		curl_easy_cleanup(slot->easy);
		send_request_clear(&slot->request);
		buf_clear(&slot->answer);
	}
	free(run.slots);
	curl_multi_cleanup(run.multi);
	return status;
}
