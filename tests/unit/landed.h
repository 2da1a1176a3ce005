/*
 * landed - a landing, gateways that speak to it, and the thread it is for: what
 * its tests share
 *
 * Helpers fail the running test when they cannot do their work.
 */

#ifndef TESTS_UNIT_LANDED_H
#define TESTS_UNIT_LANDED_H

#include "../../shared/event.h"
#include "../../shared/wire.h"
#include "../../worker/landing.h"

enum {
	LANDED_GATEWAYS = 2,
	LANDED_WAIT_MS = 20000,
	LANDED_BOOT = 99,
	LANDED_STORE = 7,
};

/* A gateway's ends, and what it has heard. */
struct landed_gateway {
	uint8_t link[WIRE_LINK_LEN];
	void *data;
	void *control;
	uint64_t sent; /* seq of the last EVENT */
	unsigned acks;
	struct wire_ack last;
};

extern struct landed {
	void *context;
	char *dir;
	char *path;
	struct known *known;
	struct landing *landing;
	struct landed_gateway gateways[LANDED_GATEWAYS];
	int wake_fd;
	unsigned ids;
	/* the last frame taken */
	zmq_msg_t message;
	uint64_t number;
} landed;

/* Of each test. */
int landed_setup(void **state);
int landed_teardown(void **state);

/* ---- the worker ---- */

/* With its journal, which the store has up to there; and with other options. */
void landed_start(uint64_t upto);
struct landing_options landed_make_options(void);
void landed_open_journal(struct landing_options *options, uint64_t upto);
void landed_start_with(const struct landing_options *options);
void landed_stop(void);
/* As another life begins: no key is known. */
void landed_forget_keys(void);

/* Until the landing has something to say; fails when it has not. */
void landed_wait_wake(void);
/* The next frame, which has this number; its seq; and it is done. */
void landed_take(uint64_t number);
uint64_t landed_taken_seq(void);
void landed_done(uint64_t upto);

/* ---- gateways ---- */

void landed_wait_for(void *socket, short events);
void landed_send_frame(struct landed_gateway *g, const void *p, size_t len);
struct event landed_make_event(const char *key);
void landed_send_event(struct landed_gateway *g, const struct event *event);
/* New ones; their body has so many bytes. */
void landed_send_new(struct landed_gateway *g, size_t n, size_t bytes);

/* Until so many are acknowledged to it, since it began. */
void landed_wait_acks(struct landed_gateway *g, unsigned n);
/* Nothing was acknowledged. */
void landed_expect_silence(struct landed_gateway *g);
/* The next frame is left to the store's thread. */
void landed_expect_left(struct landed_gateway *g);
/* Until it hears a word; acks before it are counted. */
void landed_hear(struct landed_gateway *g, const char *word);
/* A word from the worker to it: all that was acknowledged before has come. */
void landed_tell(struct landed_gateway *g, const char *word);
/* A word from it to the worker: the landing has looked at what is new. */
void landed_say(struct landed_gateway *g, const char *word);

#endif
