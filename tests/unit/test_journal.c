/* The journal: what an earlier life left comes back, whatever happened to it.
 */

#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "booked.h"
#include "platter.h"
#include "support.h"

/* ---- what comes back ---- */

static void
new_has_nothing(void **state)
{
	struct stat st;

	(void)state;
	booked_expect_none();
	assert_int_equal(stat(booked.path, &st), 0);
	assert_int_equal(st.st_size, BOOKED_FILE);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_blocks * 512 >= BOOKED_FILE);
	booked_open(41);
	booked_expect_none();
	booked.added = 41;
	booked_add_one(5);
	booked_open(41);
	booked_expect(42, 42);
}

static void
what_the_store_has_not_comes_back(void **state)
{
	const uint32_t lens[] = {0, 1, 4096, 70, 9000};

	(void)state;
	for (size_t n = 1; n <= 5; n++)
		booked_add(n, lens);
	for (uint64_t upto = 0; upto <= booked.added; upto++) {
		booked_open(upto);
		booked_expect(upto + 1, booked.added);
	}
	/* A store that has more: a journal that was put back. */
	booked_open(booked.added + 10);
	booked_expect_none();
	booked.added += 10;
	booked_add_one(3);
	booked_open(booked.added - 1);
	booked_expect(booked.added, booked.added);
}

static void
left_ones_stay_until_the_store_has_them(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++)
		booked_add_one(JOURNAL_FRAME_BYTES / 8);
	booked_open(10);
	booked_expect(11, 40);
	for (int i = 0; i < 20; i++)
		booked_add_one(100);
	booked_open(10);
	booked_expect(11, 60);
}

static void
entries_of_any_size_fit(void **state)
{
	uint32_t lens[JOURNAL_FRAMES];

	(void)state;
	booked_add_one(JOURNAL_FRAME_BYTES);
	booked_add_one(0);
	for (size_t i = 0; i < JOURNAL_FRAMES; i++)
		lens[i] = (uint32_t)i;
	booked_add(JOURNAL_FRAMES, lens);
	/* Such that nothing is to be filled up behind it. */
	for (uint32_t len = BOOKED_BLOCK - 80; len <= BOOKED_BLOCK; len++)
		booked_add_one(len);
	/* By a disk that takes a part of it. */
	platter_take(2 * BOOKED_BLOCK);
	booked_add_one(BOOKED_BLOCK);
	booked_add_one(10 * BOOKED_BLOCK);
	platter_take(0);
	booked_open(0);
	booked_expect(1, booked.added);
}

static void
no_room_where_the_store_lags(void **state)
{
	const uint32_t len = JOURNAL_FRAME_BYTES;
	uint64_t first_half;

	(void)state;
	assert_false(journal_fits(booked.journal, JOURNAL_FRAMES + 1, 1000));
	assert_false(journal_fits(booked.journal, 4, 4 * (size_t)len));
	assert_true(journal_fits(booked.journal, 3, 3 * (size_t)len));
	for (int i = 0; i < 7; i++)
		booked_add_one(len);
	first_half = booked.added;
	for (int i = 0; i < 7; i++)
		booked_add_one(len);
	/* What is small still goes behind the rest. */
	assert_false(journal_fits(booked.journal, 1, len));
	assert_true(journal_fits(booked.journal, 1, 1000));
	journal_upto(booked.journal, first_half - 1);
	assert_false(journal_fits(booked.journal, 1, len));
	journal_upto(booked.journal, first_half);
	journal_upto(booked.journal, 1); /* it does not go back */
	assert_true(journal_fits(booked.journal, 1, len));
	booked_add_one(len);
	booked_open(first_half);
	booked_expect(first_half + 1, booked.added);
	for (int i = 0; i < 6; i++)
		booked_add_one(len);
	assert_false(journal_fits(booked.journal, 1, len));
}

/* An entry of random frames, mostly small. */
static void
add_any(void)
{
	static const uint32_t sizes[] = {
	    60, 3000, 3000, 20000, JOURNAL_FRAME_BYTES};
	uint32_t lens[JOURNAL_FRAMES], size = sizes[booked_any(5)];
	size_t n = 1 + booked_any(size < 100 ? JOURNAL_FRAMES : 9), bytes = 0;

	for (size_t i = 0; i < n; i++) {
		lens[i] = booked_any(size + 1);
		bytes += lens[i];
	}
	if (booked.added + n < BOOKED_NUMBERS &&
	    journal_fits(booked.journal, n, bytes))
		booked_add(n, lens);
}

static void
rounds_over_both_halves(void **state)
{
	uint64_t stored = 0, opened = 0, bytes = 0;

	(void)state;
	booked.random = 7;
	for (unsigned round = 0; round < 3000; round++) {
		add_any();
		/* The store has some more, in its own time. */
		if (booked_any(3) == 0)
			stored +=
			    booked_any((uint32_t)(booked.added - stored + 1));
		if (booked_any(3) == 0)
			journal_upto(booked.journal, stored);
		if (booked_any(40) > 0)
			continue;
		booked_open(stored);
		booked_expect(stored + 1, booked.added);
		opened++;
	}
	for (uint64_t i = 1; i <= booked.added; i++)
		bytes += booked.len[i];
	assert_true(bytes > 8 * (uint64_t)BOOKED_FILE);
	assert_true(opened > 40);
}

/* ---- overwriting ---- */

static void
scrubbed_is_gone(void **state)
{
	(void)state;
	/* Two rounds, so that older ones stand behind the new. */
	for (int i = 0; i < 30; i++) {
		booked_add_one(JOURNAL_FRAME_BYTES / 2);
		journal_upto(booked.journal, booked.added);
	}
	for (int i = 0; i < 10; i++)
		booked_add_one(1000);
	assert_true(booked_has(20));
	assert_true(booked_has(40));
	journal_upto(booked.journal, 35);
	assert_int_equal(journal_scrub(booked.journal), 0);
	for (uint64_t i = 1; i <= booked.added; i++)
		assert_int_equal(booked_has(i), i > 35);
	booked_add_one(50);
	booked_open(35);
	booked_expect(36, booked.added);
	/* Also by a later life, which has not seen all of it. */
	journal_upto(booked.journal, booked.added);
	assert_int_equal(journal_scrub(booked.journal), 0);
	for (uint64_t i = 1; i <= booked.added; i++)
		assert_false(booked_has(i));
	booked_add_one(50);
	booked_open(booked.added - 1);
	booked_expect(booked.added, booked.added);
}

static void
part_of_an_entry_is_not_scrubbed(void **state)
{
	const uint32_t lens[] = {5000, 6000, 7000};

	(void)state;
	booked_add(3, lens);
	booked_add(3, lens);
	journal_upto(booked.journal, 4);
	assert_int_equal(journal_scrub(booked.journal), 0);
	for (uint64_t i = 1; i <= 3; i++)
		assert_false(booked_has(i));
	booked_open(4);
	booked_expect(5, 6);
}

static void
none_may_be_closed(void **state)
{
	(void)state;
	journal_close(NULL);
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, booked_setup, booked_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(new_has_nothing),
	    TEST(what_the_store_has_not_comes_back),
	    TEST(left_ones_stay_until_the_store_has_them),
	    TEST(entries_of_any_size_fit),
	    TEST(no_room_where_the_store_lags),
	    TEST(rounds_over_both_halves),
	    TEST(scrubbed_is_gone),
	    TEST(part_of_an_entry_is_not_scrubbed),
	    TEST(none_may_be_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
