/*
 * store - what the store costs a durable event, without anything around it
 *
 *	store DIRECTORY [EVENTS [BODY_BYTES [BATCH [ROUTES]]]]
 *
 * Puts events in batches, routes each in the next batch as the worker does,
 * and lets the store do its idle work every 64 batches.  One line: CPU and wall
 * microseconds an event.
 */

#include "../worker/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>
#include <openssl/sha.h>

#include "../shared/clock.h"

enum { BODY_MAX = 1 << 20, ROUTES_MAX = 16 };

static const char headers[] =
    "{\"content-type\":\"application/json\",\"user-agent\":"
    "\"GitHub-Hookshot/044aadd\",\"x-github-event\":\"push\","
    "\"x-github-delivery\":\"72d3162e-cc78-11e3-81ab-4c9367dc0958\","
    "\"x-github-hook-id\":\"292430182\",\"x-github-hook-installation-target"
    "-id\":\"79929171\",\"x-github-hook-installation-target-type\":"
    "\"repository\",\"accept\":\"*/*\",\"host\":\"hooks.example.com\"}";

struct bench {
	const struct store_ops *ops;
	struct store *store;
	unsigned char *body;
	size_t body_len;
	unsigned batch;
	unsigned routes;
	int64_t seqs[4096]; /* of the batch before */
	unsigned n_seqs;
};

static double
now_us(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
need(enum store_result result, const char *what)
{
	if (result == STORE_OK)
		return;
	(void)fprintf(stderr, "store: %s failed\n", what);
	exit(1);
}

static void
put(struct bench *bench, unsigned number, int64_t now_ms)
{
	char key[64];
	struct event event = {.received_at_ms = now_ms,
	    .source = "load",
	    .key = key,
	    .type = "push",
	    .remote = "127.0.0.1",
	    .method = "POST",
	    .path = "/hooks/load",
	    .query = "",
	    .content_type = "application/json",
	    .headers = headers,
	    .scheme = "github",
	    .dedup = EVENT_DEDUP_KEY_BODY,
	    .body = bench->body,
	    .body_len = bench->body_len};
	struct store_put_result found;

	(void)snprintf(
	    key, sizeof key, "72d3162e-cc78-11e3-81ab-%012u", number);
	memcpy(bench->body, &number, sizeof number);
	(void)SHA256(bench->body, bench->body_len, event.sha256);
	(void)event_id_new(now_ms, event.id);
	need(bench->ops->put(bench->store, &event, now_ms, &found), "put");
	bench->seqs[bench->n_seqs++] = found.seq;
}

static void
route(struct bench *bench)
{
	struct store_target targets[ROUTES_MAX];
	char names[ROUTES_MAX][16];

	for (unsigned i = 0; i < bench->routes; i++) {
		(void)snprintf(names[i], sizeof names[i], "route%u", i);
		targets[i] = (struct store_target){
		    .route = names[i], .state = DELIVERY_PENDING};
	}
	for (unsigned i = 0; i < bench->n_seqs; i++)
		need(bench->ops->route(bench->store, bench->seqs[i], targets,
			 bench->routes, true),
		    "route");
	bench->n_seqs = 0;
}

static void
run(struct bench *bench, unsigned events)
{
	unsigned done = 0, batches = 0;

	while (done < events) {
		int64_t now_ms = clock_wall_ms();

		need(bench->ops->begin(bench->store), "begin");
		route(bench);
		for (unsigned i = 0; i < bench->batch; i++)
			put(bench, done++, now_ms);
		need(bench->ops->commit(bench->store), "commit");
		if (++batches % 64 == 0)
			while (bench->ops->idle(bench->store, false))
				;
	}
}

static unsigned
number(int argc, char *const *argv, int at, unsigned otherwise)
{
	return argc > at ? (unsigned)strtoul(argv[at], NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
	struct config_store config = {.dedup_ms = 86400000,
	    .keep_delivered_ms = 86400000,
	    .keep_unmatched_ms = 86400000};
	const struct store_options options = {
	    .config = &config, .worker = "local", .now_ms = clock_wall_ms()};
	unsigned events = number(argc, argv, 2, 50000);
	struct bench bench = {.ops = &store_sqlite,
	    .body_len = number(argc, argv, 3, 2048),
	    .batch = number(argc, argv, 4, 13),
	    .routes = number(argc, argv, 5, 2)};
	double cpu, wall;
	char url[512];

	if (argc < 2 || bench.body_len < 4 || bench.body_len > BODY_MAX ||
	    bench.batch > 4096 || bench.routes > ROUTES_MAX)
		return 2;
	(void)snprintf(url, sizeof url, "sqlite:%s/bench.db", argv[1]);
	config.url = url;
	bench.body = malloc(bench.body_len);
	bench.store = bench.ops->open(&options);
	if (bench.body == NULL || bench.store == NULL ||
	    RAND_bytes(bench.body, (int)bench.body_len) != 1)
		return 1;
	cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
	wall = now_us(CLOCK_MONOTONIC);
	run(&bench, events);
	cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now_us(CLOCK_MONOTONIC) - wall;
	(void)printf("events=%u body=%zu batch=%u routes=%u cpu_us=%.1f "
		     "wall_us=%.1f\n",
	    events, bench.body_len, bench.batch, bench.routes, cpu / events,
	    wall / events);
	bench.ops->close(bench.store);
	free(bench.body);
	return 0;
}
