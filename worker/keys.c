#include "keys.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/* A block is one cache line: a lookup costs one miss, whatever its bits. */
enum {
	BITS_PER_KEY = 16,
	BLOCK_BITS = 512,
	BLOCK_WORDS = BLOCK_BITS / 64,
	PROBES = 7, /* nine bits each, of 64 */
};

struct keys_hasher {
	EVP_MD *md;
	EVP_MD_CTX *context;
};

struct keys_filter {
	uint64_t n_blocks;
	uint64_t words[];
};

struct keys_hasher *
keys_hasher_new(void)
{
	struct keys_hasher *hasher = calloc(1, sizeof *hasher);

	if (hasher == NULL)
		return NULL;
	hasher->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	hasher->context = EVP_MD_CTX_new();
	if (hasher->md == NULL || hasher->context == NULL) {
		keys_hasher_free(hasher);
		return NULL;
	}
	return hasher;
}

void
keys_hasher_free(struct keys_hasher *hasher)
{
	if (hasher == NULL)
		return;
	EVP_MD_CTX_free(hasher->context);
	EVP_MD_free(hasher->md);
	free(hasher);
}

int
keys_sha256(struct keys_hasher *hasher, const void *p, size_t len,
    uint8_t out[EVENT_SHA256_LEN])
{
	EVP_MD_CTX *context = hasher->context;

	if (EVP_DigestInit_ex2(context, hasher->md, NULL) != 1 ||
	    EVP_DigestUpdate(context, p, len) != 1 ||
	    EVP_DigestFinal_ex(context, out, NULL) != 1)
		return -1;
	return 0;
}

/* Which parts of an event a key is made of; a dedup is the kind of its number.
 */
static const struct {
	bool key, body;
} parts[KEYS__MAX] = {
    [KEYS_KEY] = {.key = true},
    [KEYS_BOTH] = {.key = true, .body = true},
    [KEYS_BODY] = {.body = true},
    [KEYS_BARE] = {.key = true},
    [KEYS_SEEN] = {.body = true},
};

_Static_assert((int)KEYS_KEY == (int)EVENT_DEDUP_KEY &&
		   (int)KEYS_BOTH == (int)EVENT_DEDUP_KEY_BODY &&
		   (int)KEYS_BODY == (int)EVENT_DEDUP_BODY,
    "a dedup is a kind");

bool
keys_has(const struct event *event)
{
	if (event->dedup >= EVENT_DEDUP__MAX)
		return false;
	if (parts[event->dedup].key)
		return event->key[0] != '\0';
	return parts[event->dedup].body;
}

int
keys_hash(struct keys_hasher *hasher, const struct event *event,
    enum keys_kind kind, uint8_t key[KEYS_LEN])
{
	const unsigned char number = (unsigned char)kind;
	EVP_MD_CTX *context = hasher->context;
	uint8_t digest[EVENT_SHA256_LEN];
	int good;

	/* Texts go in with their NUL: no two lists of parts look alike. */
	good = EVP_DigestInit_ex2(context, hasher->md, NULL) == 1 &&
	       EVP_DigestUpdate(context, &number, 1) == 1 &&
	       EVP_DigestUpdate(
		   context, event->source, strlen(event->source) + 1) == 1;
	if (good && parts[kind].key)
		good = EVP_DigestUpdate(
			   context, event->key, strlen(event->key) + 1) == 1;
	if (good && parts[kind].body)
		good = EVP_DigestUpdate(
			   context, event->sha256, EVENT_SHA256_LEN) == 1;
	if (!good || EVP_DigestFinal_ex(context, digest, NULL) != 1)
		return -1;
	memcpy(key, digest, KEYS_LEN);
	return 0;
}

int
keys_hash_first(struct keys_hasher *hasher, const struct event *event,
    uint8_t key[KEYS_LEN])
{
	enum keys_kind kind = (enum keys_kind)event->dedup;

	if (event->dedup == EVENT_DEDUP_KEY_BODY)
		kind = KEYS_BARE;
	return keys_hash(hasher, event, kind, key);
}

static uint64_t
blocks_for(uint64_t n)
{
	return n / (BLOCK_BITS / BITS_PER_KEY) + 1;
}

uint64_t
keys_filter_size(uint64_t n)
{
	return sizeof(struct keys_filter) +
	       blocks_for(n) * BLOCK_WORDS * sizeof(uint64_t);
}

struct keys_filter *
keys_filter_new(uint64_t n)
{
	struct keys_filter *filter = calloc(1, keys_filter_size(n));

	if (filter != NULL)
		filter->n_blocks = blocks_for(n);
	return filter;
}

void
keys_filter_free(struct keys_filter *filter)
{
	free(filter);
}

/* The key is random already: its first half picks the block, nine bits of the
 * second half each probe. */
static uint64_t
block_of(const struct keys_filter *filter, const uint8_t key[KEYS_LEN],
    uint64_t *bits)
{
	uint64_t half;

	memcpy(&half, key, sizeof half);
	memcpy(bits, key + sizeof half, sizeof *bits);
	return half % filter->n_blocks * BLOCK_WORDS;
}

void
keys_filter_add(struct keys_filter *filter, const uint8_t key[KEYS_LEN])
{
	uint64_t bits, *block = filter->words + block_of(filter, key, &bits);

	for (int i = 0; i < PROBES; i++, bits >>= 9)
		block[bits >> 6 & 7] |= UINT64_C(1) << (bits & 63);
}

bool
keys_filter_maybe(const struct keys_filter *filter, const uint8_t key[KEYS_LEN])
{
	uint64_t bits;
	const uint64_t *block = filter->words + block_of(filter, key, &bits);

	for (int i = 0; i < PROBES; i++, bits >>= 9) {
		if ((block[bits >> 6 & 7] >> (bits & 63) & 1) == 0)
			return false;
	}
	return true;
}
