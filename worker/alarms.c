#include "alarms.h"

bool
alarm_silent(struct alarm_silence *alarm, uint64_t events, int64_t after_ms,
    int64_t now_ms)
{
	bool was_on = alarm->on;

	if (events != alarm->events) {
		alarm->events = events;
		alarm->heard_ms = now_ms;
		alarm->known = alarm->heard = true;
	}
	alarm->on = alarm->known && now_ms - alarm->heard_ms >= after_ms;
	return alarm->on && !was_on;
}

void
alarm_failing_begin(struct alarm_failing *alarm,
    const struct alarm_attempts *all, int64_t now_ms)
{
	int i;

	*alarm =
	    (struct alarm_failing){.slot = now_ms / ALARM_SLOT_MS, .all = *all};
	for (i = 0; i < ALARM_SLOTS; i++)
		alarm->ring[i] = *all;
}

/* Every slot that began since the last look began with what was seen then. */
static void
turn(struct alarm_failing *alarm, int64_t slot)
{
	if (slot - alarm->slot > ALARM_SLOTS)
		alarm->slot = slot - ALARM_SLOTS;
	while (alarm->slot < slot)
		alarm->ring[++alarm->slot % ALARM_SLOTS] = alarm->all;
}

bool
alarm_failing(struct alarm_failing *alarm, const struct alarm_attempts *all,
    int64_t percent, int64_t now_ms, struct alarm_attempts *recent)
{
	const struct alarm_attempts *begin;
	uint64_t over = (uint64_t)percent;
	bool was_on = alarm->on;

	turn(alarm, now_ms / ALARM_SLOT_MS);
	alarm->all = *all;
	/* The oldest in the ring. */
	begin = &alarm->ring[(alarm->slot + 1) % ALARM_SLOTS];
	recent->made = all->made - begin->made;
	recent->failed = all->failed - begin->failed;
	if (recent->made >= ALARM_ATTEMPTS_MIN &&
	    recent->failed * 100 > recent->made * over)
		alarm->on = true;
	else if (recent->made > 0 &&
		 recent->failed * 200 <= recent->made * over)
		alarm->on = false;
	return alarm->on && !was_on;
}

bool
alarm_low(enum alarm_room *alarm, int64_t free_bytes, int64_t reserve_bytes,
    bool full)
{
	enum alarm_room was = *alarm;

	if (full)
		*alarm = ALARM_ROOM_FULL;
	else if (free_bytes >= reserve_bytes / 2 * 5)
		*alarm = ALARM_ROOM_FINE;
	else if (free_bytes < reserve_bytes * 2 && was == ALARM_ROOM_FINE)
		*alarm = ALARM_ROOM_LOW;
	return *alarm > was;
}
