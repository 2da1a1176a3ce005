/* Values of gaff.conf: from text to members, by tables of keys. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"
#include "secret.h"
#include "units.h"

char *
config_copy(struct config_loader *l, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		l->faults.no_memory = true;
	return copy;
}

char *
config_absolute(struct config_loader *l, const char *path)
{
	char *absolute;

	if (path[0] == '/')
		return config_copy(l, path);
	if (asprintf(&absolute, "%s/%s", l->directory, path) < 0) {
		l->faults.no_memory = true;
		return NULL;
	}
	return absolute;
}

void
config_list_add(
    struct config_loader *l, struct config_list *list, const char *text)
{
	char **items = realloc(list->items, (list->n + 1) * sizeof(*items));
	char *copy = config_copy(l, text);

	if (items != NULL)
		list->items = items;
	if (items == NULL || copy == NULL) {
		l->faults.no_memory = true;
		free(copy);
		return;
	}
	items[list->n++] = copy;
}

void
config_list_clear(struct config_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct config_list){0};
}

const struct config_entry *
config_entry_find(const struct config_section *section, const char *key)
{
	size_t i;

	for (i = 0; i < section->n; i++)
		if (strcmp(section->entries[i].key, key) == 0)
			return &section->entries[i];
	return NULL;
}

/* ---- the nearest known name ---- */

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned low = a < b ? a : b;

	return low < c ? low : c;
}

/* Levenshtein's distance; long names count as far away. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[CONFIG_NAME_MAX + 1], diagonal, above;
	size_t la = strlen(a), lb = strlen(b), i, j;

	if (la > CONFIG_NAME_MAX || lb > CONFIG_NAME_MAX)
		return CONFIG_NAME_MAX;
	for (j = 0; j <= lb; j++)
		row[j] = (unsigned)j;
	for (i = 1; i <= la; i++) {
		diagonal = row[0];
		row[0] = (unsigned)i;
		for (j = 1; j <= lb; j++) {
			above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1,
			    diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[lb];
}

void
config_nearest_try(struct config_nearest *nearest, const char *name)
{
	unsigned d = distance(nearest->to, name);

	/* "keyy" is near "key", but not every three letters are. */
	if (d > 3 || d >= strlen(nearest->to))
		return;
	if (nearest->best == NULL || d < nearest->distance) {
		nearest->best = name;
		nearest->distance = d;
	}
}

static void
unknown_key(struct config_loader *l, const struct config_section *section,
    const struct config_entry *entry, const struct config_key *keys,
    bool schemes)
{
	struct config_nearest nearest = {.to = entry->key};
	const char *name;
	size_t i;

	for (; keys->name != NULL; keys++)
		config_nearest_try(&nearest, keys->name);
	for (i = 0; schemes && (name = scheme_key(i)) != NULL; i++)
		config_nearest_try(&nearest, name);
	config_fault(&l->faults, &entry->where,
	    "%s%s%s: unknown key \"%.64s\"%s%s%s", section->kind,
	    *section->name ? " " : "", section->name, entry->key,
	    nearest.best ? " (" : "", nearest.best ? nearest.best : "",
	    nearest.best ? "?)" : "");
}

bool
config_path_good(struct config_loader *l, const struct config_entry *entry)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.~";
	const char *p = entry->value;
	size_t len;

	while (*p == '/') {
		len = strspn(p + 1, letters);
		/* Neither empty, nor ".", nor "..". */
		if (len <= 2 && strncmp(p + 1, "..", len) == 0)
			break;
		p += 1 + len;
	}
	if (*p == '\0')
		return true;
	config_fault(&l->faults, &entry->where,
	    "%s: \"%.80s\": expected /segment/segment of letters, digits and "
	    "\"-_.~\"",
	    entry->key, entry->value);
	return false;
}

/* ---- one value ---- */

static void
bad_value(struct config_loader *l, const struct config_entry *entry,
    const char *expected)
{
	config_fault(&l->faults, &entry->where, "%s: \"%.80s\": expected %s",
	    entry->key, entry->value, expected);
}

/* The bounds in the units the value has. */
static void
out_of_range(struct config_loader *l, const struct config_key *key,
    const struct config_entry *entry)
{
	char *(*format)(int64_t, char *, size_t) =
	    key->kind == CONFIG_SIZE ? units_format_bytes : units_format_ms;
	char least[32], most[32];

	config_fault(&l->faults, &entry->where,
	    "%s: \"%.80s\": expected %s or more%s%s", key->name, entry->value,
	    format(key->min, least, sizeof(least)), key->max ? ", up to " : "",
	    key->max ? format(key->max, most, sizeof(most)) : "");
}

