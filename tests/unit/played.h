/*
 * played - a link whose workers are played by the test, over inproc sockets
 * and with a clock of its own
 *
 * Helpers fail the running test when something is not as it must be.
 */

#ifndef TESTS_UNIT_PLAYED_H
#define TESTS_UNIT_PLAYED_H

#include "../../fcgi/link_impl.h"
#include "support.h"

enum { PLAYED_WORKERS = 2, PLAYED_TIME_MS = 3000 };

/* A worker as the test plays it. */
struct played {
	struct config_worker config;
	char name[8];
	char data_endpoint[32];
	char control_endpoint[32];
	void *data;
	void *control;
	uint8_t link[WIRE_LINK_LEN]; /* who said HELLO last */
	unsigned hellos;
	unsigned beats;
	char said[16]; /* the state in the last BEAT, or "" */
	/* the last EVENT it got */
	unsigned events;
	struct wire_target target;
	uint8_t id[EVENT_ID_LEN];
};

/* The link, and what became of its events. */
struct played_link {
	void *context;
	int64_t now_ms;
	struct played played[PLAYED_WORKERS];
	struct peer *peers[PLAYED_WORKERS];
	uint64_t ranks[PLAYED_WORKERS];
	struct waiters waiters;
	atomic_size_t parked;
	atomic_size_t parked_bytes;
	unsigned answers;
	struct link_answer last;
	char last_worker[16];
	void *last_owner;
};

/* What a worker says of itself. */
struct played_words {
	enum wire_type type;
	uint64_t boot;
	const char *state;
	int credit_events;
	int credit_bytes;
};

/* An ACK; `id` fills all bytes of the event's. */
struct played_ack {
	uint64_t boot;
	uint64_t seq;
	enum wire_status status;
	uint8_t id;
};

/* For cmocka: *state is a struct played_link with the first worker alone; the
 * second is played when ->waiters.n_peers says so.  Teardown checks that
 * nothing waits. */
int played_setup(void **state);
int played_teardown(void **state);

/* Let time go by: links and waiters do what is due. */
void played_pass(struct played_link *f, int64_t ms);

/* Bring a link up; _plain with 512 events and 1 MiB of credit. */
void
played_up(struct played_link *f, size_t i, const struct played_words *words);
void played_up_plain(struct played_link *f, size_t i, uint64_t boot);
void played_both_up(struct played_link *f); /* as starts 7 and 8 */

/* The worker speaks: once, or with its beat; or it acknowledges. */
void played_say(struct played *p, const struct played_words *words);
/* Have it read all that came. */
void played_read(struct played_link *f, size_t i);

void played_beat(struct played *p, uint64_t boot);
void played_ack(struct played_link *f, size_t i, const struct played_ack *to);

/* The worker takes what came; PROBEs go back when `echo`. */
void played_hear(struct played *p, bool echo);
/* The same; that many EVENTs came so far. */
void played_expect(struct played_link *f, size_t i, unsigned events);

/* An event whose id is all `id` bytes, of `bytes` body, whose first worker is
 * number 0.  `owner` is what the answer names. */
void played_push(struct played_link **owner, uint8_t id, size_t bytes);

#endif
