#include "links.h"

#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/config.h"
#include "totals.h"

enum { INSTANCE_SIZE = 65 };

struct process {
	char instance[INSTANCE_SIZE];
	int64_t heard_ms;
	size_t n_links;
	json_t *told; /* counters of all sources it ever told of */
};

struct link_row {
	uint8_t id[WIRE_LINK_LEN];
	size_t id_len;
	int64_t since_ms;
	int64_t heard_ms;
	json_t *hello; /* the latest HELLO or BEAT, without its counters */
	struct process *process; /* NULL: its counters are not taken */
};

struct links {
	struct link_row *rows;
	size_t n;
	size_t cap;
	struct process *processes[LINKS_MAX];
	size_t n_processes;
	json_t *totals;
	/* Wall time: what a process counted of a source since then, and did
	 * not tell, belongs to the totals; of an older one only what comes. */
	int64_t horizon_ms;
	links_down_fn *down; /* or NULL */
	void *down_arg;
};

struct links *
links_new(int64_t started_ms)
{
	struct links *links = calloc(1, sizeof(struct links));

	if (links == NULL)
		return NULL;
	links->horizon_ms = started_ms;
	links->totals = json_object();
	if (links->totals == NULL) {
		free(links);
		return NULL;
	}
	return links;
}

static void
process_free(struct process *process)
{
	json_decref(process->told);
	free(process);
}

void
links_free(struct links *links)
{
	size_t i;

	if (links == NULL)
		return;
	for (i = 0; i < links->n; i++)
		json_decref(links->rows[i].hello);
	for (i = 0; i < links->n_processes; i++)
		process_free(links->processes[i]);
	json_decref(links->totals);
	free(links->rows);
	free(links);
}

/* ---- processes ---- */

/* What it has told stays in the totals; should it come back, only what it
 * counts from then on is added. */
static void
forget(struct links *links, size_t at, int64_t boot_ms)
{
	struct process *process = links->processes[at];
	int64_t heard_ms = clock_wall_ms() - (boot_ms - process->heard_ms);

	if (heard_ms > links->horizon_ms)
		links->horizon_ms = heard_ms;
	process_free(process);
	links->processes[at] = links->processes[--links->n_processes];
}

/* Make room by forgetting the one that ended first; false: all are linked. */
static bool
forget_oldest(struct links *links, int64_t boot_ms)
{
	size_t oldest = LINKS_MAX, i;

	for (i = 0; i < links->n_processes; i++)
		if (links->processes[i]->n_links == 0 &&
		    (oldest == LINKS_MAX ||
			links->processes[i]->heard_ms <
			    links->processes[oldest]->heard_ms))
			oldest = i;
	if (oldest == LINKS_MAX)
		return false;
	forget(links, oldest, boot_ms);
	return true;
}

static struct process *
process_of(struct links *links, const json_t *hello, int64_t boot_ms)
{
	const char *instance =
	    json_string_value(json_object_get(hello, "instance"));
	struct process *process;
	size_t i;

	if (instance == NULL || strlen(instance) >= INSTANCE_SIZE)
		return NULL;
	for (i = 0; i < links->n_processes; i++)
		if (strcmp(links->processes[i]->instance, instance) == 0)
			return links->processes[i];
	if (links->n_processes == LINKS_MAX && !forget_oldest(links, boot_ms))
		return NULL;
	process = calloc(1, sizeof(*process));
	if (process == NULL || (process->told = json_object()) == NULL) {
		free(process);
		return NULL;
	}
	(void)memccpy(process->instance, instance, '\0', INSTANCE_SIZE);
	links->processes[links->n_processes++] = process;
	return process;
}

/* ---- counters ---- */

/* A source's total, made when there is none; NULL: there is no room. */
static json_t *
total_of(struct links *links, const char *name)
{
	json_t *total = json_object_get(links->totals, name);

	if (total != NULL || strlen(name) > CONFIG_NAME_MAX ||
	    json_object_size(links->totals) == LINKS_NAMES_MAX ||
	    json_object_set_new(links->totals, name, json_object()) != 0)
		return total;
	return json_object_get(links->totals, name);
}

/* A process told of some of its sources. */
static void
take_counters(struct links *links, struct process *process, json_t *counters)
{
	const json_t *before;
	json_t *now, *total;
	const char *name;

	json_object_foreach(counters, name, now)
	{
		total = total_of(links, name);
		if (total == NULL || !json_is_object(now))
			continue;
		before = json_object_get(process->told, name);
		if (before == NULL && json_integer_value(json_object_get(now,
					  "since_ms")) <= links->horizon_ms)
			before = now;
		totals_add(total, before, now);
		(void)json_object_set(process->told, name, now);
	}
}

/* ---- links ---- */