static void
set_number(struct config_loader *l, const struct config_key *key,
    int64_t *member, const struct config_entry *entry)
{
	int64_t max = key->max ? key->max : INT64_MAX, value = 0;
	char expected[128];
	int result;

	if (key->kind == CONFIG_DURATION) {
		result = units_duration_ms(entry->value, &value);
		(void)snprintf(expected, sizeof(expected),
		    "a duration with its unit, such as 500ms, 5s, 10m, 1h, "
		    "30d");
	} else if (key->kind == CONFIG_SIZE) {
		result = units_size(entry->value, &value);
		(void)snprintf(expected, sizeof(expected),
		    "a size with its unit, such as 64k, 25M, 1G");
	} else {
		result = units_number(entry->value, key->min, max, &value);
		(void)snprintf(expected, sizeof(expected),
		    "a number from %" PRId64 " to %" PRId64, key->min, max);
	}
	if (result != 0)
		bad_value(l, entry, expected);
	else if (value < key->min || value > max)
		out_of_range(l, key, entry);
	else
		*member = value;
}

static void
set_word(struct config_loader *l, const struct config_key *key, int *member,
    const struct config_entry *entry)
{
	struct buf expected = {0};
	int i;

	for (i = 0; key->words[i] != NULL; i++)
		if (strcmp(key->words[i], entry->value) == 0) {
			*member = i;
			return;
		}
	for (i = 0; key->words[i] != NULL; i++)
		(void)buf_printf(
		    &expected, "%s%s", i ? ", " : "", key->words[i]);
	if (buf_str(&expected) != NULL)
		bad_value(l, entry, expected.p);
	buf_clear(&expected);
}

static void
set_bool(
    struct config_loader *l, bool *member, const struct config_entry *entry)
{
	if (strcmp(entry->value, "yes") == 0)
		*member = true;
	else if (strcmp(entry->value, "no") == 0)
		*member = false;
	else
		bad_value(l, entry, "yes or no");
}

static void
set_text(char **member, char *value)
{
	if (value == NULL)
		return;
	free(*member);
	*member = value;
}

static void
set_endpoint(
    struct config_loader *l, char **member, const struct config_entry *entry)
{
	char *path, *endpoint;

	if (strncmp(entry->value, "tcp://", 6) == 0) {
		set_text(member, config_copy(l, entry->value));
		return;
	}
	if (strncmp(entry->value, "ipc://", 6) != 0 ||
	    entry->value[6] == '\0') {
		bad_value(l, entry, "ipc://PATH or tcp://HOST:PORT");
		return;
	}
	if ((path = config_absolute(l, entry->value + 6)) == NULL)
		return;
	if (asprintf(&endpoint, "ipc://%s", path) < 0)
		l->faults.no_memory = true;
	else
		set_text(member, endpoint);
	free(path);
}

/* Addresses of a file, one a line, "#" begins a comment. */
static void
read_nets(struct config_loader *l, struct net_list *list,
    const struct config_entry *entry)
{
	char *path = config_absolute(l, entry->value + 5), *line = NULL, *end;
	FILE *file = path ? fopen(path, "re") : NULL;
	struct net_range range;
	unsigned number = 0;
	size_t size = 0, n = list->n, n_faults = l->faults.n;

	if (path != NULL && file == NULL)
		config_fault(&l->faults, &entry->where, "%s: %s: %s",
		    entry->key, path, strerror(errno));
	while (file != NULL && getline(&line, &size, file) != -1) {
		number++;
		end = line + strcspn(line, "# \t\r\n");
		*end = '\0';
		if (*line == '\0')
			continue;
		if (net_range_parse(line, &range) != 0)
			config_fault(&l->faults, &entry->where,
			    "%s: %s line %u: \"%.60s\" is no address or range",
			    entry->key, path, number, line);
		else if (net_list_add(list, &range) != 0)
			l->faults.no_memory = true;
	}
	/* what came of a download that failed must not let everybody in */
	if (list->n == n && l->faults.n == n_faults && path != NULL)
		config_fault(&l->faults, &entry->where, "%s: %s has no address",
		    entry->key, path);
	if (file != NULL)
		(void)fclose(file);
	free(line);
	free(path);
}

static void
set_nets(struct config_loader *l, struct net_list *list,
    const struct config_entry *entry)
{
	struct net_range range;

	if (strncmp(entry->value, "file:", 5) == 0)
		read_nets(l, list, entry);
	else if (net_range_parse(entry->value, &range) != 0)
		bad_value(l, entry,
		    "an address, a range such as 10.0.0.0/8, or file:PATH");
	else if (net_list_add(list, &range) != 0)
		l->faults.no_memory = true;
}

