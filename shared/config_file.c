#include "config_file.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "config.h"
#include "trust.h"

enum { FILE_MAX = 16 << 20 };

/* ---- faults ---- */

struct config_fault {
	char *text; /* "FILE:LINE: sentence" */
	unsigned order;
	unsigned line;
};

void
config_fault(struct config_faults *faults, const struct config_where *where,
    const char *fmt, ...)
{
	struct config_fault *items;
	struct buf text = {0};
	va_list ap;

	(void)buf_printf(&text, "%s:%u: ", where->file, where->line);
	va_start(ap, fmt);
	(void)buf_vprintf(&text, fmt, ap);
	va_end(ap);
	items = realloc(faults->items, (faults->n + 1) * sizeof(*items));
	if (items != NULL)
		faults->items = items;
	if (items == NULL || buf_str(&text) == NULL) {
		faults->no_memory = true;
		buf_clear(&text);
		return;
	}
	items[faults->n++] =
	    (struct config_fault){buf_take(&text), where->order, where->line};
}

static int
compare_faults(const void *a, const void *b)
{
	const struct config_fault *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return strcmp(x->text, y->text);
}

void
config_faults_print(struct config_faults *faults, struct buf *out)
{
	size_t i;

	if (faults->n > 1)
		qsort(faults->items, faults->n, sizeof(*faults->items),
		    compare_faults);
	for (i = 0; i < faults->n; i++)
		(void)buf_printf(out, "%s\n", faults->items[i].text);
	if (faults->no_memory)
		(void)buf_add_str(out, "out of memory\n");
	config_faults_clear(faults);
}

void
config_faults_clear(struct config_faults *faults)
{
	size_t i;

	for (i = 0; i < faults->n; i++)
		free(faults->items[i].text);
	free(faults->items);
	*faults = (struct config_faults){0};
}

/* ---- lines ---- */

