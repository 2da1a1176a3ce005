/*
 * config_file - the grammar of gaff.conf, and the faults found in it
 *
 * Systemd's rules: a line is a comment (`#` or `;` first), `[kind name]`,
 * `key = value`, a continuation (blank first), or empty.  A value is the rest
 * of its line, literally.  Nothing here knows which keys exist.
 */

#ifndef SHARED_CONFIG_FILE_H
#define SHARED_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

/* Where something stands.  `file` lives as long as the config_text. */
struct config_where {
	const char *file;
	unsigned line;
	unsigned order;      /* of the file: main first, then conf.d */
	bool open_to_others; /* the file can be read by everybody */
};

struct config_entry {
	char *key;
	char *value; /* continuations joined by newlines */
	bool continued;
	struct config_where where;
};

struct config_section {
	char *kind;
	char *name; /* "" when it has none */
	struct config_where where;
	struct config_entry *entries;
	size_t n;
};

struct config_text {
	struct config_section *sections;
	size_t n;
	char **files;
	size_t n_files;
	char hash[9];
	bool trusted; /* said before: read only what trust.h lets pass */
};

/* A list of sentences with their places; a zeroed one is empty. */
struct config_faults {
	struct config_fault *items;
	size_t n;
	bool no_memory;
};

void
config_fault(struct config_faults *faults, const struct config_where *where,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Sorted by file and line, one "FILE:LINE: sentence" a line; clears them. */
void config_faults_print(struct config_faults *faults, struct buf *out);
void config_faults_clear(struct config_faults *faults);

/*
 * Read `path` and `conf.d/` beside it (`*.conf`, bytewise order).  Faults are
 * added to `faults`, warnings to `warnings`; what could be read is in *text,
 * zeroed before but for `trusted`, either way, and the caller clears it.
 */
void config_text_read(const char *path, struct config_text *text,
    struct config_faults *faults, struct config_faults *warnings);
void config_text_clear(struct config_text *text);

#endif
