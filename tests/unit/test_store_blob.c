/* Blobs that a store keeps, for every implementation. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stores.h"

static enum store_result
keep(struct stores *f, const char *name, const char *bytes, bool *is_new)
{
	const struct store_blob blob = {name, bytes, strlen(bytes)};
	enum store_result result;

	stores_begin(f);
	result = f->ops->keep(f->store, &blob, stores_now.wall_ms, is_new);
	if (result == STORE_OK)
		stores_commit(f);
	return result;
}

static void
must_have(struct stores *f, const char *name, const char *bytes)
{
	struct buf out = {0};
	enum store_result result = f->ops->kept(f->store, name, &out);

	assert_int_equal(result, bytes != NULL ? STORE_OK : STORE_NONE);
	assert_int_equal(out.len, bytes != NULL ? strlen(bytes) : 0);
	if (bytes != NULL)
		assert_memory_equal(out.p, bytes, out.len);
	buf_clear(&out);
}

static void
the_first_stays(void **state)
{
	struct stores *f = *state;
	bool is_new = false;

	must_have(f, "asana/tasks", NULL);
	assert_int_equal(keep(f, "asana/tasks", "one", &is_new), STORE_OK);
	assert_true(is_new);
	assert_int_equal(keep(f, "asana/tasks", "two", &is_new), STORE_OK);
	assert_false(is_new);
	assert_int_equal(keep(f, "asana/other", "three", &is_new), STORE_OK);
	assert_true(is_new);
	must_have(f, "asana/tasks", "one");
	must_have(f, "asana/other", "three");
	must_have(f, "asana", NULL);
}

static void
is_let_go(void **state)
{
	struct stores *f = *state;
	bool is_new = false;

	assert_int_not_equal(f->ops->unkeep(f->store, "one"), STORE_OK);
	assert_int_equal(keep(f, "one", "1", &is_new), STORE_OK);
	assert_int_equal(keep(f, "two", "2", &is_new), STORE_OK);
	stores_begin(f);
	assert_int_equal(f->ops->unkeep(f->store, "one"), STORE_OK);
	f->ops->rollback(f->store);
	must_have(f, "one", "1");
	stores_begin(f);
	assert_int_equal(f->ops->unkeep(f->store, "one"), STORE_OK);
	stores_commit(f);
	must_have(f, "one", NULL);
	must_have(f, "two", "2");
	stores_begin(f);
	assert_int_equal(f->ops->unkeep(f->store, "one"), STORE_NONE);
	f->ops->rollback(f->store);
	assert_int_equal(keep(f, "one", "3", &is_new), STORE_OK);
	assert_true(is_new);
	must_have(f, "one", "3");
}

static void
rolls_back(void **state)
{
	const struct store_blob blob = {"n", "x", 1};
	struct stores *f = *state;
	bool is_new;

	assert_int_not_equal(
	    f->ops->keep(f->store, &blob, 0, &is_new), STORE_OK);
	stores_begin(f);
	assert_int_equal(f->ops->keep(f->store, &blob, 0, &is_new), STORE_OK);
	f->ops->rollback(f->store);
	must_have(f, "n", NULL);
}

static void
has_limits(void **state)
{
	static char bytes[STORE_BLOB_MAX + 2];
	char name[STORE_BLOB_NAME_MAX + 2];
	struct stores *f = *state;
	bool is_new;

	memset(bytes, 'b', sizeof bytes - 1);
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(keep(f, name, "x", &is_new), STORE_NONE);
	assert_int_equal(keep(f, "", "x", &is_new), STORE_NONE);
	assert_int_equal(keep(f, "n", "", &is_new), STORE_NONE);
	assert_int_equal(keep(f, "n", bytes, &is_new), STORE_NONE);
	name[STORE_BLOB_NAME_MAX] = '\0';
	bytes[STORE_BLOB_MAX] = '\0';
	assert_int_equal(keep(f, name, bytes, &is_new), STORE_OK);
	must_have(f, name, bytes);
	stores_begin(f);
	for (int i = 1; i < STORE_BLOBS_MAX; i++) {
		const struct store_blob blob = {name, "x", 1};

		snprintf(name, sizeof name, "%d", i);
		assert_int_equal(
		    f->ops->keep(f->store, &blob, 0, &is_new), STORE_OK);
	}
	stores_commit(f);
	assert_int_equal(keep(f, "more", "x", &is_new), STORE_NONE);
	assert_int_equal(keep(f, "7", "y", &is_new), STORE_OK);
	assert_false(is_new);
}

static void
outlives_the_worker(void **state)
{
	struct stores *f = *state;
	bool is_new;

	assert_int_equal(keep(f, "asana/tasks", "one", &is_new), STORE_OK);
	f->ops->close(f->store);
	stores_open(f);
	must_have(f, "asana/tasks", "one");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    STORES_BOTH(the_first_stays),
	    STORES_BOTH(is_let_go),
	    STORES_BOTH(rolls_back),
	    STORES_BOTH(has_limits),
	    cmocka_unit_test_setup_teardown(
		outlives_the_worker, stores_sqlite, stores_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
