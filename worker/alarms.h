/*
 * alarms - from when to when something is wrong (pure)
 *
 * Each is looked at again and again with how things stand; a look says whether
 * it has gone wrong just now: once, until it was right again by some way.  A
 * zeroed alarm is off.  Times are of the boot clock.
 */

#ifndef WORKER_ALARMS_H
#define WORKER_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	ALARM_SLOT_MS = 30000,
	ALARM_SLOTS = 10,
	ALARM_WINDOW_MS = ALARM_SLOT_MS * ALARM_SLOTS,
	ALARM_ATTEMPTS_MIN = 10, /* fewer say nothing about a route */
};

/* A source from which nothing comes.  An event ends it. */
struct alarm_silence {
	bool on;
	bool known;       /* heard_ms is right; until then nobody judges */
	bool heard;       /* there was an event, ever */
	uint64_t events;  /* counted when it was looked at last */
	int64_t heard_ms; /* the last event, or since when it is waited for */
};

bool alarm_silent(struct alarm_silence *alarm, uint64_t events,
    int64_t after_ms, int64_t now_ms);

/* A route whose attempts fail: over `percent` of those in the last
 * ALARM_WINDOW_MS (in steps of ALARM_SLOT_MS), and at least
 * ALARM_ATTEMPTS_MIN of them.  Half of `percent` or less ends it, but not
 * without an attempt. */
struct alarm_attempts {
	uint64_t made;
	uint64_t failed;
};

struct alarm_failing {
	bool on;
	int64_t slot;              /* number of the present one */
	struct alarm_attempts all; /* when it was looked at last */
	struct alarm_attempts ring[ALARM_SLOTS]; /* all, as slots began */
};

/* What was counted before now is not looked at. */
void alarm_failing_begin(struct alarm_failing *alarm,
    const struct alarm_attempts *all, int64_t now_ms);
/* `all` counts since whenever; *recent gets those of the window. */
bool
alarm_failing(struct alarm_failing *alarm, const struct alarm_attempts *all,
    int64_t percent, int64_t now_ms, struct alarm_attempts *recent);

/* A store without room: under twice its reserve, then full.  Each is told, and
 * over when there is 2.5 times the reserve. */
enum alarm_room { ALARM_ROOM_FINE, ALARM_ROOM_LOW, ALARM_ROOM_FULL };

bool alarm_low(enum alarm_room *alarm, int64_t free_bytes,
    int64_t reserve_bytes, bool full);

#endif