struct reader {
	struct config_text *text;
	struct config_faults *faults;
	struct config_faults *warnings;
	struct config_where where;
	EVP_MD_CTX *digest;
	size_t first;  /* section of the present file */
	bool skipping; /* in a section whose head is faulty */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cut blanks off both ends, in place. */
static char *
trim(char *s)
{
	size_t len;

	while (is_blank(*s))
		s++;
	len = strlen(s);
	while (len > 0 && (is_blank(s[len - 1]) || s[len - 1] == '\r'))
		s[--len] = '\0';
	return s;
}

static bool
is_name(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz"
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	/* Names become file names: neither hidden ones nor options. */
	return len > 0 && len <= CONFIG_NAME_MAX && s[len] == '\0' &&
	       s[0] != '.' && s[0] != '-';
}

static void
no_memory(struct reader *r)
{
	r->faults->no_memory = true;
}

static void
add_section(struct reader *r, const char *kind, const char *name)
{
	struct config_text *text = r->text;
	struct config_section *sections =
	    realloc(text->sections, (text->n + 1) * sizeof(*sections));
	struct config_section section = {
	    .kind = strdup(kind), .name = strdup(name), .where = r->where};

	if (sections != NULL)
		text->sections = sections;
	if (sections == NULL || section.kind == NULL || section.name == NULL) {
		free(section.kind);
		free(section.name);
		r->skipping = true;
		no_memory(r);
		return;
	}
	sections[text->n++] = section;
}

/* "[kind]" or "[kind name]". */
static void
read_head(struct reader *r, char *line)
{
	size_t len = strlen(line);
	char *kind, *name;

	r->skipping = true;
	if (line[len - 1] != ']') {
		config_fault(r->faults, &r->where, "section without \"]\"");
		return;
	}
	line[len - 1] = '\0';
	kind = trim(line + 1);
	name = kind + strcspn(kind, " \t");
	if (*name != '\0') {
		*name++ = '\0';
		name = trim(name);
	}
	if (!is_name(kind) || (*name != '\0' && !is_name(name))) {
		config_fault(r->faults, &r->where,
		    "section name \"%.80s\": letters, digits, \"-_.\", 1 to "
		    "%d, "
		    "not beginning with \"-\" or \".\"",
		    is_name(kind) ? name : kind, CONFIG_NAME_MAX);
		return;
	}
	r->skipping = false;
	add_section(r, kind, name);
}

static void
add_entry(struct reader *r, const char *key, const char *value)
{
	struct config_section *section = &r->text->sections[r->text->n - 1];
	struct config_entry *entries =
	    realloc(section->entries, (section->n + 1) * sizeof(*entries));
	struct config_entry entry = {
	    .key = strdup(key), .value = strdup(value), .where = r->where};

	if (entries != NULL)
		section->entries = entries;
	if (entries == NULL || entry.key == NULL || entry.value == NULL) {
		free(entry.key);
		free(entry.value);
		no_memory(r);
		return;
	}
	entries[section->n++] = entry;
}

static void
read_pair(struct reader *r, char *line)
{
	char *equals = strchr(line, '='), *key, *value;

	if (equals == NULL) {
		config_fault(r->faults, &r->where,
		    "\"%.40s\": expected [section], key = value, or a comment",
		    line);
		return;
	}
	*equals = '\0';
	key = trim(line);
	value = trim(equals + 1);
	if (r->text->n == r->first && !r->skipping) {
		config_fault(r->faults, &r->where,
		    "key \"%.40s\" stands before the first [section]", key);
		return;
	}
	if (r->skipping)
		return;
	if (*value == '\0') {
		config_fault(r->faults, &r->where,
		    "key \"%.40s\" has no value; leave the line out", key);
		return;
	}
	if (strstr(value, " #") != NULL)
		config_fault(r->warnings, &r->where,
		    "key \"%.40s\": \" #\" is part of the value; comments have "
		    "lines of their own",
		    key);
	add_entry(r, key, value);
}

static void
read_continuation(struct reader *r, const char *line)
{
	struct config_section *section;
	struct config_entry *entry;
	char *joined;

	if (r->skipping)
		return;
	section =
	    r->text->n > r->first ? &r->text->sections[r->text->n - 1] : NULL;
	if (section == NULL || section->n == 0) {
		config_fault(r->faults, &r->where,
		    "line begins with a blank, but there is no key above to "
		    "continue");
		return;
	}
	entry = &section->entries[section->n - 1];
	if (asprintf(&joined, "%s\n%s", entry->value, line) < 0) {
		no_memory(r);
		return;
	}
	free(entry->value);
	entry->value = joined;
	if (!entry->continued)
		entry->where.line = r->where.line - 1;
	entry->continued = true;
}

static void
read_line(struct reader *r, char *line)
{
	char *text = trim(line), *p;

	if (*text == '\0' || *line == '#' || *line == ';')
		return;
	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' && *p != '\t') {
			config_fault(r->faults, &r->where,
			    "control byte 0x%02x in the line",
			    (unsigned char)*p);
			return;
		}
	if (is_blank(*line))
		read_continuation(r, text);
	else if (*text == '[')
		read_head(r, text);
	else
		read_pair(r, text);
}

/* ---- files ---- */

/* Whether it may be read; else a fault. */
static bool
may_read(struct reader *r, const char *path)
{
	char error[TRUST_ERROR_SIZE];

	if (!r->text->trusted || trust_path(path, error) == 0)
		return true;
	config_fault(r->faults, &r->where, "not read as root: %s", error);
	return false;
}

/* The file's bytes with a NUL behind them, or NULL with a fault. */
static char *
read_bytes(struct reader *r, const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf bytes = {0};
	struct stat st;
	char chunk[8192];
	ssize_t n = -1;

	if (fd == -1 || fstat(fd, &st) != 0)
		goto out;
	r->where.open_to_others = (st.st_mode & S_IROTH) != 0;
	while (
	    (n = read(fd, chunk, sizeof(chunk))) > 0 && bytes.len <= FILE_MAX)
		(void)buf_add(&bytes, chunk, (size_t)n);
out:
	if (n != 0)
		config_fault(r->faults, &r->where, "cannot be read: %s",
		    n > 0 ? "larger than 16 MiB" : strerror(errno));
	if (fd != -1)
		(void)close(fd);
	*len = bytes.len;
	if (n != 0)
		buf_clear(&bytes);
	return n == 0 ? buf_take(&bytes) : NULL;
}

