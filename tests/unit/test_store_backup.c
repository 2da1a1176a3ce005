/* A copy of a store that goes on meanwhile. */

#include <sys/stat.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <sqlite3.h>

#include "../../shared/clock.h"
#include "../../worker/store.h"
#include "support.h"

enum { HOUR = 3600000, DAY = 24 * HOUR, FIRST = 1500, BODY = 9000 };

struct fixture {
	struct config_store config;
	struct store *store;
	char *dir, *url;
	char *copy, *temporary; /* paths */
	unsigned n;             /* events */
};

static const struct store_ops *const ops = &store_sqlite;

static struct store *
open_store(struct config_store *config, char *url)
{
	const struct store_options options = {
	    .config = config, .worker = "test", .now_ms = clock_wall_ms()};
	struct store *store;

	config->url = url;
	store = ops->open(&options);
	assert_non_null(store);
	return store;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->config = (struct config_store){
	    .dedup_ms = 30 * (int64_t)DAY,
	    .keep_delivered_ms = 7 * (int64_t)DAY,
	    .keep_unmatched_ms = 30 * (int64_t)DAY,
	    .keep_dead_ms = 30 * (int64_t)DAY,
	};
	f->dir = support_dir();
	f->copy = support_path(f->dir, "copy.db");
	f->temporary = support_path(f->dir, "copy.db.tmp");
	assert_true(asprintf(&f->url, "sqlite:%s/s.db", f->dir) > 0);
	f->store = open_store(&f->config, f->url);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	ops->close(f->store);
	support_dir_remove(f->dir);
	free(f->url);
	free(f->copy);
	free(f->temporary);
	free(f);
	return 0;
}

static void
put(struct fixture *f)
{
	static char body[BODY];
	struct event event = {
	    .id = {1, [14] = (uint8_t)(f->n >> 8), [15] = (uint8_t)f->n},
	    .source = "shop",
	    .key = "",
	    .type = "",
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "",
	    .content_type = "",
	    .headers = "{}",
	    .scheme = "none",
	    .body = body,
	    .body_len = sizeof body};
	struct store_put_result result;

	memset(body, (int)f->n, sizeof body);
	EVP_Digest(body, sizeof body, event.sha256, NULL, EVP_sha256(), NULL);
	assert_int_equal(
	    ops->put(f->store, &event, clock_wall_ms(), &result), STORE_OK);
	f->n++;
}

static void
put_in_batch(struct fixture *f, unsigned n)
{
	assert_int_equal(ops->begin(f->store), STORE_OK);
	while (n-- > 0)
		put(f);
	assert_int_equal(ops->commit(f->store), STORE_OK);
}

static void
begin_backup(struct fixture *f)
{
	const char *error;

	if (ops->backup(f->store, f->copy, &error) != 0)
		fail_msg("%s", error);
}

static void
refuse_backup(struct fixture *f, const char *path, const char *part)
{
	const char *error;

	assert_int_equal(ops->backup(f->store, path, &error), -1);
	support_contains(error, part);
}

/* Until it is made, or is not. */
static struct store_backup
wait_backup(struct fixture *f)
{
	struct store_backup now;

	do {
		if (!ops->backup_step(f->store, &now))
			(void)poll(NULL, 0, 1);
	} while (now.running);
	return now;
}

