#include "links.h"

#include <stdlib.h>
#include <string.h>

struct link_row {
	uint8_t id[WIRE_LINK_LEN];
	size_t id_len;
	int64_t since_ms;
	int64_t heard_ms;
	json_t *hello;   /* the latest HELLO or BEAT */
	json_t *sources; /* counters of all sources it ever told of */
};

struct links {
	struct link_row *rows;
	size_t n;
	size_t cap;
};

struct links *
links_new(void)
{
	return calloc(1, sizeof(struct links));
}

static void
clear_row(struct link_row *row)
{
	json_decref(row->hello);
	json_decref(row->sources);
}

void
links_free(struct links *links)
{
	size_t i;

	if (links == NULL)
		return;
	for (i = 0; i < links->n; i++)
		clear_row(&links->rows[i]);
	free(links->rows);
	free(links);
}

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
	links->rows[links->n] = (struct link_row){
	    .id_len = id_len, .since_ms = boot_ms, .sources = json_object()};
	memcpy(links->rows[links->n].id, id, id_len);
	return &links->rows[links->n++];
}

bool
links_heard(struct links *links, const void *id, size_t id_len,
    const json_t *hello, int64_t boot_ms)
{
	struct link_row *row = find(links, id, id_len);
	bool is_new = row == NULL;
	json_t *counters;

	if (is_new && (row = add(links, id, id_len, boot_ms)) == NULL)
		return false;
	row->heard_ms = boot_ms;
	json_decref(row->hello);
	row->hello = json_deep_copy(hello);
	/* A beat tells only what has changed. */
	counters = json_object_get(row->hello, "counters");
	if (counters != NULL)
		(void)json_object_update(row->sources, counters);
	return is_new;
}

size_t
links_expire(struct links *links, int64_t boot_ms)
{
	size_t i = 0;

	while (i < links->n) {
		if (boot_ms - links->rows[i].heard_ms < LINK_DEAD_MS) {
			i++;
			continue;
		}
		clear_row(&links->rows[i]);
		links->rows[i] = links->rows[--links->n];
	}
	return links->n;
}

size_t
links_count(const struct links *links)
{
	return links->n;
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
	static const char *const told[] = {"host", "pid", "version", "config"};
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
		(void)json_object_set(one, "sources", row->sources);
		(void)json_array_append_new(array, one);
	}
	return array;
}
