#include "letters.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/deadletter.h"
#include "../shared/pattern.h"
#include "out.h"

struct reader {
	const struct letters_filter *filter;
	struct letters *letters;
	size_t cap;
	bool replayed;
	bool failed;
};

static bool
matches(const char *pattern, const char *text)
{
	return pattern == NULL || pattern_match(pattern, text, true);
}

static bool
is_named(const struct letters_filter *filter, const struct letter *letter)
{
	const char *id = out_member(letter->head, "id");

	for (size_t i = 0; i < filter->n_ids; i++)
		if (strstr(id, filter->ids[i]) != NULL ||
		    strcmp(letter->path, filter->ids[i]) == 0)
			return true;
	return filter->n_ids == 0;
}

static bool
passes(const struct letters_filter *filter, const struct letter *letter)
{
	if (filter->since_ms > 0 && letter->died_at_ms < filter->since_ms)
		return false;
	if (filter->until_ms > 0 && letter->died_at_ms >= filter->until_ms)
		return false;
	return is_named(filter, letter) &&
	       matches(filter->source, out_member(letter->head, "source")) &&
	       matches(filter->type, out_member(letter->head, "type")) &&
	       matches(filter->route, out_member(letter->head, "route"));
}

/* The first line as JSON, NULL when it is none. */
static json_t *
read_head(const char *path)
{
	FILE *file = fopen(path, "re");
	json_t *head = NULL;
	char *line = NULL;
	size_t cap = 0;

	if (file == NULL)
		return NULL;
	errno = 0;
	if (getline(&line, &cap, file) > 0)
		head = json_loads(line, 0, NULL);
	free(line);
	fclose(file);
	return head;
}

static int
keep(struct reader *reader, const struct letter *letter)
{
	struct letters *letters = reader->letters;

	if (letters->n == reader->cap) {
		size_t cap = reader->cap != 0 ? 2 * reader->cap : 64;
		struct letter *grown =
		    realloc(letters->items, cap * sizeof(*grown));

		if (grown == NULL)
			return -1;
		letters->items = grown;
		reader->cap = cap;
	}
	letters->items[letters->n++] = *letter;
	return 0;
}

static int
read_letter(void *arg, const char *path)
{
	struct reader *reader = arg;
	struct letter letter = {.replayed = reader->replayed};

	letter.head = read_head(path);
	if (letter.head == NULL ||
	    clock_parse(
		out_member(letter.head, "died_at"), &letter.died_at_ms) != 0) {
		fprintf(stderr, "gaff dead: %s: %s\n", path,
		    errno != 0 ? strerror(errno) : "is no dead letter");
		reader->letters->bad++;
		json_decref(letter.head);
		return 0;
	}
	letter.path = strdup(path);
	if (letter.path != NULL && !passes(reader->filter, &letter)) {
		free(letter.path);
		json_decref(letter.head);
		return 0;
	}
	if (letter.path != NULL && keep(reader, &letter) == 0)
		return 0;
	reader->failed = true;
	free(letter.path);
	json_decref(letter.head);
	return -1;
}

/* Those that were replayed lie in one directory without days. */
static void
read_replayed(const char *directory, struct reader *reader)
{
	char path[4096];
	const struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/" DEADLETTER_REPLAYED, directory);
	dir = opendir(path);
	if (dir == NULL)
		return;
	reader->replayed = true;
	while ((entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);
		size_t end = strlen(DEADLETTER_SUFFIX);

		if (len < end ||
		    strcmp(entry->d_name + len - end, DEADLETTER_SUFFIX) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/" DEADLETTER_REPLAYED "/%s",
		    directory, entry->d_name);
		if (read_letter(reader, path) != 0)
			break;
	}
	closedir(dir);
}

/* Each id given must mean one event.  0, or -1 after a sentence. */
static int
check_ids(const struct letters_filter *filter, const struct letters *letters)
{
	for (size_t i = 0; i < filter->n_ids; i++) {
		const char *part = filter->ids[i], *found = NULL;

		for (size_t k = 0; k < letters->n; k++) {
			const struct letter *letter = &letters->items[k];
			const char *id = out_member(letter->head, "id");

			if (strstr(id, part) == NULL &&
			    strcmp(letter->path, part) != 0)
				continue;
			if (found != NULL && strcmp(found, id) != 0) {
				fprintf(stderr,
				    "gaff dead: several dead letters have "
				    "\"%s\" in their ids; give more of it\n",
				    part);
				return -1;
			}
			found = id;
		}
		if (found == NULL) {
			fprintf(stderr,
			    "gaff dead: no dead letter %shas \"%s\" in its "
			    "id\n",
			    filter->replayed ? "" : "that waits ", part);
			return -1;
		}
	}
	return 0;
}

int
letters_read(const char *directory, const struct letters_filter *filter,
    struct letters *letters)
{
	struct reader reader = {.filter = filter, .letters = letters};
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	*letters = (struct letters){0};
	if (dir == NULL) {
		fprintf(
		    stderr, "gaff dead: %s: %s\n", directory, strerror(errno));
		return -1;
	}
	closedir(dir);
	if (filter->replayed)
		read_replayed(directory, &reader);
	reader.replayed = false;
	if (!reader.failed &&
	    deadletter_each(directory, read_letter, &reader) != 0 &&
	    !reader.failed) {
		fprintf(stderr, "gaff dead: %s could not be read\n", directory);
		return -1;
	}
	if (reader.failed) {
		fputs("gaff dead: no memory\n", stderr);
		return -1;
	}
	return check_ids(filter, letters);
}

void
letters_clear(struct letters *letters)
{
	for (size_t i = 0; i < letters->n; i++) {
		free(letters->items[i].path);
		json_decref(letters->items[i].head);
	}
	free(letters->items);
	*letters = (struct letters){0};
}
