#include "admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../shared/clock.h"
#include "admin_verbs.h"

enum { ARGS_MAX = 9 };

enum arg_kind { ARG_TEXT, ARG_NUMBER, ARG_BOOL, ARG_LIST, ARG_OBJECT };

static const char *const kind_names[] = {
    [ARG_TEXT] = "a text",
    [ARG_NUMBER] = "a number from 0 on",
    [ARG_BOOL] = "true or false",
    [ARG_LIST] = "a list of texts",
    [ARG_OBJECT] = "an object",
};

struct arg {
	const char *name;
	enum arg_kind kind;
	bool needed;
};

struct verb {
	const char *name;
	admin_verb_fn *run;
	struct arg args[ARGS_MAX]; /* ends with a NULL name */
};

static json_t *
ping(struct admin_context *context, const json_t *args)
{
	(void)args;
	return admin_ok(json_pack("{s:s, s:s, s:s, s:s}", "worker",
	    context->worker->name, "state", context->state, "version",
	    GAFF_VERSION, "config", context->config->hash));
}

static const struct verb verbs[] = {
    {"ping", ping, {{0}}},
    {"status", admin_status, {{0}}},
    {"attempts", admin_attempts,
	{{"source", ARG_TEXT, false}, {"type", ARG_TEXT, false},
	    {"cursor", ARG_NUMBER, false}, {0}}},
    {"metrics", admin_metrics, {{"cursor", ARG_NUMBER, false}, {0}}},
    {"events", admin_events,
	{{"source", ARG_TEXT, false}, {"type", ARG_TEXT, false},
	    {"route", ARG_TEXT, false}, {"state", ARG_TEXT, false},
	    {"since_ms", ARG_NUMBER, false}, {"cursor", ARG_NUMBER, false},
	    {"limit", ARG_NUMBER, false}, {"oldest_first", ARG_BOOL, false},
	    {0}}},
    {"show", admin_show,
	{{"id", ARG_TEXT, true}, {"body", ARG_BOOL, false}, {0}}},
    {"replay", admin_replay,
	{{"ids", ARG_LIST, true}, {"route", ARG_TEXT, false},
	    {"states", ARG_LIST, false}, {0}}},
    {"inject", admin_inject,
	{{"head", ARG_OBJECT, true}, {"body_base64", ARG_TEXT, true},
	    {"states", ARG_LIST, false}, {0}}},
    {"pause", admin_pause, {{"route", ARG_TEXT, true}, {0}}},
    {"resume", admin_resume, {{"route", ARG_TEXT, true}, {0}}},
    {"forget", admin_forget,
	{{"id", ARG_TEXT, true}, {"dry", ARG_BOOL, false}, {0}}},
    {"erase", admin_erase, {{0}}},
    {"backup", admin_backup, {{"path", ARG_TEXT, false}, {0}}},
    {"rejected", admin_rejected, {{"source", ARG_TEXT, false}, {0}}},
    {"kept", admin_kept, {{"source", ARG_TEXT, true}, {0}}},
    {"unkeep", admin_unkeep, {{"source", ARG_TEXT, true}, {0}}},
    {"rejected_show", admin_rejected_show, {{"id", ARG_TEXT, true}, {0}}},
    {"cancel", admin_cancel, {{"route", ARG_TEXT, true}, {0}}},
};

json_t *
admin_ok(json_t *data)
{
	return json_pack("{s:b, s:o}", "ok", 1, "data", data);
}

json_t *
admin_fail(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return json_pack("{s:b, s:o}", "ok", 0, "error", admin_json_text(text));
}

json_t *
admin_store_fail(struct admin_context *context, enum store_result result)
{
	static const char *const sentences[] = {
	    [STORE_FULL] = "the store has no room (or no memory) now; "
			   "nothing was changed",
	    [STORE_BROKEN] = "the store failed; the worker's log says why",
	    [STORE_NONE] = "there is no such event or delivery",
	};

	if (result == STORE_BROKEN)
		context->broken = true;
	return admin_fail("%s", sentences[result]);
}

const char *
admin_text(const json_t *args, const char *name)
{
	const char *text = json_string_value(json_object_get(args, name));

	return text != NULL ? text : "";
}

json_t *
admin_json_text(const char *text)
{
	size_t len = strlen(text);
	json_t *value = json_stringn(text, len);

	for (int cut = 0; value == NULL && cut < 3 && len > 0; cut++)
		value = json_stringn(text, --len);
	/* not UTF-8: only text of this program's making can be that */
	return value != NULL ? value : json_string("?");
}

json_t *
admin_json_time(int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(wall_ms, text);
	return json_string(text);
}

int
admin_state(const char *name)
{
	for (int state = 0; state < DELIVERY__MAX; state++)
		if (strcmp(delivery_state_name((enum delivery_state)state),
			name) == 0)
			return state;
	return -1;
}

static bool
is_text_list(const json_t *value)
{
	size_t i;
	json_t *item;

	if (!json_is_array(value))
		return false;
	json_array_foreach(
	    value, i, item) if (!json_is_string(item)) return false;
	return true;
}

static bool
fits(const json_t *value, enum arg_kind kind)
{
	switch (kind) {
	case ARG_TEXT:
		return json_is_string(value);
	case ARG_NUMBER:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case ARG_BOOL:
		return json_is_boolean(value);
	case ARG_LIST:
		return is_text_list(value);
	case ARG_OBJECT:
		return json_is_object(value);
	}
	return false;
}

static const struct arg *
find_arg(const struct verb *verb, const char *name)
{
	for (const struct arg *arg = verb->args; arg->name != NULL; arg++)
		if (strcmp(arg->name, name) == 0)
			return arg;
	return NULL;
}

/* A REPLY that says what is wrong with the arguments, or NULL. */
static json_t *
check_args(const struct verb *verb, json_t *args)
{
	const char *name;
	const struct arg *arg;
	json_t *value;

	json_object_foreach(args, name, value)
	{
		arg = find_arg(verb, name);
		if (arg == NULL)
			return admin_fail(
			    "%s takes no argument \"%.64s\"", verb->name, name);
		if (!fits(value, arg->kind))
			return admin_fail("%s: %s must be %s", verb->name, name,
			    kind_names[arg->kind]);
	}
	for (arg = verb->args; arg->name != NULL; arg++)
		if (arg->needed && json_object_get(args, arg->name) == NULL)
			return admin_fail(
			    "%s: %s is missing", verb->name, arg->name);
	return NULL;
}

json_t *
admin_answer(struct admin_context *context, const json_t *call)
{
	const char *name = json_string_value(json_object_get(call, "verb"));
	json_t *args = json_object_get(call, "args");
	json_t *none = NULL, *reply;
	const struct verb *verb = NULL;

	if (name == NULL)
		return admin_fail("a CALL needs a verb");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			verb = &verbs[i];
	if (verb == NULL)
		return admin_fail("this worker (%s) knows no verb \"%.64s\"",
		    GAFF_VERSION, name);
	if (args == NULL)
		args = none = json_object();
	if (args == NULL)
		return NULL;
	if (!json_is_object(args))
		reply = admin_fail("args must be an object");
	else if ((reply = check_args(verb, args)) == NULL)
		reply = verb->run(context, args);
	json_decref(none);
	return reply;
}
