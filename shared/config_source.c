/* [source NAME]: a path, a scheme, its secrets. */

#include <stdlib.h>
#include <string.h>

#include "config_impl.h"
#include "units.h"

/* A source while it is read: its secrets are texts until the end. */
struct draft {
	struct config_source source;
	struct config_list secrets;
	bool has_scheme;
};

static void
set_path(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct draft *draft = object;

	if (config_path_good(l, entry)) {
		free(draft->source.path);
		draft->source.path = config_copy(l, entry->value);
	}
}

static void
set_public_url(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct draft *draft = object;

	if (strncmp(entry->value, "https://", 8) != 0 &&
	    strncmp(entry->value, "http://", 7) != 0) {
		config_fault(&l->faults, &entry->where,
		    "public_url: \"%.80s\": expected https://HOST/PATH",
		    entry->value);
		return;
	}
	draft->source.public_url = config_copy(l, entry->value);
}

static void
set_dedup(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	static const struct {
		const char *word;
		enum event_dedup dedup;
	} words[] = {
	    {"key", EVENT_DEDUP_KEY},
	    {"body", EVENT_DEDUP_BODY},
	    {"none", EVENT_DEDUP_NONE},
	};
	struct draft *draft = object;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, entry->value) == 0) {
			draft->source.dedup = words[i].dedup;
			return;
		}
	config_fault(&l->faults, &entry->where,
	    "dedup: \"%.40s\": expected key, body, none", entry->value);
}

static void
set_check_body(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct draft *draft = object;

	draft->source.check_json = strcmp(entry->value, "json") == 0;
	if (!draft->source.check_json)
		config_fault(&l->faults, &entry->where,
		    "check_body: \"%.40s\": expected json", entry->value);
}

static void
set_response_status(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct draft *draft = object;
	int64_t status;

	if (units_number(entry->value, 200, 299, &status) != 0)
		config_fault(&l->faults, &entry->where,
		    "response_status: \"%.40s\": expected 200 to 299",
		    entry->value);
	else
		draft->source.response_status = (int)status;
}

/* Seen before the others, by load_source(). */
static void
set_scheme(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	(void)l;
	(void)object;
	(void)entry;
}

#define SOURCE(member)                                                         \
	(offsetof(struct draft, source) +                                      \
	    offsetof(struct config_source, member))
const struct config_key config_source_keys[] = {
    {"host", CONFIG_TEXT, SOURCE(host)},
    {"path", CONFIG_CUSTOM, .set = set_path},
    {"scheme", CONFIG_CUSTOM, .set = set_scheme},
    {"secret", CONFIG_LIST, offsetof(struct draft, secrets)},
    {"dedup", CONFIG_CUSTOM, .set = set_dedup},
    {"strict_replay", CONFIG_BOOL, SOURCE(strict_replay)},
    {"allow", CONFIG_NETS, SOURCE(allow)},
    {"public_url", CONFIG_CUSTOM, .set = set_public_url},
    {"max_body", CONFIG_SIZE, SOURCE(max_body), .min = 1, .max = 1 << 30},
    {"content_type", CONFIG_LIST, SOURCE(content_type)},
    {"check_body", CONFIG_CUSTOM, .set = set_check_body},
    {"unverified", CONFIG_BOOL, SOURCE(unverified)},
    {"silent_after", CONFIG_DURATION, SOURCE(silent_after_ms), .min = 1000},
    {"keep_rejected", CONFIG_NUMBER, SOURCE(keep_rejected), .max = 1000},
    {"response_status", CONFIG_CUSTOM, .set = set_response_status},
    {"response_body", CONFIG_TEXT, SOURCE(response_body)},
    {"response_type", CONFIG_TEXT, SOURCE(response_type)},
    {NULL},
};

/* The rest of a source's keys are those of its scheme. */
static bool
set_scheme_key(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct draft *draft = object;
	char error[SCHEME_ERROR_SIZE];
	const char *name;
	size_t i;

	for (i = 0; (name = scheme_key(i)) != NULL; i++)
		if (strcmp(name, entry->key) == 0)
			break;
	if (name == NULL)
		return false;
	if (draft->has_scheme && scheme_set(draft->source.scheme, entry->key,
				     entry->value, error) != 0)
		config_fault(
		    &l->faults, &entry->where, "%s: %s", entry->key, error);
	return true;
}

