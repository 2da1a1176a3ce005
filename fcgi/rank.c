#include "rank.h"

#include <string.h>

/* FNV-1a, 64 bits. */
static const uint64_t fnv_start = 0xcbf29ce484222325U;
static const uint64_t fnv_prime = 0x100000001b3U;

static uint64_t
add_bytes(uint64_t hash, const void *p, size_t len)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * fnv_prime;
	return hash;
}

/* The finisher of splitmix64: each bit in changes half of the bits out. */
static uint64_t
mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9U;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebU;
	return x ^ x >> 31;
}

uint64_t
rank_event(const struct event *event)
{
	uint64_t hash =
	    add_bytes(fnv_start, event->source, strlen(event->source) + 1);

	if (event->dedup == EVENT_DEDUP_KEY_BODY ||
	    event->dedup == EVENT_DEDUP_BODY)
		return add_bytes(hash, event->sha256, EVENT_SHA256_LEN);
	if (event->key[0] != '\0')
		return add_bytes(hash, event->key, strlen(event->key));
	return add_bytes(hash, event->id, EVENT_ID_LEN);
}

uint64_t
rank_worker(const char *name)
{
	return add_bytes(fnv_start, name, strlen(name));
}

/* Whether worker `a` comes before `b`; equal names go by index. */
static int
before(uint64_t event, const uint64_t *workers, size_t a, size_t b)
{
	uint64_t score_a = mix(event ^ mix(workers[a]));
	uint64_t score_b = mix(event ^ mix(workers[b]));

	return score_a != score_b ? score_a > score_b : a < b;
}

size_t
rank_pick(uint64_t event, const uint64_t *workers, size_t n, size_t place)
{
	for (size_t i = 0; i < n; i++) {
		size_t ahead = 0;

		for (size_t j = 0; j < n; j++)
			ahead += j != i && before(event, workers, j, i);
		if (ahead == place)
			return i;
	}
	return 0;
}
