#include "totals.h"

#include <stdbool.h>
#include <string.h>

enum {
	DEPTH_MAX = 3, /* counters, a map in them, a list in it */
	NAME_MAX_LEN = 64,
};

/* Room for one more member. */
static bool
has_room(const json_t *object, const char *name)
{
	return json_object_size(object) < TOTALS_MEMBERS_MAX &&
	       strlen(name) <= NAME_MAX_LEN;
}

static void
add_integer(json_t *total, const char *name, json_int_t before, json_int_t now)
{
	json_int_t sum = json_integer_value(total);

	if (strncmp(name, "last_", 5) == 0)
		sum = now > sum ? now : sum;
	else if (now > before)
		sum += now - before;
	(void)json_integer_set(total, sum);
}

static void add_value(json_t *total, const char *name, const json_t *before,
    json_t *now, int depth);

/* Nothing yet, of the kind of `like`; NULL for what cannot be added up. */
static json_t *
nothing(const json_t *like)
{
	if (json_is_integer(like))
		return json_integer(0);
	if (json_is_object(like))
		return json_object();
	return json_is_array(like) ? json_array() : NULL;
}

static void
add_object(json_t *total, const json_t *before, json_t *now, int depth)
{
	const char *name;
	json_t *value;

	json_object_foreach(now, name, value)
	{
		json_t *sum = json_object_get(total, name);

		if (sum == NULL && depth < DEPTH_MAX && has_room(total, name) &&
		    (sum = nothing(value)) != NULL)
			(void)json_object_set_new(total, name, sum);
		add_value(
		    sum, name, json_object_get(before, name), value, depth + 1);
	}
}

static void
add_array(json_t *total, const json_t *before, json_t *now, int depth)
{
	json_t *value;
	size_t i;

	json_array_foreach(now, i, value)
	{
		if (i == TOTALS_MEMBERS_MAX || depth == DEPTH_MAX)
			break;
		if (i == json_array_size(total))
			(void)json_array_append_new(total, nothing(value));
		add_value(json_array_get(total, i), "",
		    json_array_get(before, i), value, depth + 1);
	}
}

/* Values of different kinds are left alone. */
static void
add_value(json_t *total, const char *name, const json_t *before, json_t *now,
    int depth)
{
	if (total == NULL || json_typeof(total) != json_typeof(now))
		return;
	if (json_is_integer(now))
		add_integer(total, name, json_integer_value(before),
		    json_integer_value(now));
	else if (json_is_object(now))
		add_object(total, before, now, depth);
	else if (json_is_array(now))
		add_array(total, before, now, depth);
}

void
totals_add(json_t *total, const json_t *before, json_t *now)
{
	static const char latest[] = "last_refused_ms";

	json_int_t refused_ms =
	    json_integer_value(json_object_get(total, latest));
	json_t *reason = json_object_get(now, "reason");

	if (json_is_string(reason) &&
	    json_string_length(reason) <= NAME_MAX_LEN &&
	    json_integer_value(json_object_get(now, latest)) > refused_ms)
		(void)json_object_set(total, "reason", reason);
	add_value(total, "", before, now, 0);
}
