#include "import.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import_impl.h"
#include "words.h"

static const char head[] =
    "# Translated from hooks of webhook by gaff import.\n"
    "#\n"
    "# - A command gets the body on standard input and no arguments of the\n"
    "#   request; headers and more are in GAFF_* (gaff-handler(7)).\n"
    "# - The sender is answered once the event is stored, before a command\n"
    "#   runs; no output of a command reaches it.\n"
    "# - Only POST is taken.  The port is the web server's.\n"
    "# - Commands run as the worker's user, or as that of user = NAME.\n"
    "# - One that fails is not tried again, as before: then there is a dead\n"
    "#   letter.  Take attempts = 1 away where it may run twice.\n"
    "\n"
    "[worker local]\n"
    "data = ipc:///run/gaff/local.data\n"
    "control = ipc:///run/gaff/local.control\n";

/* ---- texts ---- */

const char *
import_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static bool
is_line(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return false;
	return true;
}

bool
import_is_value(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && is_line(text) && text[0] != ' ' &&
	       text[len - 1] != ' ';
}

void
import_note(struct import_hook *hook, const char *fmt, ...)
{
	size_t start;
	va_list ap;

	(void)buf_add_str(&hook->notes, "# ");
	start = hook->notes.len;
	va_start(ap, fmt);
	(void)buf_vprintf(&hook->notes, fmt, ap);
	va_end(ap);
	for (size_t i = start; i < hook->notes.len; i++)
		if (!is_line((char[]){hook->notes.p[i], '\0'}))
			hook->notes.p[i] = '?';
	(void)buf_add_char(&hook->notes, '\n');
}

/* ---- name and path ---- */

/* The id, as far as it can be a name. */
static void
set_name(struct import_hook *hook, const char *id)
{
	size_t n = 0;

	for (; id[n] != '\0' && n < IMPORT_NAME_SIZE - 1; n++)
		hook->name[n] =
		    isalnum((unsigned char)id[n]) || strchr("-_.", id[n])
			? id[n]
			: '-';
	hook->name[n] = '\0';
	if (strcmp(hook->name, "gaff") == 0)
		(void)snprintf(hook->name, sizeof(hook->name), "gaff-hook");
}

