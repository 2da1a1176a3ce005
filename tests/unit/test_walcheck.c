#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "../../worker/walcheck.h"
#include "support.h"

enum { HEADER = 32, FRAME = 24 + 4096 };

/* A log SQLite wrote, taken while the database is open. */
struct fixture {
	char *dir, *path;
	unsigned char *log;
	size_t len;
};

static void
run(sqlite3 *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	char *name, *wal;
	sqlite3 *db;

	assert_non_null(f);
	f->dir = support_dir();
	name = support_path(f->dir, "x.db");
	assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
	run(db, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;"
		"PRAGMA wal_autocheckpoint = 0; CREATE TABLE t(x)");
	/* 2 + 4 x 6 frames or so, and one commit of several pages. */
	for (int i = 0; i < 4; i++)
		run(db, "INSERT INTO t VALUES(zeroblob(20000))");
	wal = support_path(f->dir, "x.db-wal");
	f->log = (unsigned char *)support_read(wal, &f->len);
	f->path = support_path(f->dir, "log");
	assert_int_equal((f->len - HEADER) % FRAME, 0);
	sqlite3_close(db);
	free(wal);
	free(name);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	support_dir_remove(f->dir);
	free(f->path);
	free(f->log);
	free(f);
	return 0;
}

static size_t
frames(const struct fixture *f)
{
	return (f->len - HEADER) / FRAME;
}

static unsigned char *
frame(struct fixture *f, size_t i)
{
	return f->log + HEADER + i * FRAME;
}

static bool
is_commit(struct fixture *f, size_t i)
{
	static const unsigned char no[4] = {0};

	return memcmp(frame(f, i) + 4, no, 4) != 0;
}

static enum walcheck
check_len(struct fixture *f, size_t len, bool same_boot)
{
	struct walcheck_facts facts;

	support_write(f->path, f->log, len, 0600);
	return walcheck(f->path, same_boot, &facts);
}

static enum walcheck
check(struct fixture *f, bool same_boot)
{
	return check_len(f, f->len, same_boot);
}

/* The first frame of the last transaction. */
static size_t
last_transaction(struct fixture *f)
{
	size_t i = frames(f) - 1;

	assert_true(is_commit(f, i));
	while (i > 0 && !is_commit(f, i - 1))
		i--;
	assert_true(i + 3 < frames(f));
	return i;
}

static void
good_logs(void **state)
{
	struct fixture *f = *state;
	struct walcheck_facts facts;

	assert_int_equal(check(f, false), WALCHECK_GOOD);
	assert_int_equal(walcheck(f->path, true, &facts), WALCHECK_GOOD);
	assert_int_equal(facts.frames, frames(f));
	assert_int_equal(facts.behind, 0);
	assert_int_equal(facts.bytes, f->len);
}

static void
no_logs(void **state)
{
	struct fixture *f = *state;
	struct walcheck_facts facts;

	assert_int_equal(
	    walcheck("/nonexistent/wal", true, &facts), WALCHECK_EMPTY);
	assert_int_equal(walcheck(f->dir, true, &facts), WALCHECK_ERROR);
	assert_int_equal(check_len(f, 0, true), WALCHECK_EMPTY);
	assert_int_equal(check_len(f, 31, true), WALCHECK_EMPTY);
	assert_int_equal(check_len(f, HEADER, true), WALCHECK_EMPTY);
	memset(f->log, 0, HEADER);
	assert_int_equal(check(f, true), WALCHECK_EMPTY);
}

/* Cut anywhere, as a killed process leaves it. */
static void
cut_logs_are_torn(void **state)
{
	struct fixture *f = *state;

	for (size_t len = HEADER + FRAME; len < f->len; len += 1013) {
		enum walcheck found = check_len(f, len, true);

		assert_true(found == WALCHECK_GOOD || found == WALCHECK_TORN);
	}
}

/* Any bit of what was synced and has a commit and more behind it. */
static void
flips_are_damage(void **state)
{
	struct fixture *f = *state;
	size_t end = HEADER + last_transaction(f) * FRAME;

	for (size_t at = 0; at < end; at += 397) {
		f->log[at] ^= 0x10;
		assert_int_equal(check(f, false), WALCHECK_DAMAGED);
		assert_int_equal(check(f, true), WALCHECK_DAMAGED);
		f->log[at] ^= 0x10;
	}
	for (size_t at = 0; at < HEADER; at++) {
		f->log[at] ^= 1;
		assert_int_equal(check(f, false), WALCHECK_DAMAGED);
		f->log[at] ^= 1;
	}
	assert_int_equal(check(f, false), WALCHECK_GOOD);
}

/* In the last transaction a power cut may have left any part. */
static void
the_last_transaction(void **state)
{
	struct fixture *f = *state;
	size_t first = last_transaction(f);

	frame(f, first + 1)[1000] ^= 1;
	assert_int_equal(check(f, false), WALCHECK_TORN);
	/* Without one it was whole: a killed process leaves no gaps. */
	assert_int_equal(check(f, true), WALCHECK_DAMAGED);
	/* Its commit is missing: never acknowledged. */
	assert_int_equal(check_len(f, f->len - FRAME, true), WALCHECK_TORN);
}

/* Frames of an earlier use of the file have another salt. */
static void
old_frames_do_not_count(void **state)
{
	struct fixture *f = *state;
	size_t first = last_transaction(f);

	for (size_t i = first; i < frames(f); i++)
		frame(f, i)[8] ^= 1;
	assert_int_equal(check(f, true), WALCHECK_TORN);
	frame(f, first - 1)[50] ^= 1;
	assert_int_equal(check(f, true), WALCHECK_TORN);
	frame(f, first - 2)[50] ^= 1;
	assert_int_equal(check(f, true), WALCHECK_DAMAGED);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ONE(good_logs),
	    ONE(no_logs),
	    ONE(cut_logs_are_torn),
	    ONE(flips_are_damage),
	    ONE(the_last_transaction),
	    ONE(old_frames_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
