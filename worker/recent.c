#include "recent.h"

#include <stdlib.h>
#include <string.h>

enum {
	SLOTS = 2 * RECENT_MAX,
	GONE = 0, /* the length of a value that was removed */
};

struct recent {
	size_t n;
	uint16_t slots[SLOTS]; /* linear probing: of keys, and 1; 0: empty */
	struct recent_key keys[RECENT_MAX];
};

_Static_assert(RECENT_MAX < UINT16_MAX, "slots hold their numbers");

struct recent *
recent_new(void)
{
	return calloc(1, sizeof(struct recent));
}

void
recent_free(struct recent *recent)
{
	free(recent);
}

bool
recent_is_full(const struct recent *recent)
{
	return recent->n == RECENT_MAX;
}

static size_t
first_slot(const uint8_t key[KEYS_LEN])
{
	uint32_t at;

	memcpy(&at, key, sizeof at);
	return at % SLOTS;
}

void
recent_add(struct recent *recent, const struct recent_key *key)
{
	size_t at = first_slot(key->key);

	while (recent->slots[at] != 0)
		at = (at + 1) % SLOTS;
	recent->keys[recent->n++] = *key;
	recent->slots[at] = (uint16_t)recent->n;
}

const struct recent_key *
recent_find(const struct recent *recent, const uint8_t key[KEYS_LEN])
{
	for (size_t at = first_slot(key); recent->slots[at] != 0;
	     at = (at + 1) % SLOTS) {
		const struct recent_key *found =
		    &recent->keys[recent->slots[at] - 1];

		if (found->len != GONE &&
		    memcmp(found->key, key, KEYS_LEN) == 0)
			return found;
	}
	return NULL;
}

void
recent_remove(struct recent *recent, const struct recent_key *key)
{
	recent->keys[key - recent->keys].len = GONE;
}

static int
compare(const void *a, const void *b)
{
	const struct recent_key *x = a, *y = b;

	return memcmp(x->key, y->key, KEYS_LEN);
}

const struct recent_key *
recent_sort(struct recent *recent, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < recent->n; i++)
		if (recent->keys[i].len != GONE)
			recent->keys[(*n)++] = recent->keys[i];
	qsort(recent->keys, *n, sizeof recent->keys[0], compare);
	return recent->keys;
}

void
recent_clear(struct recent *recent)
{
	recent->n = 0;
	memset(recent->slots, 0, sizeof recent->slots);
}