static int64_t
ask(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int64_t value;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

static const char count_events[] = "SELECT count(*) FROM event";

static void
count_whole(void *arg, const struct store_row *row)
{
	const unsigned char *body = row->event->body;

	assert_int_equal(row->event->body_len, BODY);
	assert_int_equal(body[BODY - 1], row->event->id[15]);
	++*(unsigned *)arg;
}

/* It opens as a store, and events are whole in it. */
static void
expect_store(struct fixture *f, unsigned events)
{
	static const char whole[] =
	    "SELECT count(*) FROM pragma_integrity_check "
	    "WHERE integrity_check = 'ok'";
	struct config_store config = f->config;
	struct store *store;
	unsigned found = 0;
	char *url;

	assert_int_equal(ask(f->copy, whole), 1);
	assert_int_equal(ask(f->copy, count_events), events);
	assert_true(asprintf(&url, "sqlite:%s", f->copy) > 0);
	store = open_store(&config, url);
	for (unsigned n = 0; n < events; n += 100) {
		uint8_t id[EVENT_ID_LEN] = {
		    1, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n};

		assert_int_equal(
		    ops->show(store, id, count_whole, &found), STORE_OK);
	}
	assert_int_equal(found, (events + 99) / 100);
	ops->close(store);
	free(url);
}

/* ---- tests ---- */

/* Events that come while it is made neither delay it for ever nor damage it;
 * a batch that is rolled back makes it begin anew, once. */
static void
copies_a_store_that_goes_on(void **state)
{
	struct fixture *f = *state;
	struct store_backup now;
	unsigned steps = 0, before;
	struct stat st;

	put_in_batch(f, FIRST);
	before = f->n;
	begin_backup(f);
	refuse_backup(f, f->copy, "another backup");
	while (ops->backup_step(f->store, &now)) {
		assert_true(now.begun && now.running);
		put_in_batch(f, 1);
		if (++steps == 2) {
			assert_int_equal(ops->begin(f->store), STORE_OK);
			put(f);
			ops->rollback(f->store);
			f->n--;
		}
		assert_true(steps < FIRST);
	}
	now = wait_backup(f);
	assert_string_equal(now.error, "");
	assert_string_equal(now.path, f->copy);
	assert_int_equal(now.pages, now.total);
	assert_true(f->n > before);
	assert_int_equal(stat(f->copy, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_not_equal(access(f->temporary, F_OK), 0);
	expect_store(f, f->n);
	put_in_batch(f, 1);
	assert_int_equal(ask(f->copy, count_events), f->n - 1);
}

static void
overwrites_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_backup now;
	char *text;

	put_in_batch(f, 10);
	support_write(f->copy, "mine", 4, 0600);
	refuse_backup(f, f->copy, "already");
	assert_int_equal(unlink(f->copy), 0);
	support_write(f->temporary, "mine", 4, 0600);
	refuse_backup(f, f->copy, "PATH.tmp");
	text = support_read(f->temporary, NULL);
	assert_string_equal(text, "mine");
	free(text);
	assert_int_equal(unlink(f->temporary), 0);
	/* one that appears while the copy is made */
	begin_backup(f);
	support_write(f->copy, "mine", 4, 0600);
	now = wait_backup(f);
	assert_false(now.running);
	support_contains(now.error, "exists");
	text = support_read(f->copy, NULL);
	assert_string_equal(text, "mine");
	free(text);
	assert_int_not_equal(access(f->temporary, F_OK), 0);
}

static void
refuses_other_paths(void **state)
{
	struct fixture *f = *state;
	struct store_backup now;

	refuse_backup(f, "copy.db", "absolute");
	refuse_backup(f, "", "absolute");
	refuse_backup(f, "/", "absolute");
	refuse_backup(f, "/nowhere/copy.db", "No such file");
	assert_false(ops->backup_step(f->store, &now));
	assert_false(now.begun);
	f->config.reserve = INT64_MAX / 2;
	refuse_backup(f, f->copy, "reserve");
	assert_int_not_equal(access(f->temporary, F_OK), 0);
}

static void
leaves_nothing_when_closed(void **state)
{
	struct fixture *f = *state;
	struct store_backup now;

	put_in_batch(f, FIRST);
	begin_backup(f);
	assert_true(ops->backup_step(f->store, &now));
	ops->close(f->store);
	assert_int_not_equal(access(f->temporary, F_OK), 0);
	assert_int_not_equal(access(f->copy, F_OK), 0);
	f->store = open_store(&f->config, f->url);
	begin_backup(f);
	assert_string_equal(wait_backup(f).error, "");
	expect_store(f, FIRST);
}

static void
memory_cannot(void **state)
{
	const struct config_store config = {.dedup_ms = DAY};
	const struct store_options options = {.config = &config};
	struct store *store = store_memory.open(&options);
	struct store_backup now;
	const char *error;

	(void)state;
	assert_non_null(store);
	assert_int_equal(store_memory.backup(store, "/tmp/x", &error), -1);
	support_contains(error, "memory");
	assert_false(store_memory.backup_step(store, &now));
	assert_false(now.begun);
	store_memory.close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		copies_a_store_that_goes_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		overwrites_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		refuses_other_paths, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		leaves_nothing_when_closed, setup, teardown),
	    cmocka_unit_test(memory_cannot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
