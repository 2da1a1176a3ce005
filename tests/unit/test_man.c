/*
 * gaff.conf(5) against the code: every key of every section is there, with its
 * default and an example that loads, and no other; a plain default is the
 * code's own.
 *
 * What is looked for: `.Ss [KIND NAME]`, then for each key `.It Ic KEY …`,
 * `Default:` with the value in a line `.Li VALUE` or, where it is no plain
 * value, in words, and the example between `.Bd` and `.Ed`.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../shared/config_impl.h"
#include "../../shared/scheme_impl.h"

enum { ENTRIES_MAX = 256, TEXT_SIZE = 1024 };

struct entry {
	char kind[32];
	char key[64];
	char value[128]; /* of a plain default, or "" */
	char words[256]; /* of any other */
	char example[TEXT_SIZE];
};

static struct entry entries[ENTRIES_MAX];
static size_t n_entries;
static char path[] = "/tmp/gaff-man-XXXXXX";

/* ---- the page ---- */

static void
copy(char *to, size_t size, const char *from, size_t len)
{
	assert_true(len < size);
	memcpy(to, from, len);
	to[len] = '\0';
}

/* What stands behind `macro` in a line, or NULL. */
static const char *
behind(const char *line, const char *macro)
{
	size_t len = strlen(macro);

	return strncmp(line, macro, len) == 0 ? line + len : NULL;
}

/* An example's line as it is meant: `\e` is a backslash, `\&` nothing. */
static void
add_example(struct entry *entry, const char *line)
{
	size_t n = strlen(entry->example);

	assert_true(n + strlen(line) + 2 < sizeof(entry->example));
	for (; *line != '\0'; line++) {
		if (line[0] == '\\' && line[1] == '&') {
			line++;
			continue;
		}
		entry->example[n++] = *line;
		if (line[0] == '\\' && line[1] == 'e')
			line++;
	}
	entry->example[n++] = '\n';
	entry->example[n] = '\0';
}

struct reader {
	char kind[32];
	struct entry *entry;
	bool in_example;
	bool after_default;
};

static void
read_default(struct entry *entry, const char *line)
{
	const char *value = behind(line, ".Li ");
	size_t len = strcspn(value ? value : line, " ");

	if (value != NULL)
		copy(entry->value, sizeof(entry->value), value, len);
	else
		copy(entry->words, sizeof(entry->words), line, strlen(line));
}

static void
read_line(struct reader *r, const char *line)
{
	const char *rest;

	if ((rest = behind(line, ".Sh ")) != NULL ||
	    (rest = behind(line, ".Ss ")) != NULL) {
		r->kind[0] = '\0';
		r->entry = NULL;
		if (*rest == '[')
			copy(r->kind, sizeof(r->kind), rest + 1,
			    strcspn(rest + 1, " ]"));
	} else if (r->kind[0] != '\0' &&
		   (rest = behind(line, ".It Ic ")) != NULL) {
		assert_true(n_entries < ENTRIES_MAX);
		r->entry = &entries[n_entries++];
		strcpy(r->entry->kind, r->kind);
		copy(r->entry->key, sizeof(r->entry->key), rest,
		    strcspn(rest, " "));
	} else if (r->entry != NULL && behind(line, ".Bd ") != NULL) {
		r->in_example = true;
	} else if (behind(line, ".Ed") != NULL) {
		r->in_example = false;
	} else if (r->entry != NULL && r->in_example) {
		add_example(r->entry, line);
	} else if (r->after_default) {
		read_default(r->entry, line);
		r->after_default = false;
	} else if (r->entry != NULL && strcmp(line, "Default:") == 0) {
		r->after_default = true;
	} else if (r->entry != NULL &&
		   (rest = behind(line, "Default: ")) != NULL) {
		read_default(r->entry, rest);
	}
}

static int
set_up(void **state)
{
	FILE *page = fopen("docs/gaff.conf.5", "re");
	struct reader r = {0};
	char *line = NULL;
	size_t size = 0;
	int fd = mkstemp(path);

	(void)state;
	if (page == NULL || fd == -1)
		return -1;
	(void)close(fd);
	while (getline(&line, &size, page) != -1) {
		line[strcspn(line, "\n")] = '\0';
		read_line(&r, line);
	}
	free(line);
	return fclose(page);
}

static int
tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static const struct entry *
find_entry(const char *kind, const char *key)
{
	for (size_t i = 0; i < n_entries; i++)
		if (strcmp(entries[i].kind, kind) == 0 &&
		    strcmp(entries[i].key, key) == 0)
			return &entries[i];
	return NULL;
}

/* ---- the code ---- */

