/* Keys the store may have: never a wrong "surely not". */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "../../worker/known.h"
#include "support.h"

static struct known *known;

/* Keys are hashes: the i-th one of a set looks like one. */
static void
make_key(uint64_t set, uint64_t i, uint8_t key[KEYS_LEN])
{
	for (size_t half = 0; half < 2; half++) {
		uint64_t x = (set << 40) + (i << 1) + half;

		/* splitmix64 */
		x += UINT64_C(0x9e3779b97f4a7c15);
		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		x ^= x >> 31;
		memcpy(key + 8 * half, &x, sizeof x);
	}
}

static void
add(uint64_t set, uint64_t n)
{
	uint8_t key[KEYS_LEN];

	for (uint64_t i = 0; i < n; i++) {
		make_key(set, i, key);
		known_add(known, key);
	}
}

/* How many of the first n may be known. */
static uint64_t
count(uint64_t set, uint64_t n)
{
	uint64_t found = 0;
	uint8_t key[KEYS_LEN];

	for (uint64_t i = 0; i < n; i++) {
		make_key(set, i, key);
		found += known_maybe(known, key);
	}
	return found;
}

static void
use(const struct keys_filter *filter, bool complete)
{
	known_use(known, &filter, filter != NULL ? 1 : 0, complete);
}

static int
setup(void **state)
{
	(void)state;
	known = known_new();
	assert_non_null(known);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	known_free(known);
	return 0;
}

static void
everything_may_be_until_it_is_complete(void **state)
{
	struct keys_filter *filter = keys_filter_new(100);

	(void)state;
	assert_non_null(filter);
	add(1, 10);
	assert_int_equal(count(2, 1000), 1000);
	use(filter, false);
	assert_int_equal(count(2, 1000), 1000);
	known_turn(known);
	known_drop(known);
	assert_int_equal(count(2, 1000), 1000);
	use(filter, true);
	assert_true(count(2, 1000) < 50);
	use(filter, false);
	assert_int_equal(count(2, 1000), 1000);
	use(NULL, true);
	keys_filter_free(filter);
	assert_true(count(2, 1000) < 50);
}

static void
added_keys_are_known_until_they_are_dropped(void **state)
{
	(void)state;
	use(NULL, true);
	assert_int_equal(count(1, 100), 0);
	add(1, 100);
	assert_int_equal(count(1, 100), 100);
	/* What is dropped came before the last turn. */
	known_drop(known);
	assert_int_equal(count(1, 100), 100);
	known_turn(known);
	assert_int_equal(count(1, 100), 100);
	add(2, 100);
	known_turn(known);
	add(3, 100);
	use(NULL, true);
	for (uint64_t set = 1; set <= 3; set++)
		assert_int_equal(count(set, 100), 100);
	known_drop(known);
	assert_true(count(1, 100) < 5);
	assert_true(count(2, 100) < 5);
	assert_int_equal(count(3, 100), 100);
	/* Nothing came. */
	known_turn(known);
	known_turn(known);
	known_drop(known);
	assert_true(count(3, 100) < 5);
	add(4, 100);
	assert_int_equal(count(4, 100), 100);
}

/* One that came before the turn comes again after it: it is of both days. */
static void
a_key_of_both_days_stays(void **state)
{
	(void)state;
	use(NULL, true);
	add(1, 100);
	known_turn(known);
	add(1, 100);
	known_drop(known);
	assert_int_equal(count(1, 100), 100);
}

static void
filters_of_the_store_are_looked_into(void **state)
{
	struct keys_filter *filters[2] = {
	    keys_filter_new(1000), keys_filter_new(1000)};
	uint8_t key[KEYS_LEN];

	(void)state;
	for (uint64_t set = 0; set < 2; set++) {
		assert_non_null(filters[set]);
		for (uint64_t i = 0; i < 1000; i++) {
			make_key(set, i, key);
			keys_filter_add(filters[set], key);
		}
	}
	known_use(known, (const struct keys_filter *const *)filters, 2, true);
	add(2, 1000);
	for (uint64_t set = 0; set < 3; set++)
		assert_int_equal(count(set, 1000), 1000);
	assert_true(count(3, 1000) < 50);
	use(filters[1], true);
	keys_filter_free(filters[0]);
	assert_true(count(0, 1000) < 50);
	assert_int_equal(count(1, 1000), 1000);
	assert_int_equal(count(2, 1000), 1000);
	use(NULL, true);
	keys_filter_free(filters[1]);
}

static void
many_keys_stay_told_apart(void **state)
{
	const uint64_t n = 500000;

	(void)state;
	use(NULL, true);
	add(1, n);
	assert_int_equal(count(1, n), n);
	assert_true(count(2, 100000) < 5000);
	known_turn(known);
	add(3, 100);
	assert_int_equal(count(1, n), n);
	assert_true(count(2, 100000) < 5000);
	known_drop(known);
	assert_true(count(1, 1000) < 50);
	assert_int_equal(count(3, 100), 100);
}

