/*
 * snapshot - one configuration as requests see it
 *
 * Immutable and counted: a request keeps the one it began with.
 */

#ifndef FCGI_SNAPSHOT_H
#define FCGI_SNAPSHOT_H

#include "../shared/config.h"
#include "tally.h"

struct snapshot;

/* With one reference; takes one of `config`.  NULL without memory. */
struct snapshot *snapshot_new(struct config *config, struct tallies *tallies);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */

const struct config *snapshot_config(const struct snapshot *snapshot);

/* The source of a path; one that names this Host (with or without port) before
 * one that names none.  `host` may be NULL.  NULL when there is none. */
const struct config_source *snapshot_source(
    const struct snapshot *snapshot, const char *path, const char *host);

/* A source's tally; with NULL the one of requests without a source. */
struct tally *snapshot_tally(
    const struct snapshot *snapshot, const struct config_source *source);

#endif
