/*
 * filter_helper - the process that runs jq, and what is said to it
 *
 * Started by the spawner as `gaff-worker --filter-helper` with one end of a
 * stream socket as its standard input.  The worker writes questions, one at a
 * time: a head, then texts, each a uint32_t length, the bytes and a NUL.  The
 * helper writes answers of one size: one when it has started, and for each
 * question one when the body has been parsed, then one for each filter, in
 * order.  Both are the same binary.
 */

#ifndef WORKER_FILTER_HELPER_H
#define WORKER_FILTER_HELPER_H

#include <stdint.h>

#include "filter_check.h"

#define FILTER_HELPER_OPTION "--filter-helper"

enum {
	FILTER_QUESTION_MAX = 128 << 20,
	FILTER_FACTS = 8, /* texts before the filters', as filter_facts has
			     them */
	FILTER_FILTERS_MAX = 4096,
	FILTER_CACHE_MAX = 512, /* compiled filters the helper keeps */
};

struct filter_question {
	uint32_t size; /* of all of it, this head included */
	uint32_t n_filters;
};

struct filter_answer {
	int64_t pid;     /* of the helper, for its CPU clock */
	int32_t verdict; /* enum filter_verdict, of a filter */
	char error[FILTER_ERROR_SIZE];
};

/* The helper's life; returns the exit status. */
int filter_helper_main(void);

#endif
