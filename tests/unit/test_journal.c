/* The journal: what an earlier life left comes back, whatever happened to it.
 */

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "../../worker/journal.h"
#include "support.h"

enum {
	BLOCK = 4096,
	SIZE = 2 * JOURNAL_HALF,
	NUMBERS = 1 << 16,
	STORE = 0x1234,
};

/* A journal, and what was put into it: the bytes of a frame follow from its
 * number. */
static struct {
	char *dir;
	char *path;
	struct journal *journal;
	uint64_t added; /* the last number */
	uint32_t len[NUMBERS];
	uint64_t random;
} j;

/* ---- a disk that fails ---- */

static struct {
	unsigned syncs;
	size_t at_once;  /* bytes it takes at once; 0: all */
	int sync_error;  /* 0: it works */
	int space_error; /* the same */
} disk;

/* In the place of the library's: nothing here waits for a disk. */
int
fsync(int fd)
{
	assert_true(fd >= 0);
	return 0;
}

ssize_t
pwritev2(int fd, const struct iovec *parts, int n, off_t at, int flags)
{
	struct iovec part = *parts;

	assert_int_equal(n, 1);
	assert_int_equal(flags, RWF_DSYNC);
	disk.syncs++;
	if (disk.sync_error != 0) {
		errno = disk.sync_error;
		return -1;
	}
	if (disk.at_once != 0 && part.iov_len > disk.at_once)
		part.iov_len = disk.at_once;
	return pwritev(fd, &part, 1, at);
}

int
posix_fallocate(int fd, off_t at, off_t len)
{
	if (disk.space_error != 0)
		return disk.space_error;
	return syscall(SYS_fallocate, fd, 0, at, len) == 0 ? 0 : errno;
}

/* ---- frames ---- */

static uint32_t
any(uint32_t below)
{
	j.random = j.random * UINT64_C(6364136223846793005) +
		   UINT64_C(1442695040888963407);
	return (uint32_t)(j.random >> 33) % below;
}

/* Eight bytes of it say which frame it is. */
static void
fill(unsigned char *out, uint64_t number, size_t len)
{
	uint64_t mark = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)(mark >> 8 * (i % sizeof mark));
}

/* The next n frames, of these lengths. */
static uint64_t
add(size_t n, const uint32_t *lens)
{
	static unsigned char bytes[2 * JOURNAL_HALF];
	struct journal_frame frames[JOURNAL_FRAMES];
	size_t used = 0;
	uint64_t number;

	for (size_t i = 0; i < n; i++) {
		j.len[j.added + 1 + i] = lens[i];
		fill(bytes + used, j.added + 1 + i, lens[i]);
		frames[i] = (struct journal_frame){bytes + used, lens[i]};
		used += lens[i];
	}
	assert_true(journal_fits(j.journal, n, used));
	disk.syncs = 0;
	number = journal_add(j.journal, frames, n);
	if (disk.at_once == 0)
		assert_int_equal(disk.syncs, 1);
	assert_int_equal(number, j.added + 1);
	j.added += n;
	return number;
}

static void
add_one(uint32_t len)
{
	(void)add(1, &len);
}

static void
open_at(uint64_t upto)
{
	journal_close(j.journal);
	j.journal = NULL;
	assert_int_equal(journal_open(j.path, STORE, upto, &j.journal), 0);
	assert_non_null(j.journal);
}

/* The next one left is this one. */
static void
expect_one(uint64_t number)
{
	static unsigned char bytes[JOURNAL_FRAME_BYTES];
	struct journal_frame frame;
	uint64_t got;

	assert_true(journal_left(j.journal, &got, &frame));
	assert_int_equal(got, number);
	assert_int_equal(frame.len, j.len[number]);
	fill(bytes, number, frame.len);
	if (frame.len > 0)
		assert_memory_equal(frame.p, bytes, frame.len);
}

static void
expect_none(void)
{
	struct journal_frame frame;
	uint64_t number;

	for (int i = 0; i < 2; i++)
		assert_false(journal_left(j.journal, &number, &frame));
}

