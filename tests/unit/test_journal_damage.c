/* The journal: damage, files of others, disks and memory that fail. */

#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "booked.h"
#include "platter.h"
#include "support.h"

/* ---- damage ---- */

enum {
	LAST_AT = 7 * BOOKED_BLOCK, /* of the four */
	LAST_BLOCKS = 5,
};

static void
torn_entry_is_none(void **state)
{
	static const unsigned char zeroes[LAST_BLOCKS * BOOKED_BLOCK];
	char *whole;
	size_t len;

	(void)state;
	booked_add_four();
	whole = support_read(booked.path, &len);
	for (int block = 0; block < LAST_BLOCKS; block++) {
		/* All from there on is missing; then that block alone. */
		for (int n = LAST_BLOCKS - block; n > 0; n = n > 1 ? 1 : 0) {
			booked_poke(LAST_AT + block * BOOKED_BLOCK, zeroes,
			    (size_t)n * BOOKED_BLOCK);
			booked_open(0);
			booked_expect(1, 5);
			booked_poke(0, whole, LAST_AT + sizeof zeroes);
		}
	}
	booked_open(0);
	booked_expect(1, booked.added);
	/* Its place and its numbers are taken by the next. */
	booked_flip(LAST_AT + 100);
	booked_open(0);
	booked.added = 5;
	booked_add_one(300);
	booked_open(2);
	booked_expect(3, 6);
	free(whole);
}

static void
changed_entry_is_none(void **state)
{
	const off_t places[] = {0, 8, 16, 24, 28, 32, 40, 48, 63, BOOKED_HEAD,
	    BOOKED_HEAD + 4, BOOKED_HEAD + 11, BOOKED_HEAD + 12,
	    BOOKED_HEAD + 12 + 5000, BOOKED_HEAD + 12 + 17999};

	(void)state;
	booked_add_four();
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		booked_flip(LAST_AT + places[i]);
		booked_open(0);
		booked_expect(1, 5);
		booked_flip(LAST_AT + places[i]);
	}
	booked_open(0);
	booked_expect(1, booked.added);
}

static void
damage_in_the_middle_is_told(void **state)
{
	char *said;

	(void)state;
	booked_add_four();
	booked_flip(BOOKED_BLOCK + 200); /* the second: 2 to 4 */
	booked_open(0);
	booked_expect_one(1);
	support_stderr_begin();
	booked_expect_one(5);
	said = support_stderr_end();
	support_contains(said, "journal_gap");
	support_contains(said, "events=3");
	free(said);
	booked_expect(6, booked.added);
	/* The store has a part of what is missing. */
	booked_open(3);
	support_stderr_begin();
	booked_expect_one(5);
	said = support_stderr_end();
	support_contains(said, "events=1");
	free(said);
	booked_open(4);
	support_stderr_begin();
	booked_expect(5, booked.added);
	said = support_stderr_end();
	assert_string_equal(said, "");
	free(said);
}

static void
garbage_is_no_journal(void **state)
{
	unsigned char *bytes = malloc(BOOKED_FILE);

	(void)state;
	booked.random = 3;
	assert_non_null(bytes);
	for (size_t i = 0; i < BOOKED_FILE; i++)
		bytes[i] = (unsigned char)booked_any(256);
	booked_poke(0, bytes, BOOKED_FILE);
	free(bytes);
	booked_open(0);
	booked_expect_none();
	booked_add_four();
	booked_open(0);
	booked_expect(1, booked.added);
	/* A shorter file than it was made. */
	assert_int_equal(truncate(booked.path, LAST_AT + BOOKED_BLOCK), 0);
	booked_open(0);
	booked_expect(1, 5);
}

/* ---- another store ---- */

static void
of_another_store_is_set_aside(void **state)
{
	char *aside = support_path(booked.dir, "intake.0000000000001234");
	char *before, *after, *said;
	size_t len;

	(void)state;
	booked_add_four();
	journal_close(booked.journal);
	before = support_read(booked.path, &len);
	support_stderr_begin();
	assert_int_equal(journal_open(booked.path, 77, 2, &booked.journal), 0);
	said = support_stderr_end();
	assert_non_null(booked.journal);
	booked_expect_none();
	support_contains(said, "journal_set_aside");
	support_contains(said, aside);
	after = support_read(aside, NULL);
	assert_memory_equal(before, after, len);
	assert_false(booked_has(1));
	booked.added = 2;
	booked_add_one(10);
	journal_close(booked.journal);
	assert_int_equal(journal_open(booked.path, 77, 2, &booked.journal), 0);
	booked_expect(3, 3);
	free(said);
	free(before);
	free(after);
	free(aside);
}

static void
set_aside_needs_room(void **state)
{
	char *aside = support_path(booked.dir, "intake.0000000000001234");
	char *said;

	(void)state;
	booked_add_one(10);
	journal_close(booked.journal);
	/* The new one has none; the other one is there still. */
	support_stderr_begin();
	platter_fail_room(ENOSPC);
	assert_int_equal(journal_open(booked.path, 77, 0, &booked.journal), 0);
	said = support_stderr_end();
	assert_null(booked.journal);
	support_contains(said, "journal_set_aside");
	support_contains(said, "journal_not_made");
	free(said);
	platter_fail_room(0);
	assert_int_not_equal(access(booked.path, F_OK), 0);
	assert_int_equal(rename(aside, booked.path), 0);
	free(aside);
	booked_open(0);
	booked_expect(1, 1);
}

/* A sender may have put one into its event: what is left of that, behind what
 * was written over it, says nothing. */
