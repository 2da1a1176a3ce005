#include "booked.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platter.h"
#include "support.h"

enum { WAIT_MS = 20000 };

struct booked booked;

/* ---- frames ---- */

uint32_t
booked_any(uint32_t below)
{
	booked.random = booked.random * UINT64_C(6364136223846793005) +
			UINT64_C(1442695040888963407);
	return (uint32_t)(booked.random >> 33) % below;
}

void
booked_fill(unsigned char *out, uint64_t number, size_t len)
{
	uint64_t mark = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)(mark >> 8 * (i % sizeof mark));
}

uint64_t
booked_begin(size_t n, const uint32_t *lens)
{
	static unsigned char bytes[2 * JOURNAL_HALF];
	struct journal_frame frames[JOURNAL_FRAMES];
	size_t used = 0;
	uint64_t number;

	for (size_t i = 0; i < n; i++) {
		booked.len[booked.added + 1 + i] = lens[i];
		booked_fill(bytes + used, booked.added + 1 + i, lens[i]);
		frames[i] = (struct journal_frame){bytes + used, lens[i]};
		used += lens[i];
	}
	assert_true(journal_fits(booked.journal, n, used));
	number = journal_begin(booked.journal, frames, n);
	assert_int_equal(number, booked.added + 1);
	booked.added += n;
	return number;
}

struct journal_end
booked_ended(void)
{
	struct pollfd item = {
	    .fd = journal_fd(booked.journal), .events = POLLIN};

	for (;;) {
		if (booked.n_ends == 0)
			booked.n_ends =
			    journal_ended(booked.journal, booked.ends);
		if (booked.n_ends > 0)
			return booked.ends[--booked.n_ends];
		assert_int_equal(poll(&item, 1, WAIT_MS), 1);
	}
}

void
booked_add(size_t n, const uint32_t *lens)
{
	uint64_t number = booked_begin(n, lens);
	struct journal_end end = booked_ended();

	assert_int_equal(end.first, number);
	assert_false(end.failed);
}

void
booked_add_one(uint32_t len)
{
	booked_add(1, &len);
}

void
booked_open(uint64_t upto)
{
	journal_close(booked.journal);
	booked.journal = NULL;
	booked.n_ends = 0;
	assert_int_equal(
	    journal_open(booked.path, BOOKED_STORE, upto, &booked.journal), 0);
	assert_non_null(booked.journal);
}

void
booked_expect_one(uint64_t number)
{
	static unsigned char bytes[JOURNAL_FRAME_BYTES];
	struct journal_frame frame;
	uint64_t got;

	assert_true(journal_left(booked.journal, &got, &frame));
	assert_int_equal(got, number);
	assert_int_equal(frame.len, booked.len[number]);
	booked_fill(bytes, number, frame.len);
	if (frame.len > 0)
		assert_memory_equal(frame.p, bytes, frame.len);
}

void
booked_expect_none(void)
{
	struct journal_frame frame;
	uint64_t number;

	for (int i = 0; i < 2; i++)
		assert_false(journal_left(booked.journal, &number, &frame));
}

void
booked_expect(uint64_t first, uint64_t last)
{
	while (first <= last)
		booked_expect_one(first++);
	booked_expect_none();
}

/* ---- its file ---- */

void
booked_poke(off_t at, const void *p, size_t len)
{
	int fd = open(booked.path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, len, at), len);
	(void)close(fd);
}

void
booked_flip(off_t at)
{
	int fd = open(booked.path, O_RDWR | O_CLOEXEC);
	unsigned char c;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 4;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	(void)close(fd);
}

bool
booked_has(uint64_t number)
{
	unsigned char mark[32];
	size_t len;
	char *bytes = support_read(booked.path, &len);
	bool has;

	booked_fill(mark, number, sizeof mark);
	has = memmem(bytes, len, mark, sizeof mark) != NULL;
	free(bytes);
	return has;
}

int
booked_setup(void **state)
{
	(void)state;
	memset(&booked, 0, sizeof booked);
	platter_reset();
	booked.dir = support_dir();
	booked.path = support_path(booked.dir, "intake");
	booked_open(0);
	return 0;
}

int
booked_teardown(void **state)
{
	(void)state;
	/* What waits for a test that failed goes on. */
	platter_reset();
	journal_close(booked.journal);
	free(booked.path);
	support_dir_remove(booked.dir);
	return 0;
}

void
booked_add_four(void)
{
	const uint32_t lens[] = {1000, 9000, 8000};

	booked_add_one(100);
	booked_add(3, lens);
	booked_add_one(200);
	booked_add(3, lens);
}
