/* deadletters: the worker's side, real files and a fake clock. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "../../worker/deadletters.h"
#include "graves.h"
#include "support.h"

static unsigned buried;

static void
on_buried(void *arg, struct store_delivery *delivery)
{
	(void)arg;
	buried++;
	store_delivery_free(delivery);
}

/* A delivery whose event's id ends in `n`. */
static struct store_delivery *
a_delivery(uint8_t n)
{
	struct store_delivery *delivery = calloc(1, sizeof(*delivery));
	struct event event = graves_event();

	event.id[15] = n;
	delivery->route = strdup("deploy");
	delivery->reason = strdup("attempts");
	delivery->attempts = strdup("[]");
	delivery->died_at_ms = 1795318490000;
	delivery->event = event_copy(&event);
	return delivery;
}

static struct config_dead_letter
settings(char *dir)
{
	return (struct config_dead_letter){
	    .directory = dir, .keep_ms = INT64_C(90) * 86400000};
}

static struct deadletters *
open_letters(const struct config_dead_letter *config)
{
	struct deadletters *letters =
	    deadletters_open(config, "local", on_buried, NULL);

	assert_non_null(letters);
	buried = 0;
	return letters;
}

/* All that is due at this moment of the fake clock. */
static void
steps(struct deadletters *letters)
{
	for (int i = 0;
	     i < 1000 && deadletters_due_ms(letters) <= clock_boot_ms(); i++)
		deadletters_step(letters);
}

static struct clock_fake fake;

static int
set_clock(void **state)
{
	(void)state;
	fake = (struct clock_fake){1795318500000, 1000000};
	clock_set_fake(&fake);
	return 0;
}

static int
unset_clock(void **state)
{
	(void)state;
	clock_set_fake(NULL);
	return 0;
}

static void
pass(int64_t ms)
{
	fake.wall_ms += ms;
	fake.boot_ms += ms;
	clock_set_fake(&fake);
}

static void
test_letters_written(void **state)
{
	char *dir = support_dir(), *inner = support_path(dir, "dead");
	struct config_dead_letter config = settings(inner);
	struct deadletters *letters = open_letters(&config);

	(void)state;
	support_stderr_begin();
	for (uint8_t i = 0; i < 20; i++)
		deadletters_add(letters, a_delivery(i), strdup("x"));
	steps(letters);
	free(support_stderr_end());
	assert_int_equal(buried, 20);
	assert_int_equal(graves_count(inner, "2026-11-22"), 20);
	deadletters_close(letters);
	free(inner);
	support_dir_remove(dir);
}

static void
test_letters_locked(void **state)
{
	char *dir = support_dir();
	struct config_dead_letter config = settings(dir);
	struct deadletters *letters = open_letters(&config);

	(void)state;
	support_stderr_begin();
	assert_null(deadletters_open(&config, "second", on_buried, NULL));
	free(support_stderr_end());
	deadletters_close(letters);
	letters = open_letters(&config);
	deadletters_close(letters);
	support_dir_remove(dir);
}

/* The directory cannot be used for a while: nothing is lost. */
static void
test_letters_wait(void **state)
{
	char *dir = support_dir(), *inner = support_path(dir, "dead");
	struct config_dead_letter config = settings(inner);
	struct deadletters *letters;

	(void)state;
	support_write(inner, "a file", 6, 0600);
	support_stderr_begin();
	letters = open_letters(&config);
	deadletters_add(letters, a_delivery(1), NULL);
	steps(letters);
	assert_int_equal(buried, 0);
	unlink(inner);
	steps(letters);
	assert_int_equal(buried, 0);
	pass(2000);
	steps(letters);
	free(support_stderr_end());
	assert_int_equal(buried, 1);
	deadletters_close(letters);
	free(inner);
	support_dir_remove(dir);
}

static void
test_letters_hold(void **state)
{
	char *dir = support_dir();
	struct config_dead_letter config = settings(dir);
	struct deadletters *letters;

	(void)state;
	config.max = 2500;
	support_stderr_begin();
	letters = open_letters(&config);
	for (uint8_t i = 0; i < 12; i++)
		deadletters_add(letters, a_delivery(i), NULL);
	steps(letters);
	assert_in_range(buried, 1, 4);
	/* Somebody removes them: it goes on. */
	while (buried < 12) {
		unsigned before = buried;
		char *day = support_path(dir, "2026-11-22");

		support_dir_remove(day);
		pass(60000);
		steps(letters);
		assert_true(buried > before);
	}
	free(support_stderr_end());
	deadletters_close(letters);
	support_dir_remove(dir);
}

static void
test_letters_delete_oldest(void **state)
{
	char *dir = support_dir(), *path;
	struct config_dead_letter config = settings(dir);
	struct deadletters *letters;

	(void)state;
	config.max = 5000;
	config.when_full = CONFIG_FULL_DELETE_OLDEST;
	graves_touch(dir, "2026-11-20", "old.dead");
	graves_touch(dir, "replayed", "done.dead");
	support_stderr_begin();
	letters = open_letters(&config);
	for (uint8_t i = 0; i < 100; i++)
		deadletters_add(letters, a_delivery(i), NULL);
	steps(letters);
	free(support_stderr_end());
	assert_int_equal(buried, 100);
	assert_in_range(graves_count(dir, ""), 1, 8);
	path = support_path(dir, "2026-11-20");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(graves_count(dir, "replayed"), 0);
	free(path);
	deadletters_close(letters);
	support_dir_remove(dir);
}

/* Old ones go; and not because somebody sets the clock. */
static void
test_letters_expire(void **state)
{
	char *dir = support_dir();
	struct config_dead_letter config = settings(dir);
	struct deadletters *letters;

	(void)state;
	graves_touch(dir, "2026-08-20", "a.dead");
	graves_touch(dir, "2026-08-20", "b.dead");
	graves_touch(dir, "2026-08-25", "c.dead");
	graves_touch(dir, "other", "d.dead");
	support_stderr_begin();
	letters = open_letters(&config);
	steps(letters);
	assert_int_equal(graves_count(dir, "2026-08-25"), 1);
	assert_int_equal(graves_count(dir, ""), 2);
	fake.wall_ms += INT64_C(1000) * 86400000;
	clock_set_fake(&fake);
	pass(3600000);
	steps(letters);
	assert_int_equal(graves_count(dir, "2026-08-25"), 1);
	pass(INT64_C(5) * 86400000);
	steps(letters);
	free(support_stderr_end());
	assert_int_equal(graves_count(dir, ""), 1);
	deadletters_close(letters);
	support_dir_remove(dir);
}

int
main(void)
{
#define WITH_CLOCK(test)                                                       \
	cmocka_unit_test_setup_teardown(test, set_clock, unset_clock)
	const struct CMUnitTest tests[] = {
	    WITH_CLOCK(test_letters_written),
	    WITH_CLOCK(test_letters_locked),
	    WITH_CLOCK(test_letters_wait),
	    WITH_CLOCK(test_letters_hold),
	    WITH_CLOCK(test_letters_delete_oldest),
	    WITH_CLOCK(test_letters_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
