#include "entry.h"

#include <string.h>

static const char magic[8] = "gaffjrn2";

static size_t
bare_size(size_t n, size_t bytes)
{
	return sizeof(struct entry_head) + n * sizeof(uint32_t) + bytes;
}

size_t
entry_size(size_t n, size_t bytes)
{
	return (bare_size(n, bytes) + ENTRY_BLOCK - 1) / ENTRY_BLOCK *
	       ENTRY_BLOCK;
}

static bool
make_check(struct keys_hasher *hasher, const unsigned char *p, size_t size,
    uint8_t check[sizeof((struct entry_head *)0)->check])
{
	const size_t from = offsetof(struct entry_head, store);
	uint8_t digest[EVENT_SHA256_LEN];

	if (keys_sha256(hasher, p + from, size - from, digest) != 0)
		return false;
	memcpy(check, digest, sizeof((struct entry_head *)0)->check);
	return true;
}

size_t
entry_make(struct keys_hasher *hasher, struct entry_head *head,
    const struct journal_frame *frames, size_t n, unsigned char *p)
{
	unsigned char *to = p + sizeof *head;
	size_t size;
	uint32_t len;

	memcpy(head->magic, magic, sizeof magic);
	head->n = (uint32_t)n;
	head->bytes = 0;
	for (size_t i = 0; i < n; i++, to += sizeof len) {
		len = (uint32_t)frames[i].len;
		memcpy(to, &len, sizeof len);
		head->bytes += len;
	}
	for (size_t i = 0; i < n; to += frames[i++].len)
		memcpy(to, frames[i].p, frames[i].len);
	size = entry_size(n, head->bytes);
	memset(to, 0, size - bare_size(n, head->bytes));
	memcpy(p, head, sizeof *head);
	if (!make_check(hasher, p, bare_size(n, head->bytes), head->check))
		return 0;
	memcpy(p, head, sizeof *head);
	return size;
}

bool
entry_read(struct keys_hasher *hasher, const unsigned char *p, size_t size,
    struct entry_head *head)
{
	uint8_t check[sizeof head->check];
	size_t bytes = 0;
	uint32_t len;

	memcpy(head, p, sizeof *head);
	if (memcmp(head->magic, magic, sizeof magic) != 0 || head->n == 0 ||
	    head->n > JOURNAL_FRAMES || bare_size(head->n, head->bytes) > size)
		return false;
	for (size_t i = 0; i < head->n; i++) {
		memcpy(&len, p + sizeof *head + i * sizeof len, sizeof len);
		bytes += len;
	}
	return bytes == head->bytes &&
	       make_check(hasher, p, bare_size(head->n, bytes), check) &&
	       memcmp(check, head->check, sizeof check) == 0;
}

struct journal_frame
entry_frame(const unsigned char *p, uint64_t number)
{
	const unsigned char *lengths = p + sizeof(struct entry_head);
	struct entry_head head;
	uint32_t len;

	memcpy(&head, p, sizeof head);
	p = lengths + head.n * sizeof len;
	memcpy(&len, lengths, sizeof len);
	for (uint64_t i = head.first; i < number; i++) {
		p += len;
		lengths += sizeof len;
		memcpy(&len, lengths, sizeof len);
	}
	return (struct journal_frame){.p = p, .len = len};
}
