#include "stores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 86400000, HOUR_MS = 3600000 };

struct clock_fake stores_now;

void
stores_clock(int64_t wall_ms, int64_t boot_ms)
{
	stores_now = (struct clock_fake){wall_ms, boot_ms};
	clock_set_fake(&stores_now);
}

void
stores_pass(int64_t ms)
{
	stores_clock(stores_now.wall_ms + ms, stores_now.boot_ms + ms);
}

static int64_t
revive_after(void *arg, const char *route)
{
	const struct stores *s = arg;

	return strcmp(route, "slow") == 0 ? 3 * s->revive_ms : s->revive_ms;
}

void
stores_open(struct stores *s)
{
	const struct store_options options = {.config = &s->config,
	    .worker = "test",
	    .now_ms = stores_now.wall_ms,
	    .revive_after_ms = s->revive_ms != 0 ? revive_after : NULL,
	    .arg = s};

	s->store = s->ops->open(&options);
	assert_non_null(s->store);
}

struct stores *
stores_new(const struct store_ops *ops)
{
	struct stores *s = calloc(1, sizeof *s);

	assert_non_null(s);
	s->ops = ops;
	s->revive_ms = HOUR_MS;
	s->config = (struct config_store){
	    .dedup_ms = 30 * (int64_t)DAY_MS,
	    .keep_delivered_ms = 7 * (int64_t)DAY_MS,
	    .keep_unmatched_ms = 30 * (int64_t)DAY_MS,
	    .keep_dead_ms = 30 * (int64_t)DAY_MS,
	};
	if (ops == &store_sqlite) {
		s->dir = support_dir();
		assert_true(asprintf(&s->url, "sqlite:%s/s.db", s->dir) > 0);
	} else {
		s->url = strdup("memory:");
	}
	s->config.url = s->url;
	stores_clock(STORES_START_MS, 1000000);
	stores_open(s);
	return s;
}

void
stores_free(struct stores *s)
{
	s->ops->close(s->store);
	support_dir_remove(s->dir);
	free(s->url);
	free(s);
	clock_set_fake(NULL);
}

int
stores_memory(void **state)
{
	*state = stores_new(&store_memory);
	return 0;
}

int
stores_sqlite(void **state)
{
	*state = stores_new(&store_sqlite);
	return 0;
}

int
stores_teardown(void **state)
{
	stores_free(*state);
	return 0;
}

void
stores_begin(struct stores *s)
{
	assert_int_equal(s->ops->begin(s->store), STORE_OK);
}

void
stores_commit(struct stores *s)
{
	assert_int_equal(s->ops->commit(s->store), STORE_OK);
}