static void
expect_left(uint64_t first, uint64_t last)
{
	while (first <= last)
		expect_one(first++);
	expect_none();
}

/* ---- its file ---- */

static void
poke(off_t at, const void *p, size_t len)
{
	int fd = open(j.path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, len, at), len);
	(void)close(fd);
}

/* One bit of the byte there. */
static void
flip(off_t at)
{
	int fd = open(j.path, O_RDWR | O_CLOEXEC);
	unsigned char c;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 4;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	(void)close(fd);
}

static bool
file_has(uint64_t number)
{
	unsigned char mark[32];
	size_t len;
	char *bytes = support_read(j.path, &len);
	bool has;

	fill(mark, number, sizeof mark);
	has = memmem(bytes, len, mark, sizeof mark) != NULL;
	free(bytes);
	return has;
}

static int
setup(void **state)
{
	(void)state;
	memset(&j, 0, sizeof j);
	memset(&disk, 0, sizeof disk);
	j.dir = support_dir();
	j.path = support_path(j.dir, "intake");
	open_at(0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	journal_close(j.journal);
	free(j.path);
	support_dir_remove(j.dir);
	return 0;
}

/* ---- what comes back ---- */

static void
new_has_nothing(void **state)
{
	struct stat st;

	(void)state;
	expect_none();
	assert_int_equal(stat(j.path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_blocks * 512 >= SIZE);
	open_at(41);
	expect_none();
	j.added = 41;
	add_one(5);
	open_at(41);
	expect_left(42, 42);
}

static void
what_the_store_has_not_comes_back(void **state)
{
	const uint32_t lens[] = {0, 1, 4096, 70, 9000};

	(void)state;
	for (size_t n = 1; n <= 5; n++)
		(void)add(n, lens);
	for (uint64_t upto = 0; upto <= j.added; upto++) {
		open_at(upto);
		expect_left(upto + 1, j.added);
	}
	/* A store that has more: a journal that was put back. */
	open_at(j.added + 10);
	expect_none();
	j.added += 10;
	add_one(3);
	open_at(j.added - 1);
	expect_left(j.added, j.added);
}

static void
left_ones_stay_until_the_store_has_them(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++)
		add_one(JOURNAL_FRAME_BYTES / 8);
	open_at(10);
	expect_left(11, 40);
	for (int i = 0; i < 20; i++)
		add_one(100);
	open_at(10);
	expect_left(11, 60);
}

static void
entries_of_any_size_fit(void **state)
{
	uint32_t lens[JOURNAL_FRAMES];

	(void)state;
	add_one(JOURNAL_FRAME_BYTES);
	add_one(0);
	for (size_t i = 0; i < JOURNAL_FRAMES; i++)
		lens[i] = (uint32_t)i;
	(void)add(JOURNAL_FRAMES, lens);
	/* Such that nothing is to be filled up behind it. */
	for (uint32_t len = BLOCK - 80; len <= BLOCK; len++)
		add_one(len);
	/* By a disk that takes a part of it. */
	disk.at_once = 2 * BLOCK;
	add_one(BLOCK);
	add_one(10 * BLOCK);
	open_at(0);
	expect_left(1, j.added);
}

static void
no_room_where_the_store_lags(void **state)
{
	const uint32_t len = JOURNAL_FRAME_BYTES;
	uint64_t first_half;

	(void)state;
	assert_false(journal_fits(j.journal, JOURNAL_FRAMES + 1, 1000));
	assert_false(journal_fits(j.journal, 9, 9 * (size_t)len));
	assert_true(journal_fits(j.journal, 7, 7 * (size_t)len));
	for (int i = 0; i < 7; i++)
		add_one(len);
	first_half = j.added;
	for (int i = 0; i < 7; i++)
		add_one(len);
	/* What is small still goes behind the rest. */
	assert_false(journal_fits(j.journal, 1, len));
	assert_true(journal_fits(j.journal, 1, 1000));
	journal_upto(j.journal, first_half - 1);
	assert_false(journal_fits(j.journal, 1, len));
	journal_upto(j.journal, first_half);
	journal_upto(j.journal, 1); /* it does not go back */
	assert_true(journal_fits(j.journal, 1, len));
	add_one(len);
	open_at(first_half);
	assert_false(journal_fits(j.journal, 7, 7 * (size_t)len));
	expect_left(first_half + 1, j.added);
}

/* An entry of random frames, mostly small. */
static void
add_any(void)
{
	static const uint32_t sizes[] = {
	    60, 3000, 3000, 20000, JOURNAL_FRAME_BYTES};
	uint32_t lens[JOURNAL_FRAMES], size = sizes[any(5)];
	size_t n = 1 + any(size < 100 ? JOURNAL_FRAMES : 9), bytes = 0;

	for (size_t i = 0; i < n; i++) {
		lens[i] = any(size + 1);
		bytes += lens[i];
	}
	if (j.added + n < NUMBERS && journal_fits(j.journal, n, bytes))
		(void)add(n, lens);
}

static void
rounds_over_both_halves(void **state)
{
	uint64_t stored = 0, opened = 0, bytes = 0;

	(void)state;
	j.random = 7;
	for (unsigned round = 0; round < 3000; round++) {
		add_any();
		/* The store has some more, in its own time. */
		if (any(3) == 0)
			stored += any((uint32_t)(j.added - stored + 1));
		if (any(3) == 0)
			journal_upto(j.journal, stored);
		if (any(40) > 0)
			continue;
		open_at(stored);
		expect_left(stored + 1, j.added);
		opened++;
	}
	for (uint64_t i = 1; i <= j.added; i++)
		bytes += j.len[i];
	assert_true(bytes > 8 * (uint64_t)SIZE);
	assert_true(opened > 40);
}

/* ---- damage ---- */

/* Four entries; the last has three frames over five blocks. */
static void
add_four(void)
{
	const uint32_t lens[] = {1000, 9000, 8000};

	add_one(100);
	(void)add(3, lens);
	add_one(200);
	(void)add(3, lens);
}

enum {
	LAST_AT = 7 * BLOCK, /* of the four */
	LAST_BLOCKS = 5,
	HEAD = 48, /* before the lengths */
};

static void
torn_entry_is_none(void **state)
{
	static const unsigned char zeroes[LAST_BLOCKS * BLOCK];
	char *whole;
	size_t len;

	(void)state;
	add_four();
	whole = support_read(j.path, &len);
	for (int block = 0; block < LAST_BLOCKS; block++) {
		/* All from there on is missing; then that block alone. */
		for (int n = LAST_BLOCKS - block; n > 0; n = n > 1 ? 1 : 0) {
			poke(
			    LAST_AT + block * BLOCK, zeroes, (size_t)n * BLOCK);
			open_at(0);
			expect_left(1, 5);
			poke(0, whole, LAST_AT + sizeof zeroes);
		}
	}
	open_at(0);
	expect_left(1, j.added);
	/* Its place and its numbers are taken by the next. */
	flip(LAST_AT + 100);
	open_at(0);
	j.added = 5;
	add_one(300);
	open_at(2);
	expect_left(3, 6);
	free(whole);
}

static void
changed_entry_is_none(void **state)
{
	const off_t places[] = {0, 8, 16, 24, 28, 32, 47, HEAD, HEAD + 4,
	    HEAD + 11, HEAD + 12, HEAD + 12 + 5000, HEAD + 12 + 17999};

	(void)state;
	add_four();
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		flip(LAST_AT + places[i]);
		open_at(0);
		expect_left(1, 5);
		flip(LAST_AT + places[i]);
	}
	open_at(0);
	expect_left(1, j.added);
}

