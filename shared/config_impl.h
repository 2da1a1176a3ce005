/*
 * config_impl - how the parts of config build it; for shared/config*.c only
 */

#ifndef SHARED_CONFIG_IMPL_H
#define SHARED_CONFIG_IMPL_H

#include "config.h"
#include "config_file.h"

/* One load: what is being built and what was wrong with it. */
struct config_loader {
	struct config *config;
	enum config_role role;
	char *directory; /* of the main file: paths are relative to it */
	struct config_faults faults;
	struct config_faults warnings;
};

/* The value types a key can have; each names the member it is put into. */
enum config_kind {
	CONFIG_TEXT,     /* char * */
	CONFIG_PATH,     /* char *, absolute */
	CONFIG_ENDPOINT, /* char *, ipc:// made absolute, or tcp:// */
	CONFIG_NUMBER,   /* int64_t, min to max */
	CONFIG_DURATION, /* int64_t, ms */
	CONFIG_SIZE,     /* int64_t, bytes */
	CONFIG_BOOL,     /* bool */
	CONFIG_WORD,     /* int (an enum): index into words */
	CONFIG_LIST,     /* struct config_list; repeats */
	CONFIG_NETS,     /* struct net_list; repeats; file:PATH */
	CONFIG_CUSTOM,   /* `set` does it; repeats where `list` */
};

struct config_key {
	const char *name;
	enum config_kind kind;
	size_t member;
	int64_t min;
	int64_t max;
	const char *const *words; /* NULL-terminated */
	void (*set)(struct config_loader *l, void *object,
	    const struct config_entry *entry);
	bool list;      /* CUSTOM: may repeat */
	bool continues; /* may go on in lines that begin with a blank */
};

/* One row a kind of section, in the order in which they are loaded: what others
 * build on comes first; ends with a NULL kind.  The keys of a scheme are
 * scheme_key()'s, and a source takes them too. */
struct config_section_kind {
	const char *kind;
	bool named; /* [kind NAME] */
	const struct config_key *keys;
};

extern const struct config_section_kind config_kinds[];
extern const struct config_key config_store_keys[];
extern const struct config_key config_dead_letter_keys[];
extern const struct config_key config_worker_keys[];
extern const struct config_key config_source_keys[];
extern const struct config_key config_route_keys[];

/*
 * Put the entries of a section into `object` as `keys` says.  Unknown keys go
 * to `other` when that is not NULL and it returns true; else they are faults
 * that name the nearest key.  So are bad values and repeated keys.
 */
typedef bool config_other_fn(
    struct config_loader *l, void *object, const struct config_entry *entry);
void config_section_apply(struct config_loader *l,
    const struct config_section *section, const struct config_key *keys,
    void *object, config_other_fn *other);

/* Whether the value is a path the gateway's own grammar can match; else a
 * fault. */
bool
config_path_good(struct config_loader *l, const struct config_entry *entry);

/* The value of a key of this section, or NULL. */
const struct config_entry *
config_entry_find(const struct config_section *section, const char *key);

/* `path` made absolute, malloc()ed; NULL without memory (a fault). */
char *config_absolute(struct config_loader *l, const char *path);
/* strdup() whose failure is a fault. */
char *config_copy(struct config_loader *l, const char *text);
/* Append a copy to a list. */
void config_list_add(
    struct config_loader *l, struct config_list *list, const char *text);
void config_list_clear(struct config_list *list);

/* The nearest of the names within an edit distance of 3, or NULL. */
struct config_nearest {
	const char *to;
	const char *best;
	unsigned distance;
};

void config_nearest_try(struct config_nearest *nearest, const char *name);

/* config_scheme() for scheme_link(); `arg` is the config.  A [scheme] section
 * further down is not known yet. */
const struct scheme *config_scheme_lookup(void *arg, const char *name);

/* Read secrets into keys of a scheme.  Each text was given at `where`. */
struct config_secret {
	const char *text;
	const struct config_where *where;
};
struct scheme_keys *
config_open_keys(struct config_loader *l, const struct scheme *scheme,
    const struct config_secret *secrets, size_t n, const char *label);

/* One section each; add to l->config. */
void config_load_source(
    struct config_loader *l, const struct config_section *section);
void config_load_route(
    struct config_loader *l, const struct config_section *section);

/* [store] and [dead_letter] as every worker begins with them. */
struct config_singles {
	struct config_store store;
	struct config_dead_letter dead_letter;
};

void
config_singles_init(struct config_loader *l, struct config_singles *singles);
void config_singles_clear(struct config_singles *singles);
void config_load_worker(struct config_loader *l,
    const struct config_section *section, const struct config_singles *singles);

/* Once all are there: paths twice, patterns that match nothing … */
void
config_check_sources(struct config_loader *l, const struct config_text *text);
void
config_check_workers(struct config_loader *l, const struct config_text *text);
void
config_check_routes(struct config_loader *l, const struct config_text *text);
/* The section an object came from. */
const struct config_section *config_section_of(
    const struct config_text *text, const char *kind, const char *name);

void config_source_clear(struct config_source *source);
void config_worker_clear(struct config_worker *worker);
void config_route_clear(struct config_route *route);

#endif