static void
unknown_scheme(struct config_loader *l, const struct config_section *section,
    const struct config_entry *entry)
{
	const char *nearest = config_scheme_nearest(l->config, entry->value);

	config_fault(&l->faults, &entry->where,
	    "source %s: unknown scheme \"%.64s\"%s%s%s; `gaff schemes` lists "
	    "them",
	    section->name, entry->value, nearest ? " (" : "",
	    nearest ? nearest : "", nearest ? "?)" : "");
}

static void
find_scheme(struct config_loader *l, const struct config_section *section,
    struct draft *draft)
{
	const struct config_entry *entry = config_entry_find(section, "scheme");
	const struct scheme *base = NULL;

	if (entry == NULL)
		config_fault(&l->faults, &section->where,
		    "source %s: needs a scheme; `gaff schemes` lists them",
		    section->name);
	else if ((base = config_scheme(l->config, entry->value)) == NULL)
		unknown_scheme(l, section, entry);
	draft->source.scheme =
	    scheme_new(base ? scheme_name(base) : section->name, base);
	if (draft->source.scheme == NULL)
		l->faults.no_memory = true;
	draft->has_scheme = base != NULL && draft->source.scheme != NULL;
}

static void
fill_text(struct config_loader *l, const struct scheme *scheme, const char *key,
    char **text)
{
	const char *own = *text == NULL ? scheme_get(scheme, key) : NULL;

	if (own != NULL)
		*text = config_copy(l, own);
}

/* The source's own answer, else its scheme's. */
static void
fill_answer(struct config_loader *l, struct config_source *source)
{
	const char *status = scheme_get(source->scheme, "response_status");

	if (source->response_status == 0)
		source->response_status =
		    status != NULL ? (int)strtol(status, NULL, 10) : 200;
	fill_text(l, source->scheme, "response_body", &source->response_body);
	fill_text(l, source->scheme, "response_type", &source->response_type);
}

/* What the sections above decide where the source is silent. */
static void
fill_defaults(struct config_loader *l, const struct config_section *section,
    struct config_source *source)
{
	const struct config_gateway *gateway = &l->config->gateway;
	struct buf path = {0};

	if (source->path == NULL && gateway->prefix != NULL) {
		(void)buf_printf(
		    &path, "%s/%s", gateway->prefix, section->name);
		if ((source->path = buf_take(&path)) == NULL)
			l->faults.no_memory = true;
	}
	if (source->max_body == 0)
		source->max_body = scheme_max_body(source->scheme);
	if (source->max_body == 0)
		source->max_body = gateway->max_body;
	if (source->dedup == EVENT_DEDUP_KEY &&
	    !scheme_key_signed(source->scheme))
		source->dedup = EVENT_DEDUP_KEY_BODY;
	fill_answer(l, source);
}

/* Nobody else's key can be another one under the same signature. */
static void
check_strict(struct config_loader *l, const struct config_section *section,
    const struct config_source *source)
{
	const char *why = NULL;

	if (!source->strict_replay)
		return;
	if (source->dedup == EVENT_DEDUP_BODY)
		why = "dedup = body knows each body already";
	else if (source->dedup == EVENT_DEDUP_NONE)
		why = "dedup = none compares nothing";
	else if (scheme_get(source->scheme, "id") == NULL)
		why = "its scheme finds no id (key: id)";
	else if (scheme_keys_signed(source->scheme))
		why = "its scheme signs the id, so that nobody can change it";
	if (why != NULL)
		config_fault(&l->faults, &section->where,
		    "source %s: strict_replay = yes: %s", section->name, why);
}

/* Whether nothing but a word in the file stands between it and everybody. */
static void
check_verified(struct config_loader *l, const struct config_section *section,
    const struct draft *draft)
{
	const struct config_source *source = &draft->source;

	if (!scheme_is_none(source->scheme)) {
		if (source->unverified)
			config_fault(&l->faults, &section->where,
			    "source %s: unverified = yes is for scheme = none",
			    section->name);
		if (draft->secrets.n == 0 && !scheme_fetches(source->scheme) &&
		    !scheme_keeps(source->scheme))
			config_fault(&l->faults, &section->where,
			    "source %s: needs a secret: secret = "
			    "file:secrets/%s",
			    section->name, section->name);
		return;
	}
	if (source->allow.n == 0 && !source->unverified)
		config_fault(&l->faults, &section->where,
		    "source %s: scheme = none lets everybody in; give it "
		    "allow = ADDRESSES, or say unverified = yes",
		    section->name);
	if (draft->secrets.n > 0)
		config_fault(&l->faults, &section->where,
		    "source %s: scheme = none does not use its secret",
		    section->name);
}

