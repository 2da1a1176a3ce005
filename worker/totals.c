#include "totals.h"

#include <string.h>

enum { NAME_MAX_LEN = 64 };

static void
add_integer(json_t *sum, const char *name, const json_t *before, json_t *now)
{
	json_int_t n = json_integer_value(now), told, all;

	if (!json_is_integer(now) || !json_is_integer(sum))
		return;
	told = json_integer_value(before);
	all = json_integer_value(sum);
	if (strncmp(name, "last_", 5) == 0)
		all = n > all ? n : all;
	else if (n > told)
		all += n - told;
	(void)json_integer_set(sum, all);
}

static void
add_list(json_t *total, const json_t *before, json_t *now)
{
	json_t *value;
	size_t i;

	json_array_foreach(now, i, value)
	{
		if (i == TOTALS_MEMBERS_MAX)
			break;
		if (i == json_array_size(total))
			(void)json_array_append_new(total, json_integer(0));
		add_integer(json_array_get(total, i), "",
		    json_array_get(before, i), value);
	}
}

/* The member that adds up `like`, made when there is none; NULL when there is
 * no room, or it is of another kind. */
static json_t *
sum_of(json_t *total, const char *name, const json_t *like)
{
	json_t *sum = json_object_get(total, name);

	if (sum == NULL && json_object_size(total) < TOTALS_MEMBERS_MAX &&
	    strlen(name) <= NAME_MAX_LEN) {
		if (json_is_integer(like))
			sum = json_integer(0);
		else if (json_is_array(like))
			sum = json_array();
		else if (json_is_object(like))
			sum = json_object();
		if (sum != NULL)
			(void)json_object_set_new(total, name, sum);
	}
	if (sum == NULL || json_typeof(sum) != json_typeof(like))
		return NULL;
	return sum;
}

/* A map of numbers and lists. */
static void
add_map(json_t *total, const json_t *before, json_t *now)
{
	const char *name;
	json_t *value;

	json_object_foreach(now, name, value)
	{
		const json_t *told = json_object_get(before, name);
		json_t *sum = sum_of(total, name, value);

		if (json_is_array(value))
			add_list(sum, told, value);
		else
			add_integer(sum, name, told, value);
	}
}

void
totals_add(json_t *total, const json_t *before, json_t *now)
{
	static const char latest[] = "last_refused_ms";

	json_int_t refused_ms =
	    json_integer_value(json_object_get(total, latest));
	json_t *reason = json_object_get(now, "reason"), *value;
	const char *name;

	if (json_is_string(reason) &&
	    json_string_length(reason) <= NAME_MAX_LEN &&
	    json_integer_value(json_object_get(now, latest)) > refused_ms)
		(void)json_object_set(total, "reason", reason);
	json_object_foreach(now, name, value)
	{
		const json_t *told = json_object_get(before, name);
		json_t *sum = sum_of(total, name, value);

		if (json_is_object(value))
			add_map(sum, told, value);
		else
			add_integer(sum, name, told, value);
	}
}