static const struct config_key *
find_key(const char *kind, const char *name)
{
	const struct config_section_kind *row = config_kinds;
	const struct config_key *key;

	while (row->kind != NULL && strcmp(row->kind, kind) != 0)
		row++;
	for (key = row->keys; key != NULL && key->name != NULL; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static bool
is_scheme_key(const char *name)
{
	for (size_t i = 0; scheme_key(i) != NULL; i++)
		if (strcmp(scheme_key(i), name) == 0)
			return true;
	return false;
}

/* A small configuration with `lines` in a section of that kind. */
static struct config *
load(const char *kind, const char *lines)
{
	static const struct {
		const char *kind, *head, *needed, *more;
	} rows[] = {
	    {"worker", "[worker NAME]", "", "user = gaff\n"},
	    {"source", "[source NAME]", "scheme =",
		"scheme = hmac\nsecret = file:secrets/x\n"
		"id = header:x-id\n"},
	    {"route", "[route NAME]", "run =", "run = /bin/true\n"},
	};
	struct buf errors = {0};
	struct config *config;
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	(void)fputs("[source github]\nscheme = hmac\nsecret = file:x\n"
		    "[source meters]\nscheme = hmac\nsecret = file:x\n",
	    file);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool here = strcmp(rows[i].kind, kind) == 0;

		(void)fprintf(file, "%s\n", rows[i].head);
		if (!here || (strstr(lines, rows[i].needed) == NULL &&
				 strstr(lines, "post =") == NULL))
			(void)fputs(rows[i].more, file);
		if (here)
			(void)fputs(lines, file);
	}
	if (strcmp(kind, "worker") != 0 && strcmp(kind, "source") != 0 &&
	    strcmp(kind, "route") != 0)
		(void)fprintf(file, "[%s]\n%s", kind, lines);
	assert_int_equal(fclose(file), 0);
	config = config_load(path, CONFIG_ROLE_NONE, &errors, NULL);
	if (config == NULL)
		fail_msg("[%s] %s: %s", kind, lines, buf_str(&errors));
	buf_clear(&errors);
	return config;
}

/* Where the members of a section are. */
static const void *
object_of(const struct config *config, const char *kind)
{
	if (strcmp(kind, "gateway") == 0)
		return &config->gateway;
	if (strcmp(kind, "log") == 0)
		return &config->log;
	if (strcmp(kind, "store") == 0)
		return &config->workers[0].store;
	if (strcmp(kind, "dead_letter") == 0)
		return &config->workers[0].dead_letter;
	if (strcmp(kind, "worker") == 0)
		return &config->workers[0];
	if (strcmp(kind, "source") == 0)
		return config_source(config, "NAME");
	return &config->routes[0];
}

/* Members of keys that have a function of their own, or none that stays. */
#define AT(s, m) offsetof(struct config_##s, m)

static const struct {
	const char *kind, *key;
	enum config_kind value;
	size_t member;
} custom[] = {
    {"gateway", "prefix", CONFIG_TEXT, AT(gateway, prefix)},
    {"store", "url", CONFIG_TEXT, AT(store, url)},
    {"source", "dedup", CONFIG_WORD, AT(source, dedup)},
    {"route", "sign", CONFIG_CUSTOM, 0},
    {"route", "failing_over", CONFIG_NUMBER, AT(route, failing_over)},
};

/* Defaults that other sections or the machine decide. */
static const char *const derived[] = {"worker max_running", "worker admin",
    "worker dead_letter", "source max_body"};

static bool
is_derived(const struct entry *entry)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%s %s", entry->kind, entry->key);
	for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++)
		if (strcmp(name, derived[i]) == 0)
			return true;
	return false;
}

/* Whether a member is the same in both; in *none whether it says nothing. */
static bool
same(enum config_kind kind, const void *a, const void *b, bool *none)
{
	const char *text[2];
	int64_t number[2] = {0, 0};

	switch (kind) {
	case CONFIG_NUMBER:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
		memcpy(&number[0], a, sizeof(int64_t));
		memcpy(&number[1], b, sizeof(int64_t));
		*none = number[0] == 0;
		return number[0] == number[1];
	case CONFIG_BOOL:
		*none = false;
		return *(const bool *)a == *(const bool *)b;
	case CONFIG_WORD:
		*none = false;
		return *(const int *)a == *(const int *)b;
	case CONFIG_TEXT:
	case CONFIG_PATH:
	case CONFIG_ENDPOINT:
		memcpy(&text[0], a, sizeof(char *));
		memcpy(&text[1], b, sizeof(char *));
		*none = text[0] == NULL;
		return text[0] != NULL && text[1] != NULL &&
		       strcmp(text[0], text[1]) == 0;
	case CONFIG_LIST:
	case CONFIG_NETS:
	case CONFIG_CUSTOM:
		break;
	}
	*none = true;
	return true;
}

/* ---- tests ---- */

