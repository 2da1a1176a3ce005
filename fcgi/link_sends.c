#include "link_sends.h"

#include <stdlib.h>

enum { BUCKETS = 4096 };

struct sends {
	uint64_t last_seq;
	struct send *buckets[BUCKETS];
};

struct sends *
sends_new(void)
{
	return calloc(1, sizeof(struct sends));
}

void
sends_free(struct sends *sends)
{
	if (sends == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (sends->buckets[i] != NULL) {
			struct send *send = sends->buckets[i];

			sends->buckets[i] = send->next;
			free(send);
		}
	}
	free(sends);
}

uint64_t
sends_seq(struct sends *sends)
{
	return ++sends->last_seq;
}

/* Numbers are consecutive, so their low bits spread them evenly. */
static struct send **
bucket_of(struct sends *sends, uint64_t seq)
{
	return &sends->buckets[seq % BUCKETS];
}

static void
take_credit(struct send *send, struct credit *credit)
{
	send->credit = credit;
	send->newer = NULL;
	send->older = credit->newest;
	if (credit->newest != NULL)
		credit->newest->newer = send;
	else
		credit->oldest = send;
	credit->newest = send;
	credit->events++;
	credit->bytes += send->bytes;
}

struct send *
sends_add(struct sends *sends, const struct send *what, struct credit *credit)
{
	struct send **bucket = bucket_of(sends, what->seq);
	struct send *send = malloc(sizeof *send);

	if (send == NULL)
		return NULL;
	*send = *what;
	send->next = *bucket;
	*bucket = send;
	take_credit(send, credit);
	return send;
}

struct send *
sends_find(struct sends *sends, uint64_t seq)
{
	struct send *send = *bucket_of(sends, seq);

	while (send != NULL && send->seq != seq)
		send = send->next;
	return send;
}

static void
release(struct sends *sends, struct send *send)
{
	struct send **at = bucket_of(sends, send->seq);

	if (send->credit != NULL || send->waiter != NULL)
		return;
	while (*at != send)
		at = &(*at)->next;
	*at = send->next;
	free(send);
}

void
sends_settle(struct sends *sends, struct send *send)
{
	struct credit *credit = send->credit;

	if (credit != NULL) {
		if (send->older != NULL)
			send->older->newer = send->newer;
		else
			credit->oldest = send->newer;
		if (send->newer != NULL)
			send->newer->older = send->older;
		else
			credit->newest = send->older;
		credit->events--;
		credit->bytes -= send->bytes;
		send->credit = NULL;
	}
	release(sends, send);
}

void
sends_forget(struct sends *sends, struct send *send)
{
	send->waiter = NULL;
	release(sends, send);
}