static void
entry_in_a_frame_is_no_entry(void **state)
{
	/* The head of one frame of a byte, of another store. */
	struct {
		char magic[8];
		uint8_t check[16];
		uint64_t store, first, from, to;
		uint32_t n, bytes;
		uint32_t len;
		char frame[4];
	} fake = {"gaffjrn2", {0}, 99, 1, 1, 0, 1, 1, 1, "x"};

	unsigned char digest[EVP_MAX_MD_SIZE];
	static unsigned char bytes[JOURNAL_FRAME_BYTES];
	struct journal_frame frame = {bytes, sizeof bytes};
	char *aside = support_path(booked.dir, "intake.0000000000000063");

	(void)state;
	assert_int_equal(EVP_Digest(&fake.store, BOOKED_HEAD - 24 + 4 + 1,
			     digest, NULL, EVP_sha256(), NULL),
	    1);
	memcpy(fake.check, digest, sizeof fake.check);
	/* As it stands alone it is one. */
	booked_poke(0, &fake, sizeof fake);
	booked_open(0);
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(unlink(aside), 0);
	/* At each multiple of a block in the file. */
	for (size_t at = BOOKED_BLOCK - BOOKED_HEAD - 4;
	     at < sizeof bytes - BOOKED_BLOCK; at += BOOKED_BLOCK)
		memcpy(bytes + at, &fake, sizeof fake);
	for (booked.added = 0; booked.added < 14; booked.added++) {
		(void)journal_begin(booked.journal, &frame, 1);
		assert_false(booked_ended().failed);
	}
	journal_upto(booked.journal, booked.added);
	/* The second of these goes over half of the first of those. */
	booked_add_one(sizeof bytes / 2);
	booked_add_one(sizeof bytes / 2);
	for (int i = 0; i < 2; i++) {
		booked_open(14);
		assert_int_not_equal(access(aside, F_OK), 0);
		booked_expect(15, 16);
	}
	free(aside);
}

/* ---- faults ---- */

static void
without_room_there_is_none(void **state)
{
	char *other = support_path(booked.dir, "other");
	struct journal *journal;
	char *said;

	(void)state;
	platter_fail_room(ENOSPC);
	support_stderr_begin();
	assert_int_equal(journal_open(other, BOOKED_STORE, 0, &journal), 0);
	said = support_stderr_end();
	assert_null(journal);
	support_contains(said, "journal_not_made");
	support_contains(said, other);
	assert_int_not_equal(access(other, F_OK), 0);
	free(said);
	/* That is no fault; this is. */
	platter_fail_room(EIO);
	support_stderr_begin();
	assert_int_equal(journal_open(other, BOOKED_STORE, 0, &journal), -1);
	said = support_stderr_end();
	assert_null(journal);
	support_contains(said, "journal_failed");
	free(said);
	free(other);
}

/* A copy with holes on a full disk: what is in it is not given away. */
static void
without_room_what_is_left_stays(void **state)
{
	char *said;

	(void)state;
	booked_add_four();
	assert_int_equal(truncate(booked.path, JOURNAL_HALF), 0);
	journal_close(booked.journal);
	platter_fail_room(ENOSPC);
	support_stderr_begin();
	assert_int_equal(
	    journal_open(booked.path, BOOKED_STORE, 0, &booked.journal), 0);
	said = support_stderr_end();
	support_contains(said, "journal_not_whole");
	free(said);
	assert_non_null(booked.journal);
	booked_expect(1, booked.added);
	assert_false(journal_fits(booked.journal, 1, 1));
	platter_fail_room(0);
	booked_open(0);
	booked_expect(1, booked.added);
	booked_add_one(5);
}

static void
missing_directory_is_told(void **state)
{
	char *path = support_path(booked.dir, "none/intake"), *said;
	struct journal *journal;

	(void)state;
	support_stderr_begin();
	assert_int_equal(journal_open(path, BOOKED_STORE, 0, &journal), -1);
	said = support_stderr_end();
	assert_null(journal);
	support_contains(said, "journal_failed");
	support_contains(said, path);
	support_contains(said, "No such file");
	free(said);
	free(path);
}

static void
failing_disk_is_told(void **state)
{
	struct journal_frame frame = {"abc", 3};
	char *said;

	(void)state;
	platter_fail(EIO);
	support_stderr_begin();
	(void)journal_begin(booked.journal, &frame, 1);
	assert_true(booked_ended().failed);
	assert_false(journal_fits(booked.journal, 1, 3));
	assert_int_equal(journal_scrub(booked.journal), -1);
	said = support_stderr_end();
	support_contains(said, "journal_failed");
	support_contains(said, "Input/output error");
	free(said);
}

static void
failing_memory_is_told(void **state)
{
	struct journal *journal = NULL;
	char *said;
	unsigned n;

	(void)state;
	booked_add_four();
	for (n = 1; support_fail_alloc(n), journal == NULL; n++) {
		support_stderr_begin();
		if (journal_open(booked.path, BOOKED_STORE, 2, &journal) != 0)
			assert_null(journal);
		support_fail_alloc(0);
		said = support_stderr_end();
		if (journal == NULL)
			support_contains(said, "level=error");
		free(said);
	}
	support_fail_alloc(0);
	assert_true(n > 3);
	journal_close(booked.journal);
	booked.journal = journal;
	booked_expect(3, booked.added);
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, booked_setup, booked_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(torn_entry_is_none),
	    TEST(changed_entry_is_none),
	    TEST(damage_in_the_middle_is_told),
	    TEST(garbage_is_no_journal),
	    TEST(of_another_store_is_set_aside),
	    TEST(set_aside_needs_room),
	    TEST(entry_in_a_frame_is_no_entry),
	    TEST(without_room_there_is_none),
	    TEST(without_room_what_is_left_stays),
	    TEST(missing_directory_is_told),
	    TEST(failing_disk_is_told),
	    TEST(failing_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
