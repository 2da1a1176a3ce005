/*
 * metrics - what a worker tells Prometheus: text format 0.0.4, in pages
 *
 * A family is one row of a table: name, type, HELP, and what its samples are
 * read from.  Base units; labels are source, route and closed lists alone,
 * never an id, path or address.  A page ends where it has METRICS_PAGE_BYTES,
 * between two samples' rows, so that none takes long however many there are;
 * pages one after the other are the text.  Pure but for the text's memory.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

#ifndef WORKER_METRICS_H
#define WORKER_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../shared/buf.h"
#include "../shared/config.h"
#include "blobs.h"
#include "stats.h"
#include "store.h"

enum { METRICS_PAGE_BYTES = 65536 };

/* All that metrics are read from; valid for the call. */
struct metrics_view {
	const struct config *config;
	const char *worker;
	const struct stats *stats;
	/* What this worker's gateways counted: {SOURCE: {…}}, with the members
	 * of docs/WIRE.md (HELLO and BEAT); NULL: nothing. */
	json_t *gateways;
	size_t links;
	int64_t parked;                  /* requests, of all linked gateways */
	const struct blobs_counts *keys; /* those that are fetched */
	const struct store_count *counts;
	size_t n_counts;
	int64_t unrouted;
	struct store_space space;
	int64_t reserve;
	int64_t letter_bytes; /* -1: not known yet */
	int64_t started_at_ms;
	int64_t loaded_at_ms; /* the configuration in use */
	bool reload_failed;   /* the last one was refused */
	bool accepting;
	uint64_t malformed; /* frames */
};

/* Append the page at *cursor (0: the first); *cursor becomes the next one, or
 * 0 behind the last.  0, or -1 without memory or when there is no such page. */
int
metrics_page(const struct metrics_view *view, int64_t *cursor, struct buf *out);

#endif