static void
damage_in_the_middle_is_told(void **state)
{
	char *said;

	(void)state;
	add_four();
	flip(BLOCK + 200); /* the second: 2 to 4 */
	open_at(0);
	expect_one(1);
	support_stderr_begin();
	expect_one(5);
	said = support_stderr_end();
	support_contains(said, "journal_gap");
	support_contains(said, "events=3");
	free(said);
	expect_left(6, j.added);
	/* The store has a part of what is missing. */
	open_at(3);
	support_stderr_begin();
	expect_one(5);
	said = support_stderr_end();
	support_contains(said, "events=1");
	free(said);
	open_at(4);
	support_stderr_begin();
	expect_left(5, j.added);
	said = support_stderr_end();
	assert_string_equal(said, "");
	free(said);
}

static void
garbage_is_no_journal(void **state)
{
	unsigned char *bytes = malloc(SIZE);

	(void)state;
	j.random = 3;
	assert_non_null(bytes);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (unsigned char)any(256);
	poke(0, bytes, SIZE);
	free(bytes);
	open_at(0);
	expect_none();
	add_four();
	open_at(0);
	expect_left(1, j.added);
	/* A shorter file than it was made. */
	assert_int_equal(truncate(j.path, LAST_AT + BLOCK), 0);
	open_at(0);
	expect_left(1, 5);
}

