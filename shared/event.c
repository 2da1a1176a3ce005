#include "event.h"

#include <sys/random.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "codec.h"

/* The strings of an event, for what goes over all of them. */
static const size_t strings[] = {
    offsetof(struct event, source),
    offsetof(struct event, key),
    offsetof(struct event, type),
    offsetof(struct event, remote),
    offsetof(struct event, method),
    offsetof(struct event, path),
    offsetof(struct event, query),
    offsetof(struct event, content_type),
    offsetof(struct event, headers),
    offsetof(struct event, scheme),
};

enum { STRINGS = sizeof(strings) / sizeof(strings[0]) };

static const char *
get_string(const struct event *event, size_t i)
{
	const char *text;

	memcpy(&text, (const char *)event + strings[i], sizeof(text));
	return text;
}

static void
set_string(struct event *event, size_t i, const char *text)
{
	memcpy((char *)event + strings[i], &text, sizeof(text));
}

size_t
event_size(const struct event *event)
{
	size_t size = sizeof(*event) + event->body_len, i;

	for (i = 0; i < STRINGS; i++)
		size += strlen(get_string(event, i)) + 1;
	return size;
}

struct event *
event_copy(const struct event *event)
{
	struct event *copy = malloc(event_size(event));
	char *p = (char *)(copy + 1);
	size_t i, len;

	if (copy == NULL)
		return NULL;
	*copy = *event;
	for (i = 0; i < STRINGS; i++) {
		len = strlen(get_string(event, i)) + 1;
		memcpy(p, get_string(event, i), len);
		set_string(copy, i, p);
		p += len;
	}
	if (event->body_len > 0)
		memcpy(p, event->body, event->body_len);
	copy->body = p;
	return copy;
}

void
event_free(struct event *event)
{
	free(event);
}

/* Looked up once: to fetch an algorithm costs more than it does to most
 * bodies. */
static EVP_MD *sha256_md;

static void
fetch_sha256(void)
{
	sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
}

int
event_digest(const void *body, size_t len, uint8_t sha256[EVENT_SHA256_LEN])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	/* the last one's context, unless somebody has it */
	static _Atomic(EVP_MD_CTX *) spare;
	EVP_MD_CTX *ctx = atomic_exchange(&spare, NULL);
	int rc = -1;

	(void)pthread_once(&once, fetch_sha256);
	if (ctx == NULL)
		ctx = EVP_MD_CTX_new();
	if (ctx != NULL && sha256_md != NULL &&
	    EVP_DigestInit_ex(ctx, sha256_md, NULL) == 1 &&
	    EVP_DigestUpdate(ctx, body, len) == 1 &&
	    EVP_DigestFinal_ex(ctx, sha256, NULL) == 1)
		rc = 0;
	EVP_MD_CTX_free(atomic_exchange(&spare, ctx));
	return rc;
}

/* ---- ids ---- */

enum { RANDOM_LEN = 10, RANDOM_IDS = 25 }; /* of an id; ids a call */

static struct {
	pthread_mutex_t lock;
	int64_t last_ms;
	unsigned counter;
	uint8_t random[RANDOM_IDS][RANDOM_LEN];
	size_t n_random;
} ids = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Under the lock: bytes nobody else gets. */
static int
take_random(uint8_t out[RANDOM_LEN])
{
	if (ids.n_random == 0) {
		if (getrandom(ids.random, sizeof(ids.random), 0) !=
		    (ssize_t)sizeof(ids.random))
			return -1;
		ids.n_random = RANDOM_IDS;
	}
	memcpy(out, ids.random[--ids.n_random], RANDOM_LEN);
	return 0;
}

/*
 * RFC 9562, 5.7 and 6.2 method 1: 48 bits of milliseconds, then a 12-bit
 * counter that starts at random in each millisecond, then 62 random bits.
 */
int
event_id_new(int64_t wall_ms, uint8_t id[EVENT_ID_LEN])
{
	uint8_t random[RANDOM_LEN] = {0};
	int64_t ms;
	unsigned count;
	int i, rc;

	(void)pthread_mutex_lock(&ids.lock);
	rc = take_random(random);
	if (wall_ms > ids.last_ms) {
		ids.last_ms = wall_ms;
		ids.counter = (unsigned)(random[8] << 8 | random[9]) & 0x7ff;
	} else if (++ids.counter > 0xfff) {
		/* Used up, or the clock went back: borrow the next millisecond.
		 */
		ids.last_ms++;
		ids.counter = 0;
	}
	ms = ids.last_ms;
	count = ids.counter;
	(void)pthread_mutex_unlock(&ids.lock);
	if (rc != 0)
		return -1;

	for (i = 0; i < 6; i++)
		id[i] = (uint8_t)(ms >> (40 - 8 * i));
	id[6] = (uint8_t)(0x70 | count >> 8);
	id[7] = (uint8_t)count;
	memcpy(id + 8, random, 8);
	id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
	return 0;
}

void
event_id_format(const uint8_t id[EVENT_ID_LEN], char out[EVENT_ID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	int i;

	for (i = 0; i < EVENT_ID_LEN; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digits[id[i] >> 4];
		*out++ = digits[id[i] & 15];
	}
	*out = '\0';
}

int
event_id_parse(const char *text, uint8_t id[EVENT_ID_LEN])
{
	int i, high, low;

	if (strlen(text) != EVENT_ID_TEXT_SIZE - 1)
		return -1;
	for (i = 0; i < EVENT_ID_LEN; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return -1;
		if ((high = codec_hex_digit(*text++)) < 0 ||
		    (low = codec_hex_digit(*text++)) < 0)
			return -1;
		id[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static const char *const flag_names[EVENT_FLAGS] = {
    "changed_body", "replayed_body"};

const char *
event_flag_name(unsigned i)
{
	return flag_names[i];
}

void
event_flags_format(unsigned flags, char out[EVENT_FLAGS_SIZE])
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < EVENT_FLAGS; i++) {
		if ((flags >> i & 1) == 0)
			continue;
		len += (size_t)snprintf(out + len, EVENT_FLAGS_SIZE - len,
		    "%s%s", len > 0 ? "," : "", flag_names[i]);
	}
}