static void
add_path(struct import_hook *hook, const char *id, struct buf *out)
{
	if (strcmp(hook->name, id) == 0)
		return;
	if (id[strspn(id, "abcdefghijklmnopqrstuvwxyz"
			  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./")] == '\0')
		(void)buf_printf(out, "path = /hooks/%s\n", id);
	else
		import_note(hook,
		    "its URL was /hooks/%s: the provider must be told "
		    "/hooks/%s",
		    id, hook->name);
}

/* ---- the source ---- */

static void
add_answer(struct import_hook *hook, struct buf *out)
{
	const char *body = import_text(hook->hook, "response-message");
	json_t *headers = json_object_get(hook->hook, "response-headers");
	const json_t *status =
	    json_object_get(hook->hook, "success-http-response-code");
	const json_t *header;
	size_t i;

	if (import_is_value(body))
		(void)buf_printf(out, "response_body = %s\n", body);
	else if (body[0] != '\0')
		import_note(hook, "response-message is more than a line: left "
				  "out");
	json_array_foreach(headers, i, header)
	{
		const char *name = import_text(header, "name");
		const char *value = import_text(header, "value");

		if (strcasecmp(name, "Content-Type") == 0 &&
		    import_is_value(value))
			(void)buf_printf(out, "response_type = %s\n", value);
		else
			import_note(hook,
			    "response header %s is left out: let the web "
			    "server add it",
			    name);
	}
	if (status == NULL)
		return;
	if (json_integer_value(status) >= 200 &&
	    json_integer_value(status) <= 299)
		(void)buf_printf(out, "response_status = %d\n",
		    (int)json_integer_value(status));
	else
		import_note(hook, "success-http-response-code is no 2xx: left "
				  "out, or the provider would send again");
}

static void
add_source(struct import_hook *hook, struct buf *out)
{
	(void)buf_printf(out, "\n[source %s]\n", hook->name);
	add_path(hook, import_text(hook->hook, "id"), out);
	(void)buf_add(out, hook->proof.p, hook->proof.len);
	(void)buf_add(out, hook->allow.p, hook->allow.len);
	add_answer(hook, out);
	if (hook->unsafe)
		(void)buf_add_str(out, "# unverified = yes\n");
}

/* ---- the route ---- */

/* How a handler gets at a value that used to be handed to it. */
static void
note_value(struct import_hook *hook, const char *what, const json_t *value)
{
	const char *source = import_text(value, "source");
	const char *name = import_text(value, "name");
	struct buf path = {0};

	if (strcmp(source, "payload") == 0) {
		import_payload_path(name, &path);
		import_note(hook, "- %s was %s of the payload: jq -r '%s'",
		    what, name, buf_str(&path));
	} else if (strcmp(source, "header") == 0) {
		for (const char *p = name; *p != '\0'; p++)
			(void)buf_add_char(
			    &path, (char)tolower((unsigned char)*p));
		import_note(hook,
		    "- %s was the header %s: printf %%s \"$GAFF_HEADERS\" | jq "
		    "-r '.[\"%s\"]'",
		    what, name, buf_str(&path));
	} else if (strcmp(source, "entire-payload") == 0 ||
		   strcmp(source, "raw-request-body") == 0) {
		import_note(
		    hook, "- %s was the whole body: cat, or jq .", what);
	} else if (strcmp(source, "entire-headers") == 0) {
		import_note(
		    hook, "- %s was all headers: \"$GAFF_HEADERS\"", what);
	} else {
		import_note(hook,
		    "- %s was %s %s of the request: handlers do not get it",
		    what, source, name);
	}
	buf_clear(&path);
}

static bool
is_constant(const json_t *value)
{
	return strcmp(import_text(value, "source"), "string") == 0 &&
	       is_line(import_text(value, "name"));
}

/* The program as webhook finds it: from its working directory first. */
static void
add_program(struct import_hook *hook, struct buf *out)
{
	const char *command = import_text(hook->hook, "execute-command");
	const char *directory =
	    import_text(hook->hook, "command-working-directory");
	struct buf path = {0};

	if (command[0] != '/' && strchr(command, '/') != NULL &&
	    directory[0] == '/')
		(void)buf_printf(&path, "%s/", directory);
	else if (command[0] != '/')
		import_note(hook, "the command has no path: give it one in run "
				  "=");
	(void)buf_add_str(&path, command);
	(void)buf_add_str(out, "run = ");
	(void)words_quote(out, buf_str(&path) != NULL ? path.p : "");
	buf_clear(&path);
}

static void
add_run(struct import_hook *hook, struct buf *out)
{
	json_t *list = json_object_get(hook->hook, "pass-arguments-to-command");
	const json_t *value;
	char what[32];
	size_t i, n = 0;

	add_program(hook, out);
	json_array_foreach(list, i, value) n += !is_constant(value);
	if (n > 0) {
		import_note(hook, "the command had arguments of the request; "
				  "it has to find them itself:");
		hook->stuck = true;
	}
	json_array_foreach(list, i, value)
	{
		(void)snprintf(what, sizeof(what), "$%zu", i + 1);
		if (n > 0 && is_constant(value)) {
			import_note(hook, "- %s was \"%s\"", what,
			    import_text(value, "name"));
		} else if (n > 0) {
			note_value(hook, what, value);
		} else {
			(void)buf_add_char(out, ' ');
			(void)words_quote(out, import_text(value, "name"));
		}
	}
	(void)buf_add_char(out, '\n');
}

/* The variable of a value: envname, else HOOK_name. */
static void
name_variable(const json_t *value, struct buf *name)
{
	const char *given = import_text(value, "envname");

	(void)buf_printf(name, "%s%s", given[0] != '\0' ? "" : "HOOK_",
	    given[0] != '\0' ? given : import_text(value, "name"));
}

static void
add_variables(struct import_hook *hook, const char *key, struct buf *out)
{
	json_t *list = json_object_get(hook->hook, key);
	const json_t *value;
	struct buf name = {0};
	size_t i;

	json_array_foreach(list, i, value)
	{
		const char *text = import_text(value, "name");

		buf_reset(&name);
		name_variable(value, &name);
		if (out != NULL && is_constant(value) && is_line(name.p) &&
		    import_is_value(text) && strncmp(text, "file:", 5) != 0) {
			(void)buf_printf(
			    out, "env = %s=%s\n", buf_str(&name), text);
			continue;
		}
		if (!hook->stuck)
			import_note(hook, "the command has to find these "
					  "itself, then take enabled = no "
					  "away:");
		hook->stuck = true;
		note_value(hook, buf_str(&name) != NULL ? name.p : "", value);
	}
	buf_clear(&name);
}

static void
add_route(struct import_hook *hook, struct buf *out)
{
	const char *directory =
	    import_text(hook->hook, "command-working-directory");

	(void)buf_printf(
	    out, "\n[route %s]\nsource = %s\n", hook->name, hook->name);
	if (hook->filter.len > 0) {
		(void)buf_add_str(out, "filter = ");
		(void)buf_add(out, hook->filter.p, hook->filter.len);
		(void)buf_add_char(out, '\n');
	}
	add_run(hook, out);
	if (import_is_value(directory))
		(void)buf_printf(out, "directory = %s\n", directory);
	add_variables(hook, "pass-environment-to-command", out);
	add_variables(hook, "pass-file-to-command", NULL);
	(void)buf_add_str(out, "timeout = 1h\nattempts = 1\n");
	if (hook->stuck)
		(void)buf_add_str(out, "enabled = no\n");
}

/* ---- a hook ---- */

/* Keys that are translated have no words. */
static const struct {
	const char *key;
	const char *words;
	bool stuck;
} keys[] = {
    {"id", NULL, false},
    {"execute-command", NULL, false},
    {"command-working-directory", NULL, false},
    {"response-message", NULL, false},
    {"response-headers", NULL, false},
    {"success-http-response-code", NULL, false},
    {"pass-arguments-to-command", NULL, false},
    {"pass-environment-to-command", NULL, false},
    {"pass-file-to-command", NULL, false},
    {"trigger-rule", NULL, false},
    {"trigger-signature-soft-failures", NULL, false},
    {"include-command-output-in-response",
	"the command's output cannot be the answer: gaff show ID has it",
	false},
    {"include-command-output-in-response-on-error", NULL, false},
    {"incoming-payload-content-type",
	"incoming-payload-content-type is left out: filters read JSON and "
	"forms",
	false},
    {"trigger-rule-mismatch-http-response-code",
	"a request that proves nothing is answered 401, one that a filter "
	"leaves out 200",
	false},
    {"parse-parameters-as-json",
	"parse-parameters-as-json: in a filter say (.NAME | fromjson).MEMBER, "
	"then take enabled = no away",
	true},
    {"http-methods", NULL, false},
};

static void
note_keys(struct import_hook *hook)
{
	enum { N = sizeof(keys) / sizeof(keys[0]) };

	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)hook->hook, key, value)
	{
		for (i = 0; i < N && strcmp(keys[i].key, key) != 0;)
			i++;
		if (i == N)
			import_note(hook, "%s is not known: left out", key);
		else if (keys[i].words != NULL && !json_is_false(value))
			import_note(hook, "%s", keys[i].words);
		hook->stuck |= i < N && keys[i].stuck;
	}
}

static void
note_methods(struct import_hook *hook)
{
	json_t *list = json_object_get(hook->hook, "http-methods");
	const json_t *method;
	bool post = json_array_size(list) == 0;
	size_t i;

	json_array_foreach(list, i, method)
	{
		const char *name = json_string_value(method);

		post |= name != NULL && strcasecmp(name, "POST") == 0;
	}
	if (!post)
		import_note(hook, "http-methods has no POST, and gaff takes "
				  "nothing else: the provider must send POST");
}

static void
translate(struct import_hook *hook)
{
	struct buf *text = &hook->import->text;
	struct buf source = {0}, route = {0};

	import_rule(hook, json_object_get(hook->hook, "trigger-rule"));
	note_keys(hook);
	note_methods(hook);
	add_source(hook, &source);
	add_route(hook, &route);
	(void)buf_printf(text, "\n# ---- %s ----\n", hook->name);
	(void)buf_add(text, hook->notes.p, hook->notes.len);
	(void)buf_add(text, source.p, source.len);
	(void)buf_add(text, route.p, route.len);
	text->failed |= hook->notes.failed || source.failed || route.failed ||
			hook->proof.failed || hook->allow.failed ||
			hook->filter.failed;
	hook->import->n_hooks++;
	hook->import->n_open += hook->unsafe || hook->stuck;
	buf_clear(&source);
	buf_clear(&route);
}

/* What cannot be said at all.  NULL: nothing. */
static const char *
check(const struct import_hook *hook)
{
	struct buf section = {0};
	bool is_new;

	if (hook->name[0] == '\0')
		return "has no id";
	if (!import_is_value(import_text(hook->hook, "execute-command")))
		return "has no execute-command that fits on a line";
	(void)buf_printf(&section, "\n[source %s]\n", hook->name);
	is_new = !section.failed && !hook->import->text.failed &&
		 strstr(buf_str(&hook->import->text), section.p) == NULL;
	buf_clear(&section);
	return is_new ? NULL : "has the id of another one, or nearly";
}

int
import_hooks(const json_t *hooks, const char *secrets, struct import *import,
    char error[IMPORT_ERROR_SIZE])
{
	(void)buf_add_str(&import->text, head);
	for (size_t i = 0; i < json_array_size(hooks); i++) {
		struct import_hook hook = {.hook = json_array_get(hooks, i),
		    .secrets = secrets,
		    .import = import};
		const char *fault;

		set_name(&hook, import_text(hook.hook, "id"));
		fault = check(&hook);
		if (fault != NULL) {
			(void)snprintf(error, IMPORT_ERROR_SIZE, "hook %zu %s",
			    i + 1, fault);
			return -1;
		}
		translate(&hook);
		buf_clear(&hook.notes);
		buf_clear(&hook.proof);
		buf_clear(&hook.allow);
		buf_clear(&hook.filter);
	}
	if (!import->text.failed)
		return 0;
	(void)snprintf(error, IMPORT_ERROR_SIZE, "no memory");
	return -1;
}

void
import_clear(struct import *import)
{
	for (size_t i = 0; i < import->n_secrets; i++) {
		free(import->secrets[i].name);
		free(import->secrets[i].value);
	}
	free(import->secrets);
	buf_clear(&import->text);
}
