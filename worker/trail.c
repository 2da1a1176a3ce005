#include "trail.h"

#include <stdlib.h>
#include <string.h>

#include "../shared/pattern.h"
#include "admin_verbs.h"

struct row {
	int64_t at_ms; /* wall time of its end */
	uint8_t id[EVENT_ID_LEN];
	char source[CONFIG_NAME_MAX + 1];
	char type[EVENT_TYPE_MAX + 1];
	char route[CONFIG_NAME_MAX + 1];
	uint32_t replay;
	uint32_t attempt;
	enum delivery_state state;
	int64_t ms;
	int64_t due_ms;
	char outcome[TRAIL_TEXT_SIZE];
	char detail[TRAIL_TEXT_SIZE];
	char reason[TRAIL_TEXT_SIZE];
};

struct trail {
	struct row rows[TRAIL_MAX]; /* number n is at n % TRAIL_MAX */
	int64_t last;               /* number of the latest; from 1 */
};

struct trail *
trail_new(void)
{
	return calloc(1, sizeof(struct trail));
}

void
trail_free(struct trail *trail)
{
	free(trail);
}

static void
copy(char *to, size_t size, const char *text)
{
	size_t len = text != NULL ? strnlen(text, size - 1) : 0;

	/* Not by snprintf(): this runs several times an attempt. */
	if (len > 0)
		memcpy(to, text, len);
	to[len] = '\0';
}

void
trail_forget(struct trail *trail, const uint8_t id[EVENT_ID_LEN])
{
	for (size_t i = 0; i < TRAIL_MAX; i++)
		if (memcmp(trail->rows[i].id, id, EVENT_ID_LEN) == 0)
			memset(trail->rows[i].detail, 0, TRAIL_TEXT_SIZE);
}

static void
note_settle(struct row *row, const struct store_settle *settle)
{
	row->state = settle->state;
	row->at_ms = settle->now_ms;
	row->ms = settle->attempt->ms;
	if (settle->state == DELIVERY_WAITING)
		row->due_ms = settle->due_ms;
	copy(row->outcome, sizeof(row->outcome), settle->attempt->outcome);
	copy(row->detail, sizeof(row->detail), settle->attempt->detail);
	copy(row->reason, sizeof(row->reason), settle->reason);
}

void
trail_note(struct trail *trail, const struct task *task)
{
	const struct store_delivery *delivery = task->delivery;
	struct row *row;

	if (delivery == NULL || delivery->event == NULL)
		return;
	row = &trail->rows[++trail->last % TRAIL_MAX];
	*row = (struct row){.replay = delivery->replay,
	    .attempt = delivery->attempt,
	    .state = DELIVERY_DEAD,
	    .at_ms = delivery->died_at_ms};
	memcpy(row->id, delivery->event->id, EVENT_ID_LEN);
	copy(row->source, sizeof(row->source), delivery->event->source);
	copy(row->type, sizeof(row->type), delivery->event->type);
	copy(row->route, sizeof(row->route), delivery->route);
	copy(row->reason, sizeof(row->reason), delivery->reason);
	if (task->kind == TASK_SETTLE)
		note_settle(row, &task->settle);
}

static int
put(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value);
}

static json_t *
row_json(const struct row *row, int64_t n)
{
	char id[EVENT_ID_TEXT_SIZE];
	json_t *object;

	event_id_format(row->id, id);
	object = json_pack("{s:I, s:o, s:s, s:o, s:o, s:s, s:I, s:I, s:s}", "n",
	    (json_int_t)n, "at", admin_json_time(row->at_ms), "id", id,
	    "source", admin_json_text(row->source), "type",
	    admin_json_text(row->type), "route", row->route, "replay",
	    (json_int_t)row->replay, "attempt", (json_int_t)row->attempt,
	    "state", delivery_state_name(row->state));
	if (row->state != DELIVERY_DEAD) {
		(void)put(object, "ms", json_integer(row->ms));
		(void)put(object, "outcome", admin_json_text(row->outcome));
		(void)put(object, "detail", admin_json_text(row->detail));
	}
	if (row->due_ms != 0)
		(void)put(object, "due_at", admin_json_time(row->due_ms));
	if (row->reason[0] != '\0')
		(void)put(object, "reason", admin_json_text(row->reason));
	return object;
}

static bool
is_asked(const struct row *row, const struct trail_query *query)
{
	return (query->source[0] == '\0' ||
		   strcmp(query->source, row->source) == 0) &&
	       (query->type[0] == '\0' ||
		   pattern_match(query->type, row->type, true));
}

json_t *
trail_json(const struct trail *trail, const struct trail_query *query)
{
	int64_t n = query->after, oldest = trail->last - TRAIL_MAX, missed = 0;
	json_t *list = json_array();

	/* a number from before this worker's start */
	if (n < 0 || n > trail->last)
		n = query->after < 0 ? trail->last : 0;
	if (n < oldest) {
		missed = oldest - n;
		n = oldest;
	}
	while (n < trail->last && json_array_size(list) < TRAIL_PAGE) {
		const struct row *row = &trail->rows[++n % TRAIL_MAX];

		if (is_asked(row, query))
			(void)json_array_append_new(list, row_json(row, n));
	}
	return json_pack("{s:I, s:I, s:b, s:o}", "cursor", (json_int_t)n,
	    "missed", (json_int_t)missed, "more", (int)(n < trail->last),
	    "attempts", list);
}
