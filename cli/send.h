/*
 * send - make signed requests and send many of them
 */

#ifndef CLI_SEND_H
#define CLI_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "../shared/buf.h"
#include "../shared/scheme.h"
#include "options.h"
#include "samples.h"

enum {
	SEND_TIMEOUT_MS = 30000,
	SEND_LINES_MAX = 20, /* up to so many requests get a line each */
	SEND_ANSWER_MAX = 4096,
};

/* Everything belongs to the caller and stays as it is meanwhile. */
struct send_plan {
	const struct scheme *scheme;
	const struct scheme_keys *keys; /* NULL: not signed */
	const char *url;                /* where the requests go */
	const char *signed_url; /* what a scheme that signs the URL signs */
	const struct sample *sample;
	const char *type;
	const char *key; /* NULL: a fresh one each */
	const char *content_type;
	const struct option_list *headers;
	const struct buf *body; /* NULL: the sample's */
	int64_t count;
	int64_t rate; /* a second; 0: as fast as it goes */
	int64_t concurrency;
	bool insecure; /* take any certificate */
	bool quiet;    /* no lines, no progress */
};

struct send_request {
	char key[SAMPLE_KEY_SIZE];
	struct buf url;
	struct buf body;
	struct curl_slist *headers;
};

/* Make one request, signed now.  0, or -1 after a sentence.  Cleared by the
 * caller in any case; it may be made again without. */
int send_make(const struct send_plan *plan, struct send_request *request);
void send_request_clear(struct send_request *request);

enum { SEND_STATUS_MAX = 600 };

struct send_result {
	int64_t *latency_us; /* of each that was answered; the caller frees */
	size_t answered;
	size_t failed;             /* no answer at all */
	size_t n[SEND_STATUS_MAX]; /* answers by status */
	int64_t took_us;
	char error[256]; /* of the last failure */
};

/* Send plan->count requests.  0, or -1 after a sentence: could not go on. */
int send_run(const struct send_plan *plan, struct send_result *result);

#endif
