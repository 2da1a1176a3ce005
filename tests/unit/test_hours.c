#include <stdlib.h>
#include <string.h>

#include "../../worker/hours.h"
#include "support.h"

enum { HOUR = 400000 };

struct fixture {
	struct hours *hours;
	struct store *store;
	struct config_store config;
};

static const struct store_ops *const ops = &store_memory;

static int64_t
at(int64_t hour)
{
	return hour * STORE_HOUR_MS + 1234;
}

static int
setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	*f = (struct fixture){.hours = hours_new()};
	f->store = ops->open(&(const struct store_options){
	    .config = &f->config, .worker = "test", .now_ms = at(HOUR)});
	assert_non_null(f->hours);
	assert_non_null(f->store);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	hours_free(f->hours);
	ops->close(f->store);
	return 0;
}

static void
feed(struct fixture *f, const char *name, int64_t total, int64_t hour)
{
	const struct store_tally row = {0, TALLY_STORED, name, total};

	hours_feed(f->hours, &row, at(hour));
}

static int64_t
day(struct fixture *f, const char *name, int64_t hour)
{
	return hours_sum(f->hours, TALLY_STORED, name,
	    (struct hours_span){at(hour), HOURS_N});
}

static void
save(struct fixture *f)
{
	assert_int_equal(ops->begin(f->store), STORE_OK);
	assert_int_equal(hours_save(f->hours, ops, f->store), STORE_OK);
	assert_int_equal(ops->commit(f->store), STORE_OK);
	hours_saved(f->hours);
}

/* As a restarted worker does. */
static void
reload(struct fixture *f, int64_t hour)
{
	hours_free(f->hours);
	f->hours = hours_new();
	assert_non_null(f->hours);
	assert_int_equal(
	    hours_load(f->hours, ops, f->store, at(hour)), STORE_OK);
}

static void
counts_a_day(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(day(f, "shop", HOUR), 0);
	feed(f, "shop", 5, HOUR);
	feed(f, "shop", 7, HOUR + 1);
	feed(f, "shop", 7, HOUR + 2);
	feed(f, "other", 1, HOUR + 2);
	assert_int_equal(day(f, "shop", HOUR + 2), 7);
	assert_int_equal(day(f, "shop", HOUR + 23), 7);
	assert_int_equal(day(f, "shop", HOUR + 24), 2);
	assert_int_equal(day(f, "shop", HOUR + 25), 0);
	feed(f, "shop", 8, HOUR + 26);
	assert_int_equal(day(f, "shop", HOUR + 26), 1);
	feed(f, "shop", 9, HOUR + 500);
	assert_int_equal(day(f, "shop", HOUR + 500), 1);
	assert_int_equal(hours_sum(f->hours, TALLY_DEAD, "shop",
			     (struct hours_span){at(HOUR + 500), HOURS_N}),
	    0);
	assert_int_equal(hours_sum(f->hours, TALLY_STORED, "shop",
			     (struct hours_span){at(HOUR + 501), 1}),
	    0);
	assert_int_equal(hours_sum(f->hours, TALLY_STORED, "shop",
			     (struct hours_span){at(HOUR + 501), 2}),
	    1);
}

/* A counter that is lower than before has begun again. */
static void
counters_begin_again(void **state)
{
	struct fixture *f = *state;

	feed(f, "shop", 5, HOUR);
	feed(f, "shop", 2, HOUR);
	assert_int_equal(day(f, "shop", HOUR), 7);
}

static void
a_clock_that_is_set_back(void **state)
{
	struct fixture *f = *state;

	feed(f, "shop", 5, HOUR);
	feed(f, "shop", 6, HOUR - 1);
	feed(f, "shop", 7, HOUR - 100);
	assert_int_equal(day(f, "shop", HOUR), 6);
}

static void
outlives_the_worker(void **state)
{
	struct fixture *f = *state;

	feed(f, "shop", 5, HOUR);
	assert_true(hours_unsaved(f->hours));
	save(f);
	assert_false(hours_unsaved(f->hours));
	feed(f, "shop", 6, HOUR + 1);
	save(f);
	reload(f, HOUR + 1);
	assert_false(hours_unsaved(f->hours));
	assert_int_equal(day(f, "shop", HOUR + 1), 6);
	feed(f, "shop", 1, HOUR + 1); /* counters of a new process */
	assert_int_equal(day(f, "shop", HOUR + 1), 7);
	save(f);
	reload(f, HOUR + 24);
	assert_int_equal(day(f, "shop", HOUR + 24), 2);
}

/* A batch that was rolled back is saved by the next one. */
static void
saves_again(void **state)
{
	struct fixture *f = *state;

	feed(f, "shop", 5, HOUR);
	assert_int_equal(ops->begin(f->store), STORE_OK);
	assert_int_equal(hours_save(f->hours, ops, f->store), STORE_OK);
	ops->rollback(f->store);
	feed(f, "shop", 6, HOUR);
	save(f);
	reload(f, HOUR);
	assert_int_equal(day(f, "shop", HOUR), 6);
}

static void
bad_names_and_no_memory(void **state)
{
	struct fixture *f = *state;
	char name[CONFIG_NAME_MAX + 2];
	struct hours *hours;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	feed(f, name, 1, HOUR);
	assert_int_equal(day(f, name, HOUR), 0);
	support_fail_alloc(1);
	feed(f, "shop", 1, HOUR);
	support_fail_alloc(0);
	assert_int_equal(day(f, "shop", HOUR), 0);
	for (unsigned n = 1; n <= 2; n++) {
		support_fail_alloc(n);
		hours = hours_new();
		support_fail_alloc(0);
		assert_null(hours);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(counts_a_day, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		counters_begin_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_clock_that_is_set_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		outlives_the_worker, setup, teardown),
	    cmocka_unit_test_setup_teardown(saves_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		bad_names_and_no_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
