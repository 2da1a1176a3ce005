#include "dev_line.h"

#include <string.h>

#include "out.h"

enum { FIELDS_MAX = 6 };

/* How a field is shown: `%` stands for its value. */
struct field {
	const char *name;
	const char *words;
};

/* What is shown of the lines that tell an event's way. */
static const struct {
	const char *msg;
	struct field fields[FIELDS_MAX];
} rows[] = {
    {"accepted", {{"type", "%"}, {"key", "key %"}, {"bytes", "% bytes"},
		     {"ms", "% ms"}}},
    {"duplicate", {{"type", "%"}, {"key", "key % came before"},
		      {"revived", "tried again: %"}}},
    {"refused", {{"status", "%"}, {"reason", "%"}, {"where", "in %"},
		    {"skew", "clock off by %"}, {"bytes", "% bytes"}}},
    {"unavailable", {{"status", "%"}, {"reason", "%"}}},
    {"handshake", {{"status", "%"}}},
    {"delivered", {{"attempt", "try %"}, {"ms", "% ms"}}},
    {"failed", {{"attempt", "try %"}, {"outcome", "%"}, {"ms", "% ms"},
		   {"last", "%"}, {"next", "next %"}}},
    {"dead", {{"attempts", "after % tries"}, {"reason", "%"}}},
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

/* The text of a member: string or number; "" for none. */
static void
add_value(const json_t *value, struct buf *out)
{
	if (json_is_string(value))
		(void)buf_add_str(out, json_string_value(value));
	else if (json_is_integer(value))
		(void)buf_printf(
		    out, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		(void)buf_printf(out, "%.1f", json_real_value(value));
}

static void
add_field(const struct field *field, const json_t *record, struct buf *out)
{
	const json_t *value = json_object_get(record, field->name);
	size_t before = strcspn(field->words, "%");

	if (value == NULL)
		return;
	(void)buf_add_str(out, "  ");
	(void)buf_add(out, field->words, before);
	add_value(value, out);
	(void)buf_add_str(out, field->words + before + 1);
}

/* A warning or an error of another kind, with all that it says. */
static void
add_trouble(const json_t *record, struct buf *out)
{
	const json_t *value;
	const char *name;

	(void)buf_printf(out, "%-9s  %s", out_member(record, "level"),
	    out_member(record, "msg"));
	json_object_foreach((json_t *)(uintptr_t)record, name, value)
	{
		if (strcmp(name, "level") == 0 || strcmp(name, "msg") == 0)
			continue;
		(void)buf_printf(out, "  %s=", name);
		add_value(value, out);
	}
}

int
dev_line(const json_t *record, struct buf *out)
{
	const char *msg = out_member(record, "msg");
	const char *id = out_short_id(out_member(record, "id"));
	size_t i = 0;

	while (i < N_ROWS && strcmp(rows[i].msg, msg) != 0)
		i++;
	if (i == N_ROWS) {
		if (strcmp(out_member(record, "level"), "info") != 0)
			add_trouble(record, out);
		return out->failed ? -1 : 0;
	}
	(void)buf_printf(out, "%-9s  %-8s", msg, id);
	for (size_t j = 0; j < FIELDS_MAX && rows[i].fields[j].name; j++)
		add_field(&rows[i].fields[j], record, out);
	return out->failed ? -1 : 0;
}
