#include "clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "units.h"

static const struct clock_fake *clock_faked;

static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_wall_ms(void)
{
	if (clock_faked)
		return clock_faked->wall_ms;
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t
clock_boot_us(void)
{
	if (clock_faked)
		return clock_faked->boot_ms * 1000;
	return read_us(CLOCK_BOOTTIME);
}

int64_t
clock_boot_ms(void)
{
	return clock_boot_us() / 1000;
}

int
clock_parse_since(const char *text, int64_t *wall_ms)
{
	char day[sizeof("2026-11-22T00:00:00Z")];
	int64_t ago_ms;

	if (units_duration_ms(text, &ago_ms) == 0) {
		*wall_ms = clock_wall_ms() - ago_ms;
		return 0;
	}
	if (clock_parse(text, wall_ms) == 0)
		return 0;
	if (strlen(text) != strlen("2026-11-22"))
		return -1;
	(void)snprintf(day, sizeof(day), "%sT00:00:00Z", text);
	return clock_parse(day, wall_ms);
}

void
clock_set_fake(const struct clock_fake *fake)
{
	clock_faked = fake;
}

void
clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	int ms = (int)(wall_ms % 1000);
	char date[CLOCK_TEXT_SIZE];
	struct tm tm;

	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	/* Years beyond four digits do not fit; they become the epoch. */
	if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 8099 ||
	    tm.tm_year < -1900) {
		seconds = 0;
		(void)gmtime_r(&seconds, &tm);
	}
	/* %Y does not fill up to four digits */
	(void)strftime(date, sizeof(date), "-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out, CLOCK_TEXT_SIZE, "%04u%.15s.%03uZ",
	    (unsigned)(tm.tm_year + 1900) % 10000, date, (unsigned)ms % 1000);
}

/* Exactly n digits at *p; moves *p behind them.  -1 when there are fewer. */
static int
digits(const char **p, int n)
{
	int value = 0;

	while (n-- > 0) {
		if (!isdigit((unsigned char)**p))
			return -1;
		value = value * 10 + *(*p)++ - '0';
	}
	return value;
}

/* One of the characters in `set` at *p; moves *p behind it. */
static int
one_of(const char **p, const char *set)
{
	for (; *set != '\0'; set++)
		if (**p == *set) {
			(*p)++;
			return *set;
		}
	return -1;
}

/* ".123456789" in milliseconds; 0 when there is none, -1 when malformed. */
static int
fraction_ms(const char **p)
{
	int ms = 0, n = 0;

	if (one_of(p, ".") == -1)
		return 0;
	for (; isdigit((unsigned char)**p); (*p)++, n++)
		if (n < 3)
			ms = ms * 10 + **p - '0';
	if (n == 0 || n > 9)
		return -1;
	for (; n < 3; n++)
		ms *= 10;
	return ms;
}

/* "Z" or "+hh:mm" in seconds east of UTC; -1 in *bad when malformed. */
static int
offset_s(const char **p, int *bad)
{
	int sign = one_of(p, "Zz+-"), hours, minutes;

	*bad = sign == -1 ? -1 : 0;
	if (sign != '+' && sign != '-')
		return 0;
	hours = digits(p, 2);
	if (hours < 0 || hours > 23 || one_of(p, ":") == -1 ||
	    (minutes = digits(p, 2)) < 0 || minutes > 59) {
		*bad = -1;
		return 0;
	}
	return (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

int
clock_parse(const char *text, int64_t *wall_ms)
{
	const char *p = text;
	struct tm tm = {0}, date;
	int day, ms, offset, bad;
	time_t seconds;

	if ((tm.tm_year = digits(&p, 4) - 1900) < -1900 ||
	    one_of(&p, "-") == -1 || (tm.tm_mon = digits(&p, 2) - 1) < 0 ||
	    one_of(&p, "-") == -1 || (day = digits(&p, 2)) < 1 ||
	    one_of(&p, "Tt ") == -1 || (tm.tm_hour = digits(&p, 2)) < 0 ||
	    one_of(&p, ":") == -1 || (tm.tm_min = digits(&p, 2)) < 0 ||
	    one_of(&p, ":") == -1 || (tm.tm_sec = digits(&p, 2)) < 0 ||
	    (ms = fraction_ms(&p)) < 0)
		return -1;
	offset = offset_s(&p, &bad);
	if (bad != 0 || *p != '\0' || tm.tm_mon > 11 || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60)
		return -1;
	/* timegm() turns 31 February into March; such a date is none. */
	date = (struct tm){
	    .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = day};
	(void)timegm(&date);
	if (date.tm_mday != day)
		return -1;
	tm.tm_mday = day;
	seconds = timegm(&tm);
	*wall_ms = ((int64_t)seconds - offset) * 1000 + ms;
	return 0;
}

static const char http_form[] = "%a, %d %b %Y %H:%M:%S GMT";

void
clock_format_http(int64_t wall_ms, char out[CLOCK_HTTP_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(out, CLOCK_HTTP_SIZE, http_form, &tm) == 0)
		*out = '\0';
}

int
clock_parse_http(const char *text, int64_t *wall_ms)
{
	char again[CLOCK_HTTP_SIZE];
	struct tm tm = {0};
	const char *end = strptime(text, http_form, &tm);
	time_t seconds;

	if (!end || *end != '\0')
		return -1;
	/* what people write differently, or no such day, is no such text */
	seconds = timegm(&tm);
	clock_format_http((int64_t)seconds * 1000, again);
	if (seconds < 0 || strcmp(again, text) != 0)
		return -1;
	*wall_ms = (int64_t)seconds * 1000;
	return 0;
}
