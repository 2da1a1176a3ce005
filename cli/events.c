#include "events.h"

#include <stdio.h>

enum { PAGE = 200 };

static int
set_text(json_t *args, const char *name, const char *text)
{
	return text != NULL ? json_object_set_new(args, name, json_string(text))
			    : 0;
}

static json_t *
make_args(const struct events_query *query, int64_t limit, int64_t cursor)
{
	json_t *args = json_pack("{s:I, s:I, s:I, s:b}", "limit",
	    (json_int_t)limit, "cursor", (json_int_t)cursor, "since_ms",
	    (json_int_t)query->since_ms, "oldest_first",
	    (int)query->oldest_first);

	if (args != NULL && set_text(args, "source", query->source) == 0 &&
	    set_text(args, "type", query->type) == 0 &&
	    set_text(args, "state", query->state) == 0 &&
	    set_text(args, "route", query->route) == 0)
		return args;
	fputs("gaff: an option's value is not UTF-8\n", stderr);
	json_decref(args);
	return NULL;
}

json_t *
events_ask(struct call *call, const struct events_query *query, bool *more)
{
	json_t *all = json_array(), *args, *page;
	int64_t cursor = query->after, left = query->limit;

	do {
		args = make_args(query, left < PAGE ? left : PAGE, cursor);
		page = args != NULL ? call_ask(call, "events", args, &cursor)
				    : NULL;
		if (page == NULL || json_array_extend(all, page) != 0) {
			json_decref(page);
			json_decref(all);
			return NULL;
		}
		left -= (int64_t)json_array_size(page);
		json_decref(page);
	} while (cursor != 0 && left > 0);
	*more = cursor != 0;
	return all;
}
