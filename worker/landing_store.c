#include <unistd.h>

#include "landing_impl.h"

void
landing_wake(const struct landing *l)
{
	const uint64_t one = 1;

	(void)!write(l->wake_fd, &one, sizeof one);
}

void *
landing_control(const struct landing *l)
{
	return l->outer;
}

bool
landing_take(struct landing *l, zmq_msg_t *message, uint64_t *number)
{
	struct landing_shared *s = &l->s;
	struct slot *slot;
	bool some;

	(void)pthread_mutex_lock(&l->lock);
	some = s->taken < s->ready;
	if (some) {
		slot = &s->ring[s->taken++ % LANDING_EVENTS];
		(void)zmq_msg_move(message, &slot->message);
		*number = slot->number;
	}
	(void)pthread_mutex_unlock(&l->lock);
	return some;
}

void
landing_done(struct landing *l, size_t frames, size_t bytes, uint64_t upto)
{
	struct landing_shared *s = &l->s;
	bool wake;

	(void)pthread_mutex_lock(&l->lock);
	s->gone += frames;
	s->held_bytes -= bytes;
	if (upto > s->upto)
		s->upto = upto;
	wake = s->waiting;
	(void)pthread_mutex_unlock(&l->lock);
	if (wake)
		landing_wake(l);
}

static uint64_t
look_at(struct landing *l, const uint64_t *number)
{
	uint64_t value;

	(void)pthread_mutex_lock(&l->lock);
	value = *number;
	(void)pthread_mutex_unlock(&l->lock);
	return value;
}

uint64_t
landing_came(struct landing *l)
{
	return look_at(l, &l->s.came);
}

uint64_t
landing_settle(struct landing *l)
{
	uint64_t came;

	(void)pthread_mutex_lock(&l->lock);
	came = l->s.came;
	while (l->s.ready < came && !l->s.failed)
		(void)pthread_cond_wait(&l->changed, &l->lock);
	(void)pthread_mutex_unlock(&l->lock);
	return came;
}

uint64_t
landing_gone(struct landing *l)
{
	return look_at(l, &l->s.gone);
}

static bool
is_so(struct landing *l, const bool *flag)
{
	bool value;

	(void)pthread_mutex_lock(&l->lock);
	value = *flag;
	(void)pthread_mutex_unlock(&l->lock);
	return value;
}

static void
say(struct landing *l, bool *flag, bool value)
{
	(void)pthread_mutex_lock(&l->lock);
	*flag = value;
	(void)pthread_mutex_unlock(&l->lock);
}

void
landing_hold(struct landing *l, bool hold)
{
	say(l, &l->s.hold, hold);
}

void
landing_drain(struct landing *l)
{
	say(l, &l->s.draining, true);
	landing_wake(l);
}

bool
landing_drained(struct landing *l)
{
	return is_so(l, &l->s.drained);
}

bool
landing_failed(struct landing *l)
{
	return is_so(l, &l->s.failed);
}

int
landing_scrub(struct landing *l)
{
	int result;

	say(l, &l->s.scrub, true);
	landing_wake(l);
	(void)pthread_mutex_lock(&l->lock);
	while (l->s.scrub && !l->s.failed)
		(void)pthread_cond_wait(&l->changed, &l->lock);
	result = l->s.scrub ? -1 : l->s.scrubbed;
	(void)pthread_mutex_unlock(&l->lock);
	return result;
}

void
landing_count(struct landing *l, struct landing_counts *counts)
{
	(void)pthread_mutex_lock(&l->lock);
	*counts = l->s.counts;
	(void)pthread_mutex_unlock(&l->lock);
}
