/*
 * keys - what deduplication compares, and filters that keep lookups off disk
 *
 * A key is 16 bytes of SHA-256 over (kind, source, and what the kind says of
 * the provider's key and the body's SHA-256).  A filter answers "surely not"
 * for a set of keys from memory: a blocked Bloom filter with 16 bits a key,
 * about one wrong "maybe" in a thousand: there is one for each day.
 */

#ifndef WORKER_KEYS_H
#define WORKER_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shared/event.h"

enum { KEYS_LEN = 16 };

/* Numbers are in what is stored: never change one. */
enum keys_kind {
	KEYS_KEY = 1,
	KEYS_BOTH = 2, /* key and body */
	KEYS_BODY = 3,
	KEYS_BARE = 4, /* the key alone where it is not signed: its row says
			  which body came under it first */
	KEYS_SEEN = 5, /* the body alone where the key is not signed */
	KEYS__MAX
};

struct keys_hasher; /* one SHA-256 context, reused; one thread */

struct keys_hasher *keys_hasher_new(void); /* NULL without memory */
void keys_hasher_free(struct keys_hasher *hasher);

/* SHA-256 of some bytes.  0, or -1 without memory. */
int keys_sha256(struct keys_hasher *hasher, const void *p, size_t len,
    uint8_t out[EVENT_SHA256_LEN]);

/* Whether copies of the event can be told at all. */
bool keys_has(const struct event *event);
/* One of its keys.  0, or -1 without memory. */
int keys_hash(struct keys_hasher *hasher, const struct event *event,
    enum keys_kind kind, uint8_t key[KEYS_LEN]);
/* That by which copies are looked for first. */
int keys_hash_first(struct keys_hasher *hasher, const struct event *event,
    uint8_t key[KEYS_LEN]);

struct keys_filter;

/* An empty filter for n keys (more make it weaker, never wrong), or NULL. */
struct keys_filter *keys_filter_new(uint64_t n);
void keys_filter_free(struct keys_filter *filter);
/* Bytes a filter for n keys takes. */
uint64_t keys_filter_size(uint64_t n);

void keys_filter_add(struct keys_filter *filter, const uint8_t key[KEYS_LEN]);
/* false: the key was surely never added. */
bool keys_filter_maybe(
    const struct keys_filter *filter, const uint8_t key[KEYS_LEN]);

#endif
