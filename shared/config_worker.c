/* [worker NAME], and the [store] and [dead_letter] each one begins with. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_impl.h"
#include "units.h"

static const char *const full_words[] = {"hold", "delete-oldest", NULL};

static void
set_url(
    struct config_loader *l, char **member, const struct config_entry *entry)
{
	char *path, *url;

	if (strcmp(entry->value, "memory:") == 0) {
		free(*member);
		*member = config_copy(l, entry->value);
		return;
	}
	if (strncmp(entry->value, "sqlite:", 7) != 0 ||
	    entry->value[7] == '\0') {
		config_fault(&l->faults, &entry->where,
		    "%s: \"%.80s\": expected sqlite:PATH", entry->key,
		    entry->value);
		return;
	}
	if ((path = config_absolute(l, entry->value + 7)) == NULL)
		return;
	if (asprintf(&url, "sqlite:%s", path) < 0) {
		l->faults.no_memory = true;
	} else {
		free(*member);
		*member = url;
	}
	free(path);
}

static void
set_store_url(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	set_url(l, &((struct config_store *)object)->url, entry);
}

#define STORE(member) offsetof(struct config_store, member)
const struct config_key config_store_keys[] = {
    {"url", CONFIG_CUSTOM, .set = set_store_url},
    {"dedup", CONFIG_DURATION, STORE(dedup_ms), .min = 60000},
    {"keep_delivered", CONFIG_DURATION, STORE(keep_delivered_ms)},
    {"keep_unmatched", CONFIG_DURATION, STORE(keep_unmatched_ms)},
    {"keep_dead", CONFIG_DURATION, STORE(keep_dead_ms)},
    {"reserve", CONFIG_SIZE, STORE(reserve), .min = 8 << 20},
    {NULL},
};

#define DEAD(member) offsetof(struct config_dead_letter, member)
const struct config_key config_dead_letter_keys[] = {
    {"directory", CONFIG_PATH, DEAD(directory)},
    {"group", CONFIG_TEXT, DEAD(group)},
    {"keep", CONFIG_DURATION, DEAD(keep_ms)},
    {"max", CONFIG_SIZE, DEAD(max), .min = 1 << 20},
    {"when_full", CONFIG_WORD, DEAD(when_full), .words = full_words},
    {NULL},
};

static void
set_worker_store(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	set_url(l, &((struct config_worker *)object)->store.url, entry);
}

/* HOST:PORT, [IPV6]:PORT, or a port of the loopback address. */
static void
set_metrics(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct config_worker *worker = object;
	const char *colon = strrchr(entry->value, ':');
	const char *port = colon != NULL ? colon + 1 : entry->value;
	int64_t number;

	if (colon == entry->value || units_number(port, 0, 65535, &number) != 0)
		config_fault(&l->faults, &entry->where,
		    "metrics: \"%.80s\": expected HOST:PORT, or a PORT of "
		    "127.0.0.1",
		    entry->value);
	else if (colon != NULL)
		worker->metrics = config_copy(l, entry->value);
	else if (asprintf(&worker->metrics, "127.0.0.1:%s", port) < 0)
		l->faults.no_memory = true;
}

#define WORKER(member) offsetof(struct config_worker, member)
const struct config_key config_worker_keys[] = {
    {"data", CONFIG_ENDPOINT, WORKER(data)},
    {"control", CONFIG_ENDPOINT, WORKER(control)},
    {"admin", CONFIG_ENDPOINT, WORKER(admin)},
    {"group", CONFIG_TEXT, WORKER(group)},
    {"user", CONFIG_TEXT, WORKER(user)},
    {"ca_file", CONFIG_PATH, WORKER(ca_file)},
    {"metrics", CONFIG_CUSTOM, .set = set_metrics},
    {"intake_bytes", CONFIG_SIZE, WORKER(intake_bytes), .min = 1 << 20},
    {"max_running", CONFIG_NUMBER, WORKER(max_running), .min = 1, .max = 10000},
    {"stop_after", CONFIG_DURATION, WORKER(stop_after_ms)},
    {"store", CONFIG_CUSTOM, .set = set_worker_store},
    {"dead_letter", CONFIG_PATH, WORKER(dead_letter.directory)},
    {NULL},
};

static const int64_t day_ms = INT64_C(86400000);

