#include "causes.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct causes {
	struct cause *rows;
	size_t n;
	size_t cap;
	int64_t due_ms; /* the earliest of those with something to tell */
};

struct causes *
causes_new(void)
{
	struct causes *causes = calloc(1, sizeof(*causes));

	if (causes != NULL)
		causes->due_ms = INT64_MAX;
	return causes;
}

void
causes_free(struct causes *causes)
{
	size_t i;

	if (causes == NULL)
		return;
	for (i = 0; i < causes->n; i++)
		json_decref(causes->rows[i].facts);
	free(causes->rows);
	free(causes);
}

static struct cause *
find(const struct causes *causes, int kind, const char *subject)
{
	size_t i;

	for (i = 0; i < causes->n; i++)
		if (causes->rows[i].kind == kind &&
		    strcmp(causes->rows[i].subject, subject) == 0)
			return &causes->rows[i];
	return NULL;
}

/* Without those whose pause is over and that have nothing to tell. */
static void
forget_quiet(struct causes *causes, int64_t boot_ms)
{
	size_t i = 0;

	while (i < causes->n) {
		if (causes->rows[i].count > 0 ||
		    causes->rows[i].due_ms > boot_ms)
			i++;
		else
			causes->rows[i] = causes->rows[--causes->n];
	}
}

/* A row of a cause that was not told lately; NULL: there is no room. */
static struct cause *
add(struct causes *causes, int kind, const char *subject, int64_t boot_ms)
{
	struct cause *rows, *row;
	size_t cap;

	if (causes->n == causes->cap)
		forget_quiet(causes, boot_ms);
	if (causes->n == CAUSES_MAX)
		return NULL;
	if (causes->n == causes->cap) {
		cap = causes->cap > 0 ? causes->cap * 2 : 16;
		rows = reallocarray(causes->rows, cap, sizeof(*rows));
		if (rows == NULL)
			return NULL;
		causes->rows = rows;
		causes->cap = cap;
	}
	row = &causes->rows[causes->n++];
	*row = (struct cause){.kind = kind, .due_ms = boot_ms};
	(void)snprintf(row->subject, sizeof(row->subject), "%s", subject);
	return row;
}

int
causes_note(struct causes *causes, int kind, const char *subject, json_t *facts,
    const struct causes_time *now)
{
	char cut[CAUSES_SUBJECT_SIZE];
	struct cause *row;

	(void)snprintf(cut, sizeof(cut), "%s", subject);
	row = find(causes, kind, cut);
	if (facts == NULL || (row == NULL && (row = add(causes, kind, cut,
						  now->boot_ms)) == NULL)) {
		json_decref(facts);
		return -1;
	}
	if (row->count++ == 0)
		row->since_ms = now->wall_ms;
	json_decref(row->facts);
	row->facts = facts;
	if (row->due_ms < causes->due_ms)
		causes->due_ms = row->due_ms;
	return 0;
}

int64_t
causes_due_ms(const struct causes *causes)
{
	return causes->due_ms;
}

static bool
is_due(const struct cause *row, int64_t boot_ms)
{
	return row->count > 0 && row->due_ms <= boot_ms;
}

const struct cause *
causes_next(const struct causes *causes, size_t *at, int64_t boot_ms)
{
	const struct cause *row;

	while (causes->due_ms <= boot_ms && *at < causes->n) {
		row = &causes->rows[(*at)++];
		if (is_due(row, boot_ms))
			return row;
	}
	return NULL;
}

void
causes_told(struct causes *causes, int64_t boot_ms)
{
	struct cause *row;
	size_t i;

	if (causes->due_ms > boot_ms)
		return;
	causes->due_ms = INT64_MAX;
	for (i = 0; i < causes->n; i++) {
		row = &causes->rows[i];
		if (is_due(row, boot_ms)) {
			json_decref(row->facts);
			row->facts = NULL;
			row->count = 0;
			row->due_ms = boot_ms + CAUSES_PAUSE_MS;
		} else if (row->count > 0 && row->due_ms < causes->due_ms) {
			causes->due_ms = row->due_ms;
		}
	}
}