static void
open_secrets(struct config_loader *l, const struct config_section *section,
    struct draft *draft)
{
	struct config_secret *secrets;
	struct buf label = {0};
	size_t i, n = 0;

	if ((l->role != CONFIG_ROLE_GATEWAY && l->role != CONFIG_ROLE_CHECK) ||
	    (draft->secrets.n == 0 && !scheme_fetches(draft->source.scheme) &&
		!scheme_keeps(draft->source.scheme)) ||
	    scheme_is_none(draft->source.scheme))
		return;
	secrets = calloc(draft->secrets.n + 1, sizeof(*secrets));
	(void)buf_printf(&label, "source %s: secret", section->name);
	if (secrets == NULL || buf_str(&label) == NULL) {
		l->faults.no_memory = true;
		goto out;
	}
	for (i = 0; i < section->n; i++)
		if (strcmp(section->entries[i].key, "secret") == 0)
			secrets[n++] =
			    (struct config_secret){section->entries[i].value,
				&section->entries[i].where};
	draft->source.keys =
	    config_open_keys(l, draft->source.scheme, secrets, n, label.p);
out:
	buf_clear(&label);
	free(secrets);
}

/* What a provider's rule leaves to each of its users. */
static void
check_param(struct config_loader *l, const struct config_section *section,
    const struct scheme *scheme)
{
	const char *name = scheme_wanted_param(scheme);

	if (name != NULL)
		config_fault(&l->faults, &section->where,
		    "source %s: scheme %s needs param = %s=VALUE; see `gaff "
		    "schemes %s`",
		    section->name, scheme_name(scheme), name,
		    scheme_name(scheme));
}

/* A rule that nobody has seen hold may be wrong; then all is refused. */
static void
warn_weak(struct config_loader *l, const struct config_section *section,
    const struct scheme *scheme)
{
	const char *evidence = scheme_get(scheme, "evidence");

	if (evidence != NULL && strcmp(evidence, "weak") == 0)
		config_fault(&l->warnings, &section->where,
		    "source %s: scheme %s is known at second hand only "
		    "(evidence = weak): let the provider send a test event",
		    section->name, scheme_name(scheme));
}

/* Where a scheme reads its secret out of the query, or NULL. */
static const char *
url_secret(const struct scheme *scheme)
{
	const char *kind = scheme_get(scheme, "kind");
	const char *place;

	if (kind == NULL || strcmp(kind, "token") != 0)
		return NULL;
	for (size_t i = 0; (place = scheme_value(scheme, "signature", i)); i++)
		if (strncmp(place, "query:", 6) == 0)
			return place;
	return NULL;
}

/* Lines for the web servers that make logs without queries. */
static const char no_queries[] =
    ":\n"
    "  lighttpd: accesslog.format = "
    "\"%h %V %u %t \\\"%m %U %H\\\" %>s %b\" server.errorlog = "
    "\"|sed -u 's/?[^ ]*//g' >>/var/log/lighttpd/error.log\"\n"
    "  Apache: CustomLog ${APACHE_LOG_DIR}/access.log "
    "\"%h %l %u %t \\\"%m %U %H\\\" %>s %b\"\n"
    "  nginx: log_format plain '$remote_addr - $remote_user [$time_local] "
    "\"$request_method $uri $server_protocol\" $status $body_bytes_sent'; "
    "access_log /var/log/nginx/access.log plain; "
    "error_log /var/log/nginx/error.log alert;";

/* A secret that stands in the URL would stand in the web server's log too. */
static void
warn_url(struct config_loader *l, const struct config_section *section,
    const struct scheme *scheme)
{
	const char *place = url_secret(scheme);
	const struct scheme *other;
	const char *name;

	for (size_t i = 0; !place && (name = scheme_value(scheme, "also", i));
	     i++)
		if ((other = config_scheme(l->config, name)) != NULL)
			place = url_secret(other);
	if (place == NULL)
		return;
	config_fault(&l->warnings, &section->where,
	    "source %s: the secret stands in the URL (%s): keep queries out "
	    "of the web server's log%s",
	    section->name, place,
	    l->role == CONFIG_ROLE_CHECK ? no_queries
					 : "; `gaff check` says how");
}