void
config_singles_init(struct config_loader *l, struct config_singles *singles)
{
	singles->store = (struct config_store){
	    .url = config_copy(l, "sqlite:/var/lib/gaff/gaff.db"),
	    .dedup_ms = 30 * day_ms,
	    .keep_delivered_ms = 7 * day_ms,
	    .keep_unmatched_ms = 30 * day_ms,
	    .keep_dead_ms = 30 * day_ms,
	    .reserve = INT64_C(256) << 20,
	};
	singles->dead_letter = (struct config_dead_letter){
	    .directory = config_copy(l, "/var/lib/gaff/dead"),
	    .keep_ms = 90 * day_ms,
	};
}

void
config_singles_clear(struct config_singles *singles)
{
	free(singles->store.url);
	free(singles->dead_letter.directory);
	free(singles->dead_letter.group);
}

static char *
default_endpoint(struct config_loader *l, const char *name, const char *what)
{
	char *endpoint;

	if (asprintf(&endpoint, "ipc:///run/gaff/%s.%s", name, what) < 0) {
		l->faults.no_memory = true;
		return NULL;
	}
	return endpoint;
}

/* The control path with .admin; of its own where control is no path. */
static char *
default_admin(struct config_loader *l, const struct config_worker *worker)
{
	size_t len = worker->control ? strlen(worker->control) : 0;
	char *endpoint;

	if (len == 0 || strncmp(worker->control, "ipc://", 6) != 0)
		return default_endpoint(l, worker->name, "admin");
	if (len > 8 && strcmp(worker->control + len - 8, ".control") == 0)
		len -= 8;
	if (asprintf(&endpoint, "%.*s.admin", (int)len, worker->control) < 0) {
		l->faults.no_memory = true;
		return NULL;
	}
	return endpoint;
}

static struct config_worker *
add_worker(struct config_loader *l)
{
	struct config *config = l->config;
	struct config_worker *workers = realloc(
	    config->workers, (config->n_workers + 1) * sizeof(*workers));

	if (workers == NULL) {
		l->faults.no_memory = true;
		return NULL;
	}
	config->workers = workers;
	workers[config->n_workers] = (struct config_worker){0};
	return &workers[config->n_workers++];
}

static void
copy_singles(struct config_loader *l, struct config_worker *worker,
    const struct config_singles *singles)
{
	worker->store = singles->store;
	worker->store.url = NULL;
	if (singles->store.url != NULL)
		worker->store.url = config_copy(l, singles->store.url);
	worker->dead_letter = singles->dead_letter;
	worker->dead_letter.directory = NULL;
	worker->dead_letter.group = NULL;
	if (singles->dead_letter.directory != NULL)
		worker->dead_letter.directory =
		    config_copy(l, singles->dead_letter.directory);
	if (singles->dead_letter.group != NULL)
		worker->dead_letter.group =
		    config_copy(l, singles->dead_letter.group);
}

void
config_load_worker(struct config_loader *l,
    const struct config_section *section, const struct config_singles *singles)
{
	struct config_worker *worker = add_worker(l);

	if (worker == NULL)
		return;
	worker->name = config_copy(l, section->name);
	worker->intake_bytes = 64 << 20;
	worker->stop_after_ms = 30000;
	worker->max_running = 2 * sysconf(_SC_NPROCESSORS_ONLN);
	copy_singles(l, worker, singles);
	config_section_apply(l, section, config_worker_keys, worker, NULL);
	if (worker->name == NULL)
		return;
	if (worker->data == NULL)
		worker->data = default_endpoint(l, worker->name, "data");
	if (worker->control == NULL)
		worker->control = default_endpoint(l, worker->name, "control");
	if (worker->admin == NULL)
		worker->admin = default_admin(l, worker);
}

/* No two sockets may be the same; stores may: of workers on other hosts. */
void
config_check_workers(struct config_loader *l, const struct config_text *text)
{
	const struct config *config = l->config;
	const struct config_worker *a, *b;
	size_t i, j;

	for (i = 0; i < config->n_workers; i++)
		for (j = 0; j < i && !l->faults.no_memory; j++) {
			a = &config->workers[i];
			b = &config->workers[j];
			if (strcmp(a->data, b->data) != 0 &&
			    strcmp(a->control, b->control) != 0)
				continue;
			config_fault(&l->faults,
			    &config_section_of(text, "worker", a->name)->where,
			    "worker %s: data or control is the same as that "
			    "of worker %s",
			    a->name, b->name);
		}
}

void
config_worker_clear(struct config_worker *worker)
{
	free(worker->name);
	free(worker->data);
	free(worker->control);
	free(worker->admin);
	free(worker->group);
	free(worker->user);
	free(worker->ca_file);
	free(worker->metrics);
	free(worker->store.url);
	free(worker->dead_letter.directory);
	free(worker->dead_letter.group);
}