static void
set_value(struct config_loader *l, const struct config_key *key, void *object,
    const struct config_entry *entry)
{
	void *member = (char *)object + key->member;

	switch (key->kind) {
	case CONFIG_TEXT:
		set_text(member, config_copy(l, entry->value));
		break;
	case CONFIG_PATH:
		set_text(member, config_absolute(l, entry->value));
		break;
	case CONFIG_ENDPOINT:
		set_endpoint(l, member, entry);
		break;
	case CONFIG_NUMBER:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
		set_number(l, key, member, entry);
		break;
	case CONFIG_BOOL:
		set_bool(l, member, entry);
		break;
	case CONFIG_WORD:
		set_word(l, key, member, entry);
		break;
	case CONFIG_LIST:
		config_list_add(l, member, entry->value);
		break;
	case CONFIG_NETS:
		set_nets(l, member, entry);
		break;
	case CONFIG_CUSTOM:
		key->set(l, object, entry);
		break;
	}
}

static bool
may_repeat(const struct config_key *key, const char *name)
{
	if (key == NULL)
		return scheme_key_is_list(name);
	return key->kind == CONFIG_LIST || key->kind == CONFIG_NETS ||
	       key->list;
}

/* Whether the key stands above already: a fault that names both places. */
static bool
is_repeated(struct config_loader *l, const struct config_section *section,
    const struct config_entry *entry)
{
	const struct config_entry *first =
	    config_entry_find(section, entry->key);

	if (first == NULL || first == entry)
		return false;
	config_fault(&l->faults, &entry->where,
	    "%s is given twice; the first is at %s:%u", entry->key,
	    first->where.file, first->where.line);
	return true;
}

void
config_section_apply(struct config_loader *l,
    const struct config_section *section, const struct config_key *keys,
    void *object, config_other_fn *other)
{
	const struct config_entry *entry;
	const struct config_key *key;
	size_t i;

	for (i = 0; i < section->n; i++) {
		entry = &section->entries[i];
		for (key = keys; key->name != NULL; key++)
			if (strcmp(key->name, entry->key) == 0)
				break;
		if (key->name == NULL)
			key = NULL;
		if (entry->continued && (key == NULL || !key->continues))
			config_fault(&l->faults, &entry->where,
			    "%s does not go on in a line that begins with a "
			    "blank",
			    entry->key);
		if (!may_repeat(key, entry->key) &&
		    is_repeated(l, section, entry))
			continue;
		if (key != NULL)
			set_value(l, key, object, entry);
		else if (other == NULL || !other(l, object, entry))
			unknown_key(l, section, entry, keys, other != NULL);
	}
}

/* ---- secrets ---- */

static bool
is_bare(const char *text)
{
	return strncmp(text, "file:", 5) != 0 &&
	       strncmp(text, "env:", 4) != 0 &&
	       strncmp(text, "credential:", 11) != 0;
}

static int
open_secret(struct config_loader *l, const struct config_secret *from,
    struct secret *secret, const char *label)
{
	char error[SECRET_ERROR_SIZE];

	if (is_bare(from->text) && from->where->open_to_others) {
		config_fault(&l->faults, from->where,
		    "%s: a bare secret in a file that everybody can read; use "
		    "file:PATH, or chmod o-r this file",
		    label);
		return -1;
	}
	if (secret_read(from->text, l->directory, 1, secret, error) != 0) {
		config_fault(&l->faults, from->where, "%s: %s", label, error);
		return -1;
	}
	return 0;
}

struct scheme_keys *
config_open_keys(struct config_loader *l, const struct scheme *scheme,
    const struct config_secret *secrets, size_t n, const char *label)
{
	struct scheme_secret *given = calloc(n + 1, sizeof(*given));
	struct secret *opened = calloc(n + 1, sizeof(*opened));
	struct scheme_keys *keys = NULL;
	char error[SCHEME_ERROR_SIZE];
	size_t i, faulty = 0;

	if (given == NULL || opened == NULL) {
		l->faults.no_memory = true;
		goto out;
	}
	for (i = 0; i < n; i++) {
		if (open_secret(l, &secrets[i], &opened[i], label) != 0)
			faulty++;
		given[i] = (struct scheme_secret){opened[i].p, opened[i].len};
	}
	if (faulty > 0)
		goto out;
	keys = scheme_keys_new(scheme, given, n, error);
	if (keys == NULL && n == 0)
		l->faults.no_memory = true;
	else if (keys == NULL)
		config_fault(
		    &l->faults, secrets[0].where, "%s: %s", label, error);
out:
	for (i = 0; opened != NULL && i < n; i++)
		secret_clear(&opened[i]);
	free(opened);
	free(given);
	return keys;
}