/* Turn after turn without a drop: the store cannot read its filters. */
static void
many_days_are_kept(void **state)
{
	(void)state;
	use(NULL, true);
	for (uint64_t day = 1; day < 40; day++) {
		add(day, 50);
		known_turn(known);
		for (uint64_t set = 1; set <= day; set++)
			assert_int_equal(count(set, 50), 50);
	}
	known_drop(known);
	assert_true(count(1, 1000) < 50);
	add(50, 50);
	assert_int_equal(count(50, 50), 50);
}

/* Some memory, and no more: beyond it nobody can tell. */
static void
beyond_its_memory_everything_may_be(void **state)
{
	/* A key takes 16 bits, but those it has for known already. */
	const uint64_t most = (uint64_t)KNOWN_BYTES_MAX * 8 / 16 / 10 * 11;
	uint64_t n = 0;

	(void)state;
	use(NULL, true);
	for (; count(2, 200) < 200; n += 100000) {
		uint8_t key[KEYS_LEN];

		assert_true(n <= most);
		for (uint64_t i = n; i < n + 100000; i++) {
			make_key(1, i, key);
			known_add(known, key);
		}
	}
	assert_true(n > most / 4);
	add(3, 10);
	assert_int_equal(count(2, 1000), 1000);
	known_drop(known);
	assert_int_equal(count(2, 1000), 1000);
	known_turn(known);
	add(4, 10);
	assert_int_equal(count(2, 1000), 1000);
	known_drop(known);
	assert_true(count(2, 1000) < 50);
	assert_int_equal(count(4, 10), 10);
}

static void
without_memory_everything_may_be(void **state)
{
	(void)state;
	use(NULL, true);
	/* The second filter. */
	support_fail_alloc(1);
	add(1, 30000);
	support_fail_alloc(0);
	assert_int_equal(count(1, 30000), 30000);
	assert_int_equal(count(2, 1000), 1000);
	known_turn(known);
	known_drop(known);
	assert_true(count(2, 1000) < 50);
	/* The list of the store's. */
	support_fail_alloc(1);
	use(NULL, true);
	support_fail_alloc(0);
	assert_int_equal(count(2, 1000), 1000);
	use(NULL, true);
	assert_true(count(2, 1000) < 50);
	for (unsigned n = 1;; n++) {
		struct known *other;

		support_fail_alloc(n);
		other = known_new();
		support_fail_alloc(0);
		known_free(other);
		if (other != NULL)
			break;
	}
}

/* ---- two threads ---- */

enum { THREAD_KEYS = 40000 };

static atomic_uint wrong;

/* What this thread has added it finds, whatever the other does. */
static void *
add_and_ask(void *arg)
{
	uint64_t set = *(const uint64_t *)arg;
	uint8_t key[KEYS_LEN];

	for (uint64_t i = 0; i < THREAD_KEYS; i++) {
		make_key(set, i, key);
		known_add(known, key);
		make_key(set, i - i % 7, key);
		if (!known_maybe(known, key))
			wrong++;
	}
	return NULL;
}

static void
two_threads_at_once(void **state)
{
	const uint64_t sets[] = {1, 2};
	pthread_t other;

	(void)state;
	use(NULL, true);
	wrong = 0;
	assert_int_equal(pthread_create(&other, NULL, add_and_ask,
			     (void *)(uintptr_t)&sets[0]),
	    0);
	(void)add_and_ask((void *)(uintptr_t)&sets[1]);
	/* The store's thread says what it has meanwhile. */
	for (int i = 0; i < 50; i++) {
		struct keys_filter *filter = keys_filter_new(10);

		if (filter == NULL)
			break;
		use(filter, i % 2 == 0);
		if (i % 20 == 0)
			known_turn(known);
		use(NULL, true);
		keys_filter_free(filter);
	}
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(wrong, 0);
	assert_int_equal(count(1, THREAD_KEYS), THREAD_KEYS);
	assert_int_equal(count(2, THREAD_KEYS), THREAD_KEYS);
	assert_true(count(3, 10000) < 500);
}

static void
none_may_be_freed(void **state)
{
	(void)state;
	known_free(NULL);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(everything_may_be_until_it_is_complete),
	    TEST(added_keys_are_known_until_they_are_dropped),
	    TEST(a_key_of_both_days_stays),
	    TEST(filters_of_the_store_are_looked_into),
	    TEST(many_keys_stay_told_apart),
	    TEST(many_days_are_kept),
	    TEST(beyond_its_memory_everything_may_be),
	    TEST(without_memory_everything_may_be),
	    TEST(two_threads_at_once),
	    TEST(none_may_be_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