/* ---- another store ---- */

static void
of_another_store_is_set_aside(void **state)
{
	char *aside = support_path(j.dir, "intake.0000000000001234");
	char *before, *after, *said;
	size_t len;

	(void)state;
	add_four();
	journal_close(j.journal);
	before = support_read(j.path, &len);
	support_stderr_begin();
	assert_int_equal(journal_open(j.path, 77, 2, &j.journal), 0);
	said = support_stderr_end();
	assert_non_null(j.journal);
	expect_none();
	support_contains(said, "journal_set_aside");
	support_contains(said, aside);
	after = support_read(aside, NULL);
	assert_memory_equal(before, after, len);
	assert_false(file_has(1));
	j.added = 2;
	add_one(10);
	journal_close(j.journal);
	assert_int_equal(journal_open(j.path, 77, 2, &j.journal), 0);
	expect_left(3, 3);
	free(said);
	free(before);
	free(after);
	free(aside);
}

static void
set_aside_needs_room(void **state)
{
	char *aside = support_path(j.dir, "intake.0000000000001234");
	char *said;

	(void)state;
	add_one(10);
	journal_close(j.journal);
	/* The new one has none; the other one is there still. */
	support_stderr_begin();
	disk.space_error = ENOSPC;
	assert_int_equal(journal_open(j.path, 77, 0, &j.journal), 0);
	said = support_stderr_end();
	assert_null(j.journal);
	support_contains(said, "journal_set_aside");
	support_contains(said, "journal_not_made");
	free(said);
	disk.space_error = 0;
	assert_int_not_equal(access(j.path, F_OK), 0);
	assert_int_equal(rename(aside, j.path), 0);
	free(aside);
	open_at(0);
	expect_left(1, 1);
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
		uint64_t store, first;
		uint32_t n, bytes;
		uint32_t len;
		char frame[4];
	} fake = {"gaffjrn1", {0}, 99, 1, 1, 1, 1, "x"};

	unsigned char digest[EVP_MAX_MD_SIZE];
	static unsigned char bytes[JOURNAL_FRAME_BYTES];
	struct journal_frame frame = {bytes, sizeof bytes};
	char *aside = support_path(j.dir, "intake.0000000000000063");

	(void)state;
	assert_int_equal(EVP_Digest(&fake.store, HEAD - 24 + 4 + 1, digest,
			     NULL, EVP_sha256(), NULL),
	    1);
	memcpy(fake.check, digest, sizeof fake.check);
	/* As it stands alone it is one. */
	poke(0, &fake, sizeof fake);
	open_at(0);
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(unlink(aside), 0);
	/* At each multiple of a block in the file. */
	for (size_t at = BLOCK - HEAD - 4; at < sizeof bytes - BLOCK;
	     at += BLOCK)
		memcpy(bytes + at, &fake, sizeof fake);
	for (j.added = 0; j.added < 14; j.added++)
		assert_true(journal_add(j.journal, &frame, 1) != 0);
	journal_upto(j.journal, j.added);
	/* The second of these goes over half of the first of those. */
	add_one(sizeof bytes / 2);
	add_one(sizeof bytes / 2);
	for (int i = 0; i < 2; i++) {
		open_at(14);
		assert_int_not_equal(access(aside, F_OK), 0);
		expect_left(15, 16);
	}
	free(aside);
}

