#include "bodies.h"

#include <stdlib.h>
#include <string.h>

/*
 * Two tables with linear probing: `now` is filled, then becomes `before`, whose
 * bodies are forgotten.  A slot whose day is 0 is empty.
 */
enum {
	SLOTS = 2 * BODIES_MIN,
	SLOTS_USED = SLOTS / 4 * 3, /* by one long batch */
	HASH_LEN = 12,
};

struct slot {
	uint8_t hash[HASH_LEN];
	uint32_t day; /* and 1 */
};

struct table {
	struct slot *slots; /* NULL: none yet */
	uint32_t n;
};

/* A slot of `now` that was written, and its day until then. */
struct change {
	uint32_t at;
	uint32_t day;
};

struct bodies {
	struct table now, before;
	struct change *changes; /* since bodies_keep() */
	uint32_t n_changes;
};

struct bodies *
bodies_new(void)
{
	return calloc(1, sizeof(struct bodies));
}

void
bodies_free(struct bodies *bodies)
{
	if (bodies == NULL)
		return;
	free(bodies->now.slots);
	free(bodies->before.slots);
	free(bodies->changes);
	free(bodies);
}

/* The slot of a body, or the empty one where it would stand. */
static uint32_t
find(const struct table *table, const uint8_t body[KEYS_LEN])
{
	uint32_t at;

	memcpy(&at, body + HASH_LEN, sizeof at);
	for (at %= SLOTS; table->slots[at].day != 0; at = (at + 1) % SLOTS)
		if (memcmp(table->slots[at].hash, body, HASH_LEN) == 0)
			break;
	return at;
}

static bool
has(const struct table *table, const uint8_t body[KEYS_LEN], int64_t since_day)
{
	return table->slots != NULL &&
	       (int64_t)table->slots[find(table, body)].day > since_day;
}

bool
bodies_has(const struct bodies *bodies, const uint8_t body[KEYS_LEN],
    int64_t since_day)
{
	if (since_day < 0)
		since_day = 0;
	return has(&bodies->now, body, since_day) ||
	       has(&bodies->before, body, since_day);
}

static bool
make(struct table *table)
{
	if (table->slots == NULL)
		table->slots = calloc(SLOTS, sizeof(struct slot));
	return table->slots != NULL;
}

static struct change
put(struct table *table, const uint8_t body[KEYS_LEN], int64_t day)
{
	uint32_t at = find(table, body);
	struct change change = {at, table->slots[at].day};

	table->n += change.day == 0;
	memcpy(table->slots[at].hash, body, HASH_LEN);
	table->slots[at].day = (uint32_t)day + 1;
	return change;
}

void
bodies_add(struct bodies *bodies, const uint8_t body[KEYS_LEN], int64_t day)
{
	struct table *now = &bodies->now;

	if (bodies->changes == NULL)
		bodies->changes = calloc(SLOTS_USED, sizeof *bodies->changes);
	if (bodies->changes != NULL && make(now) && now->n < SLOTS_USED &&
	    bodies->n_changes < SLOTS_USED)
		bodies->changes[bodies->n_changes++] = put(now, body, day);
}

void
bodies_keep(struct bodies *bodies)
{
	struct table now = bodies->now;

	bodies->n_changes = 0;
	if (now.n < BODIES_MIN)
		return;
	bodies->now = bodies->before;
	bodies->before = now;
	bodies->now.n = 0;
	if (bodies->now.slots != NULL)
		memset(bodies->now.slots, 0, SLOTS * sizeof(struct slot));
}

/* The last one first: none that stays was put behind one that goes. */
void
bodies_undo(struct bodies *bodies)
{
	while (bodies->n_changes > 0) {
		struct change change = bodies->changes[--bodies->n_changes];

		bodies->now.slots[change.at].day = change.day;
		bodies->now.n -= change.day == 0;
	}
}

bool
bodies_add_old(struct bodies *bodies, const uint8_t body[KEYS_LEN], int64_t day)
{
	if (bodies->before.n >= BODIES_MIN || !make(&bodies->before))
		return false;
	if (!bodies_has(bodies, body, 0))
		(void)put(&bodies->before, body, day);
	return true;
}
