#include "snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Sources by path: buckets and chains hold index + 1, 0 ends a chain. */
struct snapshot {
	atomic_uint refs;
	struct config *config;
	size_t n_buckets; /* a power of two */
	size_t *buckets;
	size_t *chain;
	struct tally **tallies; /* by source; the last: without a source */
};

static size_t
bucket_of(const struct snapshot *snapshot, const char *path)
{
	size_t hash = 5381;

	while (*path != '\0')
		hash = hash * 33 ^ (unsigned char)*path++;
	return hash & (snapshot->n_buckets - 1);
}

static int
fill(struct snapshot *snapshot, struct tallies *tallies)
{
	const struct config *config = snapshot->config;

	for (size_t i = 0; i < config->n_sources; i++) {
		size_t *bucket = &snapshot->buckets[bucket_of(
		    snapshot, config->sources[i].path)];

		snapshot->chain[i] = *bucket;
		*bucket = i + 1;
		snapshot->tallies[i] =
		    tallies_get(tallies, config->sources[i].name);
		if (snapshot->tallies[i] == NULL)
			return -1;
	}
	snapshot->tallies[config->n_sources] = tallies_get(tallies, "");
	return snapshot->tallies[config->n_sources] == NULL ? -1 : 0;
}

static void
snapshot_free(struct snapshot *snapshot)
{
	config_unref(snapshot->config);
	free(snapshot->buckets);
	free(snapshot->chain);
	free(snapshot->tallies);
	free(snapshot);
}

struct snapshot *
snapshot_new(struct config *config, struct tallies *tallies)
{
	struct snapshot *snapshot = calloc(1, sizeof *snapshot);
	size_t n = config->n_sources;

	if (snapshot == NULL)
		return NULL;
	atomic_init(&snapshot->refs, 1);
	snapshot->config = config_ref(config);
	snapshot->n_buckets = 16;
	while (snapshot->n_buckets < 2 * n)
		snapshot->n_buckets *= 2;
	snapshot->buckets =
	    calloc(snapshot->n_buckets, sizeof *snapshot->buckets);
	snapshot->chain = calloc(n + 1, sizeof *snapshot->chain);
	snapshot->tallies = calloc(n + 1, sizeof(struct tally *));
	if (snapshot->buckets == NULL || snapshot->chain == NULL ||
	    snapshot->tallies == NULL || fill(snapshot, tallies) != 0) {
		snapshot_free(snapshot);
		return NULL;
	}
	return snapshot;
}

struct snapshot *
snapshot_ref(struct snapshot *snapshot)
{
	(void)atomic_fetch_add(&snapshot->refs, 1);
	return snapshot;
}

void
snapshot_unref(struct snapshot *snapshot)
{
	if (snapshot != NULL && atomic_fetch_sub(&snapshot->refs, 1) == 1)
		snapshot_free(snapshot);
}

const struct config *
snapshot_config(const struct snapshot *snapshot)
{
	return snapshot->config;
}

/* Whether a Host header names this host, whatever its port. */
static bool
is_host(const char *want, const char *host)
{
	size_t len = strlen(want);

	return host != NULL && strncasecmp(want, host, len) == 0 &&
	       (host[len] == '\0' || host[len] == ':');
}

const struct config_source *
snapshot_source(
    const struct snapshot *snapshot, const char *path, const char *host)
{
	const struct config_source *any = NULL;
	size_t at = snapshot->buckets[bucket_of(snapshot, path)];

	for (; at != 0; at = snapshot->chain[at - 1]) {
		const struct config_source *source =
		    &snapshot->config->sources[at - 1];

		if (strcmp(source->path, path) != 0)
			continue;
		if (source->host == NULL)
			any = source;
		else if (is_host(source->host, host))
			return source;
	}
	return any;
}

struct tally *
snapshot_tally(
    const struct snapshot *snapshot, const struct config_source *source)
{
	const struct config *config = snapshot->config;

	if (source == NULL)
		return snapshot->tallies[config->n_sources];
	return snapshot->tallies[source - config->sources];
}