/* ---- faults ---- */

static void
without_room_there_is_none(void **state)
{
	char *other = support_path(j.dir, "other");
	struct journal *journal;
	char *said;

	(void)state;
	disk.space_error = ENOSPC;
	support_stderr_begin();
	assert_int_equal(journal_open(other, STORE, 0, &journal), 0);
	said = support_stderr_end();
	assert_null(journal);
	support_contains(said, "journal_not_made");
	support_contains(said, other);
	assert_int_not_equal(access(other, F_OK), 0);
	free(said);
	/* That is no fault; this is. */
	disk.space_error = EIO;
	support_stderr_begin();
	assert_int_equal(journal_open(other, STORE, 0, &journal), -1);
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
	add_four();
	assert_int_equal(truncate(j.path, JOURNAL_HALF), 0);
	journal_close(j.journal);
	disk.space_error = ENOSPC;
	support_stderr_begin();
	assert_int_equal(journal_open(j.path, STORE, 0, &j.journal), 0);
	said = support_stderr_end();
	support_contains(said, "journal_not_whole");
	free(said);
	assert_non_null(j.journal);
	expect_left(1, j.added);
	assert_false(journal_fits(j.journal, 1, 1));
	disk.space_error = 0;
	open_at(0);
	expect_left(1, j.added);
	add_one(5);
}

static void
missing_directory_is_told(void **state)
{
	char *path = support_path(j.dir, "none/intake"), *said;
	struct journal *journal;

	(void)state;
	support_stderr_begin();
	assert_int_equal(journal_open(path, STORE, 0, &journal), -1);
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
	disk.sync_error = EIO;
	support_stderr_begin();
	assert_int_equal(journal_add(j.journal, &frame, 1), 0);
	assert_int_equal(journal_scrub(j.journal), -1);
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
	add_four();
	for (n = 1; support_fail_alloc(n), journal == NULL; n++) {
		support_stderr_begin();
		if (journal_open(j.path, STORE, 2, &journal) != 0)
			assert_null(journal);
		support_fail_alloc(0);
		said = support_stderr_end();
		if (journal == NULL)
			support_contains(said, "level=error");
		free(said);
	}
	support_fail_alloc(0);
	assert_true(n > 3);
	journal_close(j.journal);
	j.journal = journal;
	expect_left(3, j.added);
}

/* ---- overwriting ---- */

static void
scrubbed_is_gone(void **state)
{
	(void)state;
	/* Two rounds, so that older ones stand behind the new. */
	for (int i = 0; i < 30; i++) {
		add_one(JOURNAL_FRAME_BYTES / 2);
		journal_upto(j.journal, j.added);
	}
	for (int i = 0; i < 10; i++)
		add_one(1000);
	assert_true(file_has(20));
	assert_true(file_has(40));
	journal_upto(j.journal, 35);
	assert_int_equal(journal_scrub(j.journal), 0);
	for (uint64_t i = 1; i <= j.added; i++)
		assert_int_equal(file_has(i), i > 35);
	add_one(50);
	open_at(35);
	expect_left(36, j.added);
	/* Also by a later life, which has not seen all of it. */
	journal_upto(j.journal, j.added);
	assert_int_equal(journal_scrub(j.journal), 0);
	for (uint64_t i = 1; i <= j.added; i++)
		assert_false(file_has(i));
	add_one(50);
	open_at(j.added - 1);
	expect_left(j.added, j.added);
}

static void
part_of_an_entry_is_not_scrubbed(void **state)
{
	const uint32_t lens[] = {5000, 6000, 7000};

	(void)state;
	(void)add(3, lens);
	(void)add(3, lens);
	journal_upto(j.journal, 4);
	assert_int_equal(journal_scrub(j.journal), 0);
	for (uint64_t i = 1; i <= 3; i++)
		assert_false(file_has(i));
	open_at(4);
	expect_left(5, 6);
}

static void
none_may_be_closed(void **state)
{
	(void)state;
	journal_close(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

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
	    TEST(scrubbed_is_gone),
	    TEST(part_of_an_entry_is_not_scrubbed),
	    TEST(none_may_be_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
