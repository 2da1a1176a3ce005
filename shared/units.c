#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first, as the formatters want them. */
static const struct unit durations[] = {
    {"d", 86400000},
    {"h", 3600000},
    {"m", 60000},
    {"s", 1000},
    {"ms", 1},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"T", INT64_C(1) << 40},
    {"G", INT64_C(1) << 30},
    {"M", INT64_C(1) << 20},
    {"k", INT64_C(1) << 10},
    {NULL, 0},
};

enum { DAYS_MAX = 36500 };

#define DURATION_MAX (INT64_C(86400000) * DAYS_MAX)
#define SIZE_MAX_B   (INT64_C(1) << 50)

/* Read digits; NULL when there are none or the number is over `max`. */
static const char *
read_digits(const char *text, int64_t max, int64_t *value)
{
	const char *p = text;
	int64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		int64_t digit = *p - '0';

		if (n > (max - digit) / 10)
			return NULL;
		n = 10 * n + digit;
	}
	if (p == text)
		return NULL;
	*value = n;
	return p;
}

static int
read_with_unit(
    const char *text, const struct unit *units, int64_t max, int64_t *value)
{
	int64_t n = 0;
	const char *unit = read_digits(text, max, &n);

	if (unit == NULL)
		return -1;
	for (; units->name != NULL; units++) {
		if (strcmp(unit, units->name) != 0)
			continue;
		if (n > max / units->factor)
			return -1;
		*value = n * units->factor;
		return 0;
	}
	return -1;
}

int
units_duration_ms(const char *text, int64_t *ms)
{
	return read_with_unit(text, durations, DURATION_MAX, ms);
}

int
units_size(const char *text, int64_t *bytes)
{
	return read_with_unit(text, sizes, SIZE_MAX_B, bytes);
}

int
units_number(const char *text, int64_t min, int64_t max, int64_t *value)
{
	int negative = *text == '-';
	int64_t n = 0;
	const char *end = read_digits(text + negative, INT64_MAX, &n);

	if (end == NULL || *end != '\0')
		return -1;
	if (negative)
		n = -n;
	if (n < min || n > max)
		return -1;
	*value = n;
	return 0;
}

/* 5s, 1m20s, 3d4h: the largest unit, and the next one when it says more. */
char *
units_format_ms(int64_t ms, char *out, size_t size)
{
	const char *sign = ms < 0 ? "-" : "";
	const struct unit *unit = durations;
	const struct unit *next;
	int64_t rest;

	if (ms < 0)
		ms = ms == INT64_MIN ? INT64_MAX : -ms;
	while (unit->factor > ms && unit->factor > 1)
		unit++;
	next = unit->factor > 1 ? unit + 1 : unit;
	rest = ms % unit->factor / next->factor;
	if (rest == 0)
		(void)snprintf(out, size, "%s%" PRId64 "%s", sign,
		    ms / unit->factor, unit->name);
	else if (unit->factor == 1000)
		(void)snprintf(out, size, "%s%.3gs", sign, (double)ms / 1000);
	else
		(void)snprintf(out, size, "%s%" PRId64 "%s%" PRId64 "%s", sign,
		    ms / unit->factor, unit->name, rest, next->name);
	return out;
}

char *
units_format_bytes(int64_t bytes, char *out, size_t size)
{
	const struct unit *unit = sizes;
	double n;

	while (unit->name != NULL && unit->factor > bytes)
		unit++;
	if (unit->name == NULL) {
		(void)snprintf(out, size, "%" PRId64 " B", bytes);
		return out;
	}
	n = (double)bytes / (double)unit->factor;
	(void)snprintf(
	    out, size, n < 9.95 ? "%.1f %sB" : "%.0f %sB", n, unit->name);
	return out;
}
