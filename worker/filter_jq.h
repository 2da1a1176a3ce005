/*
 * filter_jq - a compiled filter; all that knows libjq
 *
 * libjq can neither be interrupted nor run out of memory politely: only
 * processes that may end use this (filter_helper.c, filter_check.c).
 */

#ifndef WORKER_FILTER_JQ_H
#define WORKER_FILTER_JQ_H

#include <stddef.h>

/* clang-format off: jq.h needs jv.h */
#include <jv.h>

#include <jq.h>
/* clang-format on */

#include "filter_check.h"

enum filter_verdict { FILTER_NO, FILTER_YES, FILTER_ERROR };

/* What a filter sees of an event; NUL-terminated. */
struct filter_facts {
	const char *source;
	const char *type;
	const char *key;
	const char *id;
	const char *headers; /* JSON object */
	const char *query;
	const char *content_type;
	const char *body;
	size_t body_len;
};

struct filter_jq;

/* Compile.  NULL with one line in `error`.  Modules are not there: neither
 * include nor import, nor anything that reads a file. */
struct filter_jq *
filter_jq_new(const char *text, char error[FILTER_ERROR_SIZE]);
void filter_jq_free(struct filter_jq *filter);

/* Parse an event once for any number of filters: the caller's to jv_free().  An
 * invalid value with one line in `error` when the body is no JSON (an empty one
 * is null; a form is an object, names that come twice are arrays). */
jv filter_jq_input(
    const struct filter_facts *facts, char error[FILTER_ERROR_SIZE]);

/* The first output decides; none is no.  ERROR with one line in `error`.
 * `input` stays the caller's. */
enum filter_verdict filter_jq_run(
    struct filter_jq *filter, jv input, char error[FILTER_ERROR_SIZE]);

#endif