/* Whoever comes first with a handshake delivers the secret. */
static void
warn_awaited(struct config_loader *l, const struct config_section *section,
    const struct draft *draft)
{
	if (draft->secrets.n == 0 && scheme_keeps(draft->source.scheme))
		config_fault(&l->warnings, &section->where,
		    "source %s: has no secret: the first handshake that comes "
		    "delivers it, and it is kept in the store for good "
		    "(`gaff secret --source %s` shows it)",
		    section->name, section->name);
}

static void
check_source(struct config_loader *l, const struct config_section *section,
    struct draft *draft)
{
	char error[SCHEME_ERROR_SIZE];

	if (!draft->has_scheme)
		return;
	check_param(l, section, draft->source.scheme);
	warn_weak(l, section, draft->source.scheme);
	warn_url(l, section, draft->source.scheme);
	warn_awaited(l, section, draft);
	if (scheme_link(draft->source.scheme, config_scheme_lookup, l->config,
		error) != 0 ||
	    scheme_check(draft->source.scheme, error) != 0)
		config_fault(&l->faults, &section->where, "source %s: %s",
		    section->name, error);
	else
		open_secrets(l, section, draft);
	check_strict(l, section, &draft->source);
	if (scheme_needs_url(draft->source.scheme) &&
	    draft->source.public_url == NULL)
		config_fault(&l->faults, &section->where,
		    "source %s: its scheme signs the URL: give it public_url "
		    "= https://HOST%s",
		    section->name,
		    draft->source.path ? draft->source.path : "/PATH");
	check_verified(l, section, draft);
}

void
config_load_source(
    struct config_loader *l, const struct config_section *section)
{
	struct draft draft = {.source = {.dedup = EVENT_DEDUP_KEY}};
	struct config *config = l->config;
	struct config_source *sources;

	if (strcmp(section->name, "gaff") == 0) {
		config_fault(&l->faults, &section->where,
		    "source gaff is gaff's own; choose another name");
		return;
	}
	find_scheme(l, section, &draft);
	config_section_apply(
	    l, section, config_source_keys, &draft, set_scheme_key);
	draft.source.name = config_copy(l, section->name);
	if (draft.source.scheme != NULL) {
		fill_defaults(l, section, &draft.source);
		check_source(l, section, &draft);
	}
	draft.source.n_secrets = draft.secrets.n;
	config_list_clear(&draft.secrets);

	sources = realloc(
	    config->sources, (config->n_sources + 1) * sizeof(*sources));
	if (sources == NULL) {
		l->faults.no_memory = true;
		config_source_clear(&draft.source);
		return;
	}
	config->sources = sources;
	sources[config->n_sources++] = draft.source;
}

static bool
same_place(const struct config_source *a, const struct config_source *b)
{
	if (strcmp(a->path, b->path) != 0)
		return false;
	return a->host == NULL || b->host == NULL ||
	       strcasecmp(a->host, b->host) == 0;
}

void
config_check_sources(struct config_loader *l, const struct config_text *text)
{
	const struct config_source *a, *b;
	size_t i, j;

	for (i = 0; i < l->config->n_sources; i++)
		for (j = 0; j < i; j++) {
			a = &l->config->sources[i];
			b = &l->config->sources[j];
			/* One with a host may stand beside one without. */
			if (!same_place(a, b) ||
			    (a->host == NULL) != (b->host == NULL))
				continue;
			config_fault(&l->faults,
			    &config_section_of(text, "source", a->name)->where,
			    "source %s: path %s is already source %s's",
			    a->name, a->path, b->name);
		}
}

void
config_source_clear(struct config_source *source)
{
	free(source->name);
	free(source->host);
	free(source->path);
	scheme_keys_free(source->keys);
	scheme_free(source->scheme);
	net_list_clear(&source->allow);
	free(source->public_url);
	config_list_clear(&source->content_type);
	free(source->response_body);
	free(source->response_type);
}