static struct link_row *
find(struct links *links, const void *id, size_t id_len)
{
	size_t i;

	for (i = 0; i < links->n; i++)
		if (links->rows[i].id_len == id_len &&
		    memcmp(links->rows[i].id, id, id_len) == 0)
			return &links->rows[i];
	return NULL;
}

static struct link_row *
add(struct links *links, const void *id, size_t id_len, int64_t boot_ms)
{
	size_t cap = links->cap ? links->cap * 2 : 16;
	struct link_row *rows;

	if (id_len > WIRE_LINK_LEN || links->n == LINKS_MAX)
		return NULL;
	if (links->n == links->cap) {
		rows = realloc(links->rows, cap * sizeof(*rows));
		if (rows == NULL)
			return NULL;
		links->rows = rows;
		links->cap = cap;
	}
	links->rows[links->n] =
	    (struct link_row){.id_len = id_len, .since_ms = boot_ms};
	memcpy(links->rows[links->n].id, id, id_len);
	return &links->rows[links->n++];
}

bool
links_heard(struct links *links, const void *id, size_t id_len, json_t *hello,
    int64_t boot_ms)
{
	struct link_row *row = find(links, id, id_len);
	bool is_new = row == NULL;

	if (is_new && (row = add(links, id, id_len, boot_ms)) == NULL)
		return false;
	if (row->process == NULL) {
		row->process = process_of(links, hello, boot_ms);
		if (row->process != NULL)
			row->process->n_links++;
	}
	row->heard_ms = boot_ms;
	json_decref(row->hello);
	row->hello = json_copy(hello);
	(void)json_object_del(row->hello, "counters");
	if (row->process != NULL) {
		row->process->heard_ms = boot_ms;
		take_counters(
		    links, row->process, json_object_get(hello, "counters"));
	}
	return is_new;
}

void
links_on_down(struct links *links, links_down_fn *fn, void *arg)
{
	links->down = fn;
	links->down_arg = arg;
}

/* Whether the process behind it is gone, and not in good order. */
static bool
is_down(const struct link_row *row)
{
	const char *state =
	    json_string_value(json_object_get(row->hello, "state"));

	return (row->process == NULL || row->process->n_links == 1) &&
	       (state == NULL || strcmp(state, "leaving") != 0);
}

static void
drop_row(struct links *links, size_t at, int64_t boot_ms)
{
	struct link_row *row = &links->rows[at];

	if (links->down != NULL && is_down(row))
		links->down(
		    links->down_arg, row->hello, boot_ms - row->heard_ms);
	if (row->process != NULL)
		row->process->n_links--;
	json_decref(row->hello);
	*row = links->rows[--links->n];
}

size_t
links_expire(struct links *links, int64_t boot_ms)
{
	size_t i = 0;

	while (i < links->n)
		if (boot_ms - links->rows[i].heard_ms >= LINK_DEAD_MS)
			drop_row(links, i, boot_ms);
		else
			i++;
	i = 0;
	while (i < links->n_processes)
		if (links->processes[i]->n_links == 0 &&
		    boot_ms - links->processes[i]->heard_ms >=
			LINKS_REMEMBER_MS)
			forget(links, i, boot_ms);
		else
			i++;
	return links->n;
}

size_t
links_count(const struct links *links)
{
	return links->n;
}

int64_t
links_parked(const struct links *links)
{
	int64_t parked = 0;
	size_t i;

	for (i = 0; i < links->n; i++)
		parked += json_integer_value(
		    json_object_get(links->rows[i].hello, "parked"));
	return parked;
}

void
links_each(const struct links *links, links_fn *fn, void *arg)
{
	size_t i;

	for (i = 0; i < links->n; i++)
		fn(arg, links->rows[i].id, links->rows[i].id_len);
}

json_t *
links_json(const struct links *links, int64_t boot_ms)
{
	static const char *const told[] = {
	    "host", "pid", "version", "config", "started_ms", "parked"};
	json_t *array = json_array(), *one;
	const struct link_row *row;
	size_t i, k;

	for (i = 0; array != NULL && i < links->n; i++) {
		row = &links->rows[i];
		one = json_object();
		for (k = 0; k < sizeof(told) / sizeof(told[0]); k++)
			(void)json_object_set(
			    one, told[k], json_object_get(row->hello, told[k]));
		(void)json_object_set_new(
		    one, "since_ms", json_integer(boot_ms - row->since_ms));
		(void)json_object_set_new(
		    one, "heard_ms", json_integer(boot_ms - row->heard_ms));
		if (row->process != NULL)
			(void)json_object_set(
			    one, "sources", row->process->told);
		(void)json_array_append_new(array, one);
	}
	return array;
}

json_t *
links_totals(const struct links *links)
{
	return json_incref(links->totals);
}
