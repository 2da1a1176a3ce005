/* What proves who sent a request, as lines of a source. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "import_impl.h"

enum { PLACE_SIZE = 512, NAME_MAX_LEN = 256 };

/* The hash of a signature's type, or NULL: it is none. */
static const char *
hash_of(const json_t *match)
{
	static const char *const hashes[] = {"sha1", "sha256", "sha512"};
	const char *type = import_text(match, "type");

	if (strncmp(type, "payload-hmac-", 13) != 0 &&
	    strncmp(type, "payload-hash-", 13) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (strcmp(type + 13, hashes[i]) == 0)
			return hashes[i];
	return NULL;
}

static void
to_lower(const char *text, char out[NAME_MAX_LEN])
{
	size_t i = 0;

	for (; text[i] != '\0' && i < NAME_MAX_LEN - 1; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[i] = '\0';
}

bool
import_names_secret(const char *text)
{
	static const char *const words[] = {"token", "secret", "passw",
	    "authorization", "api-key", "api_key", "apikey"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(text, words[i]) != NULL)
			return true;
	return false;
}

static bool
is_token(const json_t *match)
{
	const json_t *parameter = json_object_get(match, "parameter");

	return strcmp(import_text(match, "type"), "value") == 0 &&
	       import_names_secret(import_text(parameter, "name"));
}

bool
import_is_proof(const json_t *match)
{
	const json_t *parameter = json_object_get(match, "parameter");
	const char *source = import_text(parameter, "source");

	if (strcmp(source, "header") != 0 && strcmp(source, "url") != 0 &&
	    strcmp(source, "query") != 0 && strcmp(source, "payload") != 0)
		return false;
	return import_is_value(import_text(parameter, "name")) &&
	       (hash_of(match) != NULL || is_token(match));
}

/* ---- lines ---- */

/* a.b of a payload is json:/a/b; of a form it is the field a.b. */
static void
add_payload_places(const char *name, struct buf *out)
{
	(void)buf_add_str(out, "signature = json:/");
	for (const char *p = name; *p != '\0'; p++)
		if (*p == '~' || *p == '/')
			(void)buf_add_str(out, *p == '~' ? "~0" : "~1");
		else
			(void)buf_add_char(out, *p == '.' ? '/' : *p);
	(void)buf_printf(out, "\nsignature = form:%s\n", name);
}

static void
add_places(const json_t *parameter, struct buf *out)
{
	const char *source = import_text(parameter, "source");
	const char *name = import_text(parameter, "name");
	char lower[NAME_MAX_LEN];

	to_lower(name, lower);
	if (strcmp(source, "header") == 0)
		(void)buf_printf(out, "signature = header:%s\n", lower);
	else if (strcmp(source, "payload") == 0)
		add_payload_places(name, out);
	else
		(void)buf_printf(out, "signature = query:%s\n", name);
}

/* Schemes that are known by where the signature stands. */
static const char *
known_scheme(const char *hash, const json_t *parameter)
{
	static const struct {
		const char *hash, *header, *scheme;
	} rows[] = {
	    {"sha256", "x-hub-signature-256", "github"},
	    {"sha256", "x-gitea-signature", "gitea"},
	    {"sha256", "x-forgejo-signature", "gitea"},
	    {"sha256", "x-gogs-signature", "gitea"},
	    {"", "x-gitlab-token", "gitlab.secret-token"},
	};

	char name[NAME_MAX_LEN];

	to_lower(import_text(parameter, "name"), name);
	if (strcmp(import_text(parameter, "source"), "header") != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].hash, hash) == 0 &&
		    strcmp(rows[i].header, name) == 0)
			return rows[i].scheme;
	return NULL;
}

static void
add_signature(struct import_hook *hook, const json_t *match)
{
	const json_t *parameter = json_object_get(match, "parameter");
	const char *hash = hash_of(match);
	const char *known = known_scheme(hash, parameter);
	struct buf *out = &hook->proof;

	if (known != NULL) {
		(void)buf_printf(out, "scheme = %s\n", known);
		return;
	}
	(void)buf_printf(out, "scheme = hmac\nhash = %s\n", hash);
	add_places(parameter, out);
	if (strcasecmp(import_text(parameter, "name"), "X-Hub-Signature") == 0)
		(void)buf_printf(out, "prefix = %s=\n", hash);
	else
		import_note(hook,
		    "the signature is taken without \"%s=\" before it; with "
		    "it, add prefix = %s=",
		    hash, hash);
	if (strcmp(hash, "sha1") == 0)
		import_note(hook, "SHA-1 is old; GitHub signs with SHA-256, "
				  "too: scheme = github");
}

static void
add_token(struct import_hook *hook, const json_t *match)
{
	const json_t *parameter = json_object_get(match, "parameter");
	const char *known = known_scheme("", parameter);
	bool bearer =
	    strcasecmp(import_text(parameter, "name"), "Authorization") == 0 &&
	    strncmp(import_text(match, "value"), "Bearer ", 7) == 0;

	(void)buf_printf(
	    &hook->proof, "scheme = %s\n", known != NULL ? known : "token");
	if (known != NULL || bearer)
		return;
	add_places(parameter, &hook->proof);
	(void)buf_add_str(&hook->proof, "auth_scheme = none\n");
}

/* Keep it for its file, and name that. */
static void
add_secret(struct import_hook *hook, const char *value)
{
	struct import *import = hook->import;
	struct import_secret *secrets = realloc(
	    import->secrets, (import->n_secrets + 1) * sizeof(*secrets));
	struct buf name = {0};

	if (secrets == NULL) {
		import->text.failed = true;
		return;
	}
	import->secrets = secrets;
	(void)buf_add_str(&name, hook->name);
	if (++hook->n_secrets > 1)
		(void)buf_printf(&name, ".%zu", hook->n_secrets);
	(void)buf_printf(&hook->proof, "secret = file:%s/%s\n", hook->secrets,
	    buf_str(&name));
	secrets[import->n_secrets].name = buf_take(&name);
	secrets[import->n_secrets].value = strdup(value);
	if (secrets[import->n_secrets].name == NULL ||
	    secrets[import->n_secrets].value == NULL)
		import->text.failed = true;
	import->n_secrets++;
	if (strlen(value) < 8)
		import_note(hook, "its secret has less than 8 bytes, which "
				  "gaff refuses: agree on a new one (gaff "
				  "secret)");
	if (strstr(value, "{{") != NULL)
		import_note(hook,
		    "its secret is a template: put its value into %s/%s",
		    hook->secrets, secrets[import->n_secrets - 1].name);
}

void
import_proof(struct import_hook *hook, const json_t *const *matches, size_t n)
{
	bool token = hash_of(matches[0]) == NULL;

	hook->verified = true;
	if (token)
		add_token(hook, matches[0]);
	else
		add_signature(hook, matches[0]);
	for (size_t i = 0; i < n; i++) {
		const char *value =
		    import_text(matches[i], token ? "value" : "secret");

		if (token && strncmp(value, "Bearer ", 7) == 0)
			value += 7;
		add_secret(hook, value);
	}
}