static void
test_every_key_is_there(void **state)
{
	const struct config_section_kind *row;
	const struct config_key *key;
	size_t i;

	(void)state;
	for (row = config_kinds; row->kind != NULL; row++)
		for (key = row->keys; key->name != NULL; key++)
			if (find_entry(row->kind, key->name) == NULL)
				fail_msg("gaff.conf(5) has no %s in [%s]",
				    key->name, row->kind);
	for (i = 0; scheme_key(i) != NULL; i++)
		if (find_entry("scheme", scheme_key(i)) == NULL)
			fail_msg("gaff.conf(5) has no %s in [scheme]",
			    scheme_key(i));
}

static void
test_no_other_is_there(void **state)
{
	(void)state;
	assert_true(n_entries > 100);
	for (size_t i = 0; i < n_entries; i++) {
		const struct entry *e = &entries[i];

		if (find_entry(e->kind, e->key) != e)
			fail_msg("[%s] %s: twice", e->kind, e->key);
		if (strcmp(e->kind, "scheme") == 0 ? !is_scheme_key(e->key)
						   : !find_key(e->kind, e->key))
			fail_msg("[%s] %s: unknown", e->kind, e->key);
		if (e->value[0] == '\0' && e->words[0] == '\0')
			fail_msg("[%s] %s: no default", e->kind, e->key);
		if (strstr(e->example, e->key) == NULL)
			fail_msg("[%s] %s: no example", e->kind, e->key);
	}
}

/* One `key = value` a line, into a scheme. */
static void
set_lines(struct scheme *scheme, const char *lines)
{
	char error[SCHEME_ERROR_SIZE], key[64], value[TEXT_SIZE];
	int n = 0;

	for (; sscanf(lines, "%63s = %1023[^\n]\n%n", key, value, &n) == 2;
	     lines += n)
		if (scheme_set(scheme, key, value, error) != 0)
			fail_msg("%s = %s: %s", key, value, error);
	assert_string_equal(lines, "");
}

static void
test_examples_load(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_entries; i++) {
		struct scheme *scheme = scheme_new("example", NULL);

		if (strcmp(entries[i].kind, "scheme") == 0)
			set_lines(scheme, entries[i].example);
		else
			config_unref(load(entries[i].kind, entries[i].example));
		scheme_free(scheme);
	}
}

/* The type and place of a key's member; CUSTOM: it cannot be compared. */
static enum config_kind
member_of(const struct entry *e, size_t *member)
{
	const struct config_key *key = find_key(e->kind, e->key);

	*member = key->member;
	for (size_t i = 0; i < sizeof(custom) / sizeof(custom[0]); i++)
		if (strcmp(custom[i].kind, e->kind) == 0 &&
		    strcmp(custom[i].key, e->key) == 0) {
			*member = custom[i].member;
			return custom[i].value;
		}
	if (key->kind == CONFIG_CUSTOM && e->value[0] != '\0')
		fail_msg("[%s] %s: which member is it?", e->kind, e->key);
	return key->kind;
}

/* Compares a section without the key with one that says its default. */
static void
check_default(const struct entry *e)
{
	struct config *silent = load(e->kind, ""), *said;
	char line[256] = "";
	size_t member;
	enum config_kind kind = member_of(e, &member);
	bool is_same, none;

	if (e->value[0] != '\0')
		(void)snprintf(
		    line, sizeof(line), "%s = %s\n", e->key, e->value);
	said = load(e->kind, line);
	is_same = same(kind, (const char *)object_of(silent, e->kind) + member,
	    (const char *)object_of(said, e->kind) + member, &none);
	if (e->value[0] != '\0' && !is_same)
		fail_msg("[%s] %s: %s is not the default", e->kind, e->key,
		    e->value);
	if (e->value[0] == '\0' && !none && !is_derived(e))
		fail_msg("[%s] %s: it has a default: \"%s\"", e->kind, e->key,
		    e->words);
	config_unref(silent);
	config_unref(said);
}

static void
test_defaults(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_entries; i++)
		if (strcmp(entries[i].kind, "scheme") != 0)
			check_default(&entries[i]);
}

/* A default that is said leaves the compiled rules as they are. */
static void
test_scheme_defaults(void **state)
{
	struct scheme *silent = scheme_new("silent", NULL), *said;
	char error[SCHEME_ERROR_SIZE];
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < n_entries; i++) {
		const struct entry *e = &entries[i];

		if (strcmp(e->kind, "scheme") != 0 || e->value[0] == '\0')
			continue;
		said = scheme_new("said", NULL);
		assert_int_equal(scheme_set(said, e->key, e->value, error), 0);
		if (memcmp(silent->rules, said->rules,
			sizeof(struct scheme_rules)) != 0)
			fail_msg("[scheme] %s: %s is not the default", e->key,
			    e->value);
		scheme_free(said);
		n++;
	}
	assert_true(n >= 10);
	scheme_free(silent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_key_is_there),
	    cmocka_unit_test(test_no_other_is_there),
	    cmocka_unit_test(test_examples_load),
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_scheme_defaults),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
