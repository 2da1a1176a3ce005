/*
 * lane - what the dispatcher knows of one route: its slots and its next due
 * time (no I/O)
 *
 * Deliveries are claimed from the store when there is a slot for each, and
 * ahead of that as many as the lane makes in LANE_AHEAD_MS, so that it need not
 * wait for a commit after each: those stand ready, and more are claimed when
 * half of them are gone.  A lane of slow attempts claims nothing ahead.  All
 * times are of the boot clock but those that are called wall.  A lane whose
 * route is not in the configuration claims nothing.
 */

#ifndef WORKER_LANE_H
#define WORKER_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shared/config.h"

enum {
	LANE_CLAIM_MAX = 256,
	LANE_AHEAD_MS = 100,
	LANE_AHEAD_MAX = 512,
	LANE_AHEAD_BYTES = 8 << 20, /* of bodies: nothing more is claimed */
	LANE_PAUSES = 16,           /* that are remembered */
	/* Looked at again at least this often: the wall clock may be set. */
	LANE_LOOK_MS = 300000,
	LANE_EMPTY_MS = 20, /* after a claim that gave nothing due */
	LANE_FAILING = 10,  /* failures in a row that are worth a line */
};

struct task;
struct lanes;

struct lane_pause {
	int64_t from_ms; /* wall */
	int64_t to_ms;   /* INT64_MAX: it goes on */
};

struct lane {
	char name[CONFIG_NAME_MAX + 1];
	const struct config_route *route; /* NULL: not configured */
	unsigned running;
	unsigned asked;     /* slots kept for an outstanding claim */
	struct task *ready; /* claimed, oldest first */
	struct task **ready_tail;
	unsigned n_ready;
	size_t ready_bytes;
	int64_t took_ms;     /* an attempt, of late; 0: none yet */
	bool claiming;       /* a claim is outstanding */
	bool asked_programs; /* and is for programs */
	bool paused;
	int64_t due_ms;    /* INT64_MAX: nothing is known to be due */
	int64_t noted_ms;  /* the same, told while a claim was outstanding */
	unsigned failures; /* in a row */
	struct lane_pause pauses[LANE_PAUSES];
	unsigned n_pauses;
	struct lanes *all;
	bool live; /* listed there */
};

struct lanes {
	struct lane **items; /* by name */
	size_t n;
	/* Those with something due or ready, and maybe others: of a thousand
	 * lanes few have. */
	struct lane **live;
	size_t n_live;
	size_t turn;          /* whose turn it is to be asked first */
	unsigned programs;    /* running programs, and those asked for */
	unsigned max_running; /* of these; [worker] max_running */
};

void lanes_clear(struct lanes *lanes);

/* Point every lane at its route in `config`, and make those that are missing.
 * 0, or -1 without memory: some have none, and claim nothing. */
int lanes_set(struct lanes *lanes, const struct config *config);

/* The lane of that name, made if there is none; NULL without memory.  `lanes`
 * stays where it is. */
struct lane *lanes_get(struct lanes *lanes, const char *name);

/* Something is due at that wall time (INT64_MAX: nothing is). */
void lane_due(
    struct lane *lane, int64_t due_wall_ms, int64_t wall_ms, int64_t boot_ms);

/* How many to claim now; 0: none. */
unsigned
lane_wants(const struct lanes *lanes, const struct lane *lane, int64_t boot_ms);

/* A claim of n goes out. */
void lane_claim(struct lanes *lanes, struct lane *lane, unsigned n);
/* A claimed delivery came.  Whether a slot was kept for it: it takes it now;
 * else it is to stand ready. */
bool lane_came(struct lanes *lanes, struct lane *lane);
/* It stands ready, and is the lane's. */
void lane_stand(struct lane *lane, struct task *task);
/* The oldest of those, the caller's now; or NULL. */
struct task *lane_next(struct lane *lane);
bool lane_has_slot(const struct lanes *lanes, const struct lane *lane);
/* A delivery takes a slot. */
void lane_start(struct lanes *lanes, struct lane *lane, bool program);
/* Its attempt is over. */
void lane_end(struct lanes *lanes, struct lane *lane, bool program);
/* So long it took. */
void lane_took(struct lane *lane, int64_t ms);
/* The claim is over. */
void lane_claimed(struct lanes *lanes, struct lane *lane);

/* Another lane comes first, and those that have nothing are listed no more.
 * The number of `live` ones: of these, lanes_live() gives one after the other,
 * by 0 to n - 1. */
size_t lanes_turn(struct lanes *lanes);
struct lane *lanes_live(const struct lanes *lanes, size_t i, size_t n);

/* When the next claim may be due. */
int64_t lanes_due_ms(const struct lanes *lanes);

/* From that wall time on. */
void lane_pause(struct lane *lane, bool paused, int64_t wall_ms);
/* How much of a span of wall time the route was paused. */
int64_t lane_paused_ms(
    const struct lane *lane, int64_t from_wall_ms, int64_t to_wall_ms);

#endif
