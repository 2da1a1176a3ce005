#include "pace.h"

#include <errno.h>
#include <time.h>

#include "../shared/clock.h"

enum { US = 1000000 };

struct pace
pace_start(int64_t rate)
{
	return (struct pace){.rate = rate, .start_us = clock_boot_us()};
}

int64_t
pace_left_us(const struct pace *pace)
{
	int64_t left_us;

	if (pace->rate == 0)
		return 0;
	left_us = pace->start_us + pace->n * US / pace->rate - clock_boot_us();
	return left_us > 0 ? left_us : 0;
}

void
pace_count(struct pace *pace)
{
	pace->n++;
}

void
pace_wait(struct pace *pace)
{
	int64_t left_us = pace_left_us(pace);
	struct timespec left = {
	    .tv_sec = left_us / US, .tv_nsec = left_us % US * 1000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
	pace_count(pace);
}