/* Remember the path for as long as the text lives. */
static const char *
keep_path(struct reader *r, const char *path)
{
	struct config_text *text = r->text;
	char **files =
	    realloc(text->files, (text->n_files + 1) * sizeof(*files));
	char *copy = strdup(path);

	if (files != NULL)
		text->files = files;
	if (files == NULL || copy == NULL) {
		free(copy);
		no_memory(r);
		return NULL;
	}
	files[text->n_files++] = copy;
	return copy;
}

static void
read_file(struct reader *r, const char *path)
{
	char *bytes, *line, *next;
	size_t len;

	r->where = (struct config_where){.order = (unsigned)r->text->n_files};
	if ((r->where.file = keep_path(r, path)) == NULL ||
	    !may_read(r, path) || (bytes = read_bytes(r, path, &len)) == NULL)
		return;
	/* A section does not go on in the next file. */
	r->skipping = false;
	r->first = r->text->n;
	(void)EVP_DigestUpdate(r->digest, bytes, len + 1);
	for (line = bytes; line < bytes + len; line = next) {
		r->where.line++;
		next = line + strcspn(line, "\n");
		if (*next == '\0' && next < bytes + len)
			config_fault(
			    r->faults, &r->where, "NUL byte in the line");
		*next++ = '\0';
		read_line(r, line);
	}
	free(bytes);
}

static int
is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int
compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
read_directory(struct reader *r, const char *path)
{
	struct dirent **entries = NULL;
	char *file;
	int n = scandir(path, &entries, is_conf, compare_names), i;

	if (n == -1 && errno != ENOENT) {
		r->where = (struct config_where){
		    .file = path, .order = (unsigned)r->text->n_files};
		config_fault(r->faults, &r->where, "cannot be read: %s",
		    strerror(errno));
	}
	for (i = 0; i < n; i++) {
		if (asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0) {
			no_memory(r);
		} else {
			read_file(r, file);
			free(file);
		}
		free(entries[i]);
	}
	free(entries);
}

void
config_text_read(const char *path, struct config_text *text,
    struct config_faults *faults, struct config_faults *warnings)
{
	struct reader r = {
	    .text = text, .faults = faults, .warnings = warnings};
	const char *slash = strrchr(path, '/');
	unsigned char hash[EVP_MAX_MD_SIZE];
	char *directory;

	r.digest = EVP_MD_CTX_new();
	if (r.digest == NULL ||
	    EVP_DigestInit_ex(r.digest, EVP_sha256(), NULL) != 1 ||
	    asprintf(&directory, "%.*sconf.d",
		slash ? (int)(slash - path) + 1 : 0, path) < 0) {
		no_memory(&r);
		goto out;
	}
	read_file(&r, path);
	read_directory(&r, directory);
	free(directory);
	if (EVP_DigestFinal_ex(r.digest, hash, NULL) == 1)
		(void)snprintf(text->hash, sizeof(text->hash),
		    "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
out:
	EVP_MD_CTX_free(r.digest);
}

static void
clear_section(struct config_section *section)
{
	size_t i;

	for (i = 0; i < section->n; i++) {
		free(section->entries[i].key);
		free(section->entries[i].value);
	}
	free(section->entries);
	free(section->kind);
	free(section->name);
}

void
config_text_clear(struct config_text *text)
{
	size_t i;

	for (i = 0; i < text->n; i++)
		clear_section(&text->sections[i]);
	free(text->sections);
	for (i = 0; i < text->n_files; i++)
		free(text->files[i]);
	free(text->files);
	*text = (struct config_text){0};
}
