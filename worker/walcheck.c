#include "walcheck.h"

#include <sys/stat.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HEADER_LEN = 32,
	FRAME_HEADER_LEN = 24,
	PAGE_MIN = 512,
	PAGE_MAX = 65536,
	MAGIC = 0x377f0682, /* plus 1: checksums over big-endian words */
	SALT_LEN = 8,
};

struct log {
	int fd;
	bool big_endian;
	size_t page;
	uint8_t salt[SALT_LEN];
	uint32_t sum[2];
	int64_t offset;
	uint8_t *frame; /* room for one */
};

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return be32toh(v);
}

static void
add_sum(const struct log *log, const uint8_t *p, size_t len, uint32_t sum[2])
{
	uint32_t a, b, s0 = sum[0], s1 = sum[1];

	for (size_t i = 0; i + 8 <= len; i += 8) {
		memcpy(&a, p + i, sizeof a);
		memcpy(&b, p + i + 4, sizeof b);
		s0 += (log->big_endian ? be32toh(a) : le32toh(a)) + s1;
		s1 += (log->big_endian ? be32toh(b) : le32toh(b)) + s0;
	}
	sum[0] = s0;
	sum[1] = s1;
}

/* Exactly len bytes at an offset: 1; 0 at the end of the file; -1. */
static int
read_at(int fd, uint8_t *p, size_t len, int64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n =
		    pread(fd, p + done, len - done, offset + (int64_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		done += (size_t)n;
	}
	return 1;
}

/* Whether the header can be used; fills *log. */
static bool
read_header(struct log *log, const uint8_t header[HEADER_LEN])
{
	uint32_t magic = get32(header);
	size_t page = get32(header + 8);

	if ((magic & ~UINT32_C(1)) != MAGIC)
		return false;
	if (page < PAGE_MIN || page > PAGE_MAX || (page & (page - 1)) != 0)
		return false;
	log->big_endian = (magic & 1) != 0;
	log->page = page;
	log->sum[0] = log->sum[1] = 0;
	add_sum(log, header, 24, log->sum);
	memcpy(log->salt, header + 16, SALT_LEN);
	return log->sum[0] == get32(header + 24) &&
	       log->sum[1] == get32(header + 28);
}

static bool
is_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* The next frame into log->frame: 1, 0 or -1 as read_at(). */
static int
next_frame(struct log *log)
{
	int got = read_at(
	    log->fd, log->frame, FRAME_HEADER_LEN + log->page, log->offset);

	log->offset += (int64_t)(FRAME_HEADER_LEN + log->page);
	return got;
}

static bool
has_salt(const struct log *log)
{
	return memcmp(log->frame + 8, log->salt, SALT_LEN) == 0;
}

static bool
is_commit(const struct log *log)
{
	return get32(log->frame + 4) != 0;
}

/* Whether the frame just read continues the chain of checksums. */
static bool
is_good(struct log *log)
{
	uint32_t sum[2] = {log->sum[0], log->sum[1]};

	if (!has_salt(log) || get32(log->frame) == 0)
		return false;
	add_sum(log, log->frame, 8, sum);
	add_sum(log, log->frame + FRAME_HEADER_LEN, log->page, sum);
	if (sum[0] != get32(log->frame + 16) ||
	    sum[1] != get32(log->frame + 20))
		return false;
	log->sum[0] = sum[0];
	log->sum[1] = sum[1];
	return true;
}

/* From the first bad frame, which is in log->frame, to the end. */
static enum walcheck
scan_behind(struct log *log, bool same_boot, struct walcheck_facts *facts)
{
	bool commit = has_salt(log) && is_commit(log), behind = false;
	bool proof = false;
	int got;

	while ((got = next_frame(log)) == 1) {
		if (!has_salt(log))
			continue;
		facts->behind++;
		proof = proof || commit;
		commit = commit || is_commit(log);
		behind = behind || is_commit(log);
	}
	if (got < 0)
		return WALCHECK_ERROR;
	return proof || (behind && same_boot) ? WALCHECK_DAMAGED
					      : WALCHECK_TORN;
}

static enum walcheck
scan(struct log *log, bool same_boot, struct walcheck_facts *facts)
{
	int got;

	while ((got = next_frame(log)) == 1) {
		if (!is_good(log))
			break;
		facts->frames++;
	}
	if (got < 0)
		return WALCHECK_ERROR;
	if (got == 0)
		return WALCHECK_GOOD;
	return scan_behind(log, same_boot, facts);
}

enum walcheck
walcheck(const char *path, bool same_boot, struct walcheck_facts *facts)
{
	enum walcheck result = WALCHECK_ERROR;
	uint8_t header[HEADER_LEN];
	struct log log = {.fd = -1};
	struct stat st;
	int got;

	*facts = (struct walcheck_facts){0};
	log.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (log.fd < 0)
		return errno == ENOENT ? WALCHECK_EMPTY : WALCHECK_ERROR;
	if (fstat(log.fd, &st) != 0)
		goto out;
	facts->bytes = st.st_size;
	got = read_at(log.fd, header, sizeof header, 0);
	if (got < 0)
		goto out;
	if (got == 0 || is_zero(header, sizeof header) ||
	    st.st_size < HEADER_LEN + FRAME_HEADER_LEN + PAGE_MIN) {
		result = WALCHECK_EMPTY;
		goto out;
	}
	/* Synced before any frame is written, and in one sector: not torn. */
	if (!read_header(&log, header)) {
		result = WALCHECK_DAMAGED;
		goto out;
	}
	log.offset = HEADER_LEN;
	log.frame = malloc(FRAME_HEADER_LEN + log.page);
	if (log.frame != NULL)
		result = scan(&log, same_boot, facts);
out:
	free(log.frame);
	close(log.fd);
	return result;
}
