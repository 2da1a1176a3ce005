#include "known.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_KEYS = 1 << 14, /* of the first filter; each next has twice */
	FILTERS = 16,
};

/* Filters of growing size; the last one is filled. */
struct chain {
	struct keys_filter *filters[FILTERS];
	size_t n;
	uint64_t keys; /* in the last one */
	uint64_t bytes;
	bool lost; /* one did not fit: it is no use until it is dropped */
};

struct known {
	pthread_mutex_t lock;
	struct chain today, before;
	const struct keys_filter **old;
	size_t n_old;
	bool complete;
};

static void
clear(struct chain *chain)
{
	for (size_t i = 0; i < chain->n; i++)
		keys_filter_free(chain->filters[i]);
	*chain = (struct chain){0};
}

void
known_free(struct known *known)
{
	if (known == NULL)
		return;
	clear(&known->today);
	clear(&known->before);
	free(known->old);
	(void)pthread_mutex_destroy(&known->lock);
	free(known);
}

static uint64_t
capacity(size_t i)
{
	return (uint64_t)FIRST_KEYS << i;
}

/* The filter that takes the next key, or NULL. */
static struct keys_filter *
filling(struct chain *chain, uint64_t bytes_max)
{
	uint64_t size;

	if (chain->n > 0 && chain->keys < capacity(chain->n - 1))
		return chain->filters[chain->n - 1];
	size = keys_filter_size(capacity(chain->n));
	if (chain->lost || chain->n == FILTERS ||
	    chain->bytes + size > bytes_max)
		return NULL;
	chain->filters[chain->n] = keys_filter_new(capacity(chain->n));
	if (chain->filters[chain->n] == NULL)
		return NULL;
	chain->bytes += size;
	chain->keys = 0;
	return chain->filters[chain->n++];
}

struct known *
known_new(void)
{
	struct known *known = calloc(1, sizeof *known);

	if (known == NULL)
		return NULL;
	(void)pthread_mutex_init(&known->lock, NULL);
	if (filling(&known->today, KNOWN_BYTES_MAX) != NULL)
		return known;
	known_free(known);
	return NULL;
}

static bool
has(const struct keys_filter *const *filters, size_t n,
    const uint8_t key[KEYS_LEN])
{
	while (n-- > 0)
		if (keys_filter_maybe(filters[n], key))
			return true;
	return false;
}

static bool
chain_has(const struct chain *chain, const uint8_t key[KEYS_LEN])
{
	return chain->lost ||
	       has((const struct keys_filter *const *)chain->filters, chain->n,
		   key);
}

void
known_add(struct known *known, const uint8_t key[KEYS_LEN])
{
	struct keys_filter *filter;

	(void)pthread_mutex_lock(&known->lock);
	/* Two threads tell of the same key. */
	if (!chain_has(&known->today, key)) {
		filter = filling(
		    &known->today, KNOWN_BYTES_MAX - known->before.bytes);
		if (filter != NULL) {
			keys_filter_add(filter, key);
			known->today.keys++;
		} else {
			clear(&known->today);
			known->today.lost = true;
		}
	}
	(void)pthread_mutex_unlock(&known->lock);
}

bool
known_maybe(struct known *known, const uint8_t key[KEYS_LEN])
{
	bool maybe;

	(void)pthread_mutex_lock(&known->lock);
	maybe = !known->complete || chain_has(&known->today, key) ||
		chain_has(&known->before, key) ||
		has(known->old, known->n_old, key);
	(void)pthread_mutex_unlock(&known->lock);
	return maybe;
}

void
known_use(struct known *known, const struct keys_filter *const *filters,
    size_t n, bool complete)
{
	const struct keys_filter **old = calloc(n + 1, sizeof(*old));

	if (old != NULL && n > 0)
		memcpy(old, filters, n * sizeof(*old));
	(void)pthread_mutex_lock(&known->lock);
	free(known->old);
	known->old = old;
	known->n_old = old != NULL ? n : 0;
	known->complete = complete && old != NULL;
	(void)pthread_mutex_unlock(&known->lock);
}

/* The filters of `today` go behind those before. */
static void
move_to(struct chain *before, struct chain *today)
{
	before->lost |= today->lost || before->n + today->n > FILTERS;
	if (before->lost) {
		clear(today);
		return;
	}
	memcpy(before->filters + before->n, today->filters,
	    today->n * sizeof(today->filters[0]));
	before->n += today->n;
	before->bytes += today->bytes;
	*today = (struct chain){0};
}

void
known_turn(struct known *known)
{
	(void)pthread_mutex_lock(&known->lock);
	/* An empty one serves the next day, too. */
	if (known->today.lost || known->today.n > 1 || known->today.keys > 0)
		move_to(&known->before, &known->today);
	(void)pthread_mutex_unlock(&known->lock);
}

void
known_drop(struct known *known)
{
	(void)pthread_mutex_lock(&known->lock);
	clear(&known->before);
	(void)pthread_mutex_unlock(&known->lock);
}
