/* The journal while several entries are being written, and what a crash then
 * leaves. */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../shared/clock.h"
#include "booked.h"
#include "platter.h"
#include "support.h"

/* Two slow writes make the third another thread's; each of these entries has a
 * frame and a block. */
enum { BEFORE = 2 };

static off_t
block(int entry)
{
	return (off_t)(BEFORE + entry) * BOOKED_BLOCK;
}

static void
start_held(void)
{
	platter_slow(true);
	for (int i = 0; i < BEFORE; i++)
		booked_add_one(100);
	platter_hold(true);
}

static void
begin(int n)
{
	const uint32_t len = 100;

	for (int i = 0; i < n; i++)
		(void)booked_begin(1, &len);
}

/* The entry there ends, and nothing else does. */
static void
end(int entry, int error)
{
	struct journal_end ended;

	platter_let(block(entry), error);
	ended = booked_ended();
	assert_int_equal(ended.first, BEFORE + 1 + entry);
	assert_int_equal(ended.failed, error != 0);
	assert_true(ended.took_us >= WRITERS_SLOW_US);
	assert_int_equal(journal_ended(booked.journal, booked.ends), 0);
}

static void
quick_ones_have_ended_when_they_are_begun(void **state)
{
	struct journal_end ends[JOURNAL_FLIGHTS];
	const uint32_t len = 10;
	struct pollfd item;

	(void)state;
	platter_slow(true);
	for (int i = 1; i <= BEFORE; i++) {
		(void)booked_begin(1, &len);
		assert_int_equal(journal_ended(booked.journal, ends), 1);
		assert_int_equal(ends[0].first, i);
	}
	/* This one a thread has, and it waits for nobody. */
	platter_hold(true);
	(void)booked_begin(1, &len);
	platter_expect(block(0));
	assert_int_equal(journal_ended(booked.journal, ends), 0);
	item =
	    (struct pollfd){.fd = journal_fd(booked.journal), .events = POLLIN};
	assert_int_equal(poll(&item, 1, 0), 0);
	end(0, 0);
}

static void
they_end_in_any_order(void **state)
{
	static const int order[] = {2, 0, 3, 1};

	(void)state;
	start_held();
	begin(4);
	for (int i = 0; i < 4; i++)
		end(order[i], 0);
	platter_reset();
	booked_add_one(5);
	booked_open(0);
	booked_expect(1, BEFORE + 5);
}

static void
they_begin_apart(void **state)
{
	int64_t before_us, after_us;

	(void)state;
	start_held();
	assert_int_equal(journal_wait_us(booked.journal, clock_boot_us()), 0);
	for (int i = 1; i < JOURNAL_FLIGHTS; i++) {
		before_us = clock_boot_us();
		begin(1);
		after_us = clock_boot_us();
		assert_true(journal_wait_us(booked.journal, before_us) >=
			    JOURNAL_APART_US);
		assert_true(journal_wait_us(booked.journal,
				after_us + JOURNAL_APART_US - 1) <= 1);
		assert_int_equal(journal_wait_us(booked.journal,
				     after_us + JOURNAL_APART_US),
		    0);
	}
	begin(1);
	assert_int_equal(
	    journal_wait_us(booked.journal, after_us + 1000000), -1);
	end(1, 0);
	assert_true(journal_wait_us(booked.journal, after_us + 1000000) == 0);
	for (int i = 0; i < JOURNAL_FLIGHTS; i++)
		if (i != 1)
			end(i, 0);
}

static void
after_a_failure_none_fits(void **state)
{
	char *said;

	(void)state;
	start_held();
	begin(3);
	support_stderr_begin();
	end(1, EIO);
	said = support_stderr_end();
	support_contains(said, "journal_failed");
	support_contains(said, "Input/output error");
	free(said);
	assert_false(journal_fits(booked.journal, 1, 1));
	/* Those beside it end as they do. */
	end(0, 0);
	end(2, 0);
}

static void
closed_when_all_have_ended(void **state)
{
	(void)state;
	start_held();
	begin(2);
	platter_expect(block(0));
	platter_expect(block(1));
	platter_reset();
	booked_open(0);
	booked_expect(1, BEFORE + 2);
}

/* ---- what a crash leaves ---- */

static void
forget(int entry)
{
	static const unsigned char zeroes[BOOKED_BLOCK];

	booked_poke(block(entry), zeroes, sizeof zeroes);
}

/* What is left but for some from `missing` on, of which so many are lost. */
static void
expect_without(uint64_t missing, unsigned n, const char *lost)
{
	char *said;

	for (uint64_t i = 1; i < missing; i++)
		booked_expect_one(i);
	support_stderr_begin();
	for (uint64_t i = missing + n; i <= booked.added; i++)
		booked_expect_one(i);
	booked_expect_none();
	said = support_stderr_end();
	if (lost == NULL) {
		assert_string_equal(said, "");
	} else {
		support_contains(said, "journal_gap");
		support_contains(said, lost);
	}
	free(said);
}

static void
what_nobody_was_told_of_is_not_lost(void **state)
{
	(void)state;
	start_held();
	begin(3);
	end(1, 0);
	end(2, 0);
	end(0, 0);
	/* It had not ended when those behind it were made. */
	forget(0);
	booked_open(0);
	expect_without(BEFORE + 1, 1, NULL);
	/* Also when a life later nothing of that is in the store. */
	platter_reset();
	booked_add_one(10);
	booked_add_one(10);
	booked_open(0);
	expect_without(BEFORE + 1, 1, NULL);
	/* What was there then is missed. */
	forget(1);
	booked_open(0);
	expect_without(BEFORE + 1, 2, "events=1");
}

static void
what_was_on_the_disk_is_lost(void **state)
{
	(void)state;
	start_held();
	begin(2);
	end(0, 0);
	begin(1);
	end(1, 0);
	end(2, 0);
	/* The third was made when the first had ended, the second had not. */
	forget(1);
	booked_open(0);
	expect_without(BEFORE + 2, 1, NULL);
	forget(0);
	booked_open(0);
	expect_without(BEFORE + 1, 2, "events=1");
	/* All before them was there. */
	booked_open(BEFORE - 1);
	booked_expect_one(BEFORE);
	booked_flip(block(-1) + BOOKED_HEAD);
	booked_open(0);
	expect_without(BEFORE, 3, "events=2");
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, booked_setup, booked_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(quick_ones_have_ended_when_they_are_begun),
	    TEST(they_end_in_any_order),
	    TEST(they_begin_apart),
	    TEST(after_a_failure_none_fits),
	    TEST(closed_when_all_have_ended),
	    TEST(what_nobody_was_told_of_is_not_lost),
	    TEST(what_was_on_the_disk_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
