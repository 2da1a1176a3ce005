#include "retry.h"

static int64_t
min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* backoff * 2^(attempt - 1), never over backoff_max. */
static int64_t
doubled_ms(const struct config_route *route, unsigned attempt)
{
	int64_t ms = max64(route->backoff_ms, RETRY_DELAY_MIN_MS);
	int64_t max = max64(route->backoff_max_ms, RETRY_DELAY_MIN_MS);

	for (; attempt > 1 && ms < max; attempt--)
		ms = ms > max / 2 ? max : ms * 2;
	return min64(ms, max);
}

int64_t
retry_delay_ms(const struct config_route *route, unsigned attempt)
{
	if (route->attempts > 0 && attempt >= route->attempts)
		return -1;
	if (route->schedule_ms == NULL)
		return doubled_ms(route, attempt);
	if (attempt == 0 || attempt > route->n_schedule)
		return -1;
	return max64(route->schedule_ms[attempt - 1], RETRY_DELAY_MIN_MS);
}

/* 0.8 to 1.2 of the delay. */
static int64_t
jittered_ms(int64_t delay_ms, uint32_t random)
{
	int64_t permille = 800 + random % 401;

	if (delay_ms > INT64_MAX / 1200)
		return delay_ms;
	return delay_ms * permille / 1000;
}

struct retry_decision
retry_decide(const struct config_route *route, const struct retry_input *input)
{
	struct retry_decision decision = {0};
	int64_t delay = retry_delay_ms(route, input->attempt);
	int64_t left = INT64_MAX, tried;

	if (delay < 0) {
		decision.reason = "attempts";
		return decision;
	}
	if (route->schedule_ms == NULL) {
		delay = jittered_ms(delay, input->random);
		tried = input->now_ms - input->first_at_ms - input->paused_ms;
		left = route->give_up_ms - max64(tried, 0);
	}
	if (left <= 0) {
		decision.reason = "expired";
		return decision;
	}
	delay =
	    max64(delay, min64(input->retry_after_ms, route->backoff_max_ms));
	decision.again = true;
	decision.due_ms = input->now_ms + min64(delay, left);
	return decision;
}

unsigned
retry_count(const struct config_route *route)
{
	int64_t passed = 0, delay;
	unsigned n = 1;

	while (n < RETRY_COUNT_MAX) {
		delay = retry_delay_ms(route, n);
		if (delay < 0)
			break;
		if (route->schedule_ms == NULL) {
			if (passed >= route->give_up_ms)
				break;
			passed += min64(delay, route->give_up_ms - passed);
		}
		n++;
	}
	return n;
}
